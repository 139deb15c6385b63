"""Who has which sheet, as a table of plain text: all sheets, or one of them in full."""

from __future__ import annotations

import shutil
import sys

import click

from hubtui.cli import base
from hubtui.clock import moment, parse
from hubtui.names import shown
from hubtui.release import chosen, status
from hubtui.release.handout import WORDS
from hubtui.release.status import Row, Standing

_WIDE = 200
"""Columns of what is no terminal."""
_NOBODY = "There are no course accounts."


def by_sheet(found: Standing) -> None:
    """Students down, sheets across, the newest first, as many as fit; then what went wrong."""
    rows = list(status.rows(found))
    cells = {(row.name, row.sheet): _cell(row) for row in rows}
    names = {name: shown(name, limit=40) for name in found.students}
    room = _width() - max(map(len, ["STUDENT", *names.values()]))
    columns: dict[str, str] = {}
    for sheet in found.sheets:
        title = chosen.title_of({sheet.name: 1}) + (f" v{sheet.version}" * (sheet.version > 1))
        title += "" if sheet.released else " (tried)"
        room -= 2 + max(map(len, [title, *(cells[name, sheet.name] for name in names)]))
        if room < 0 and columns:
            break
        columns[sheet.name] = title
    base.write_table(
        ["STUDENT", *columns.values()],
        [[said, *(cells[name, sheet] for sheet in columns)] for name, said in names.items()],
        _NOBODY,
    )
    if left := len(found.sheets) - len(columns):
        click.echo(f"{left} older: hubtui release status --sheet NAME, or --json for all")
    for row in rows:
        if row.state in status.BAD:
            who = f"{names[row.name]}, {chosen.called(row.sheet)}"
            click.echo(f"! {who}: {_word(row.state)}{f': {row.why}' if row.why else ''}")


def of_sheet(found: Standing, sheet: str) -> None:
    """A line per student, with what became of the files."""
    base.write_table(
        ["STUDENT", "STATE", "VERSION", "WHEN", "FILES", "WHY"],
        [
            [
                shown(row.name, limit=40),
                _word(row.state) + (", older" if row.behind else ""),
                str(row.version or ""),
                moment(parse(row.at), found.at) if row.at else "",
                ", ".join(f"{n} {WORDS.get(state, state)}" for state, n in row.counts.items()),
                row.why,
            ]
            for row in status.rows(found, sheet)
        ],
        _NOBODY,
    )


def _cell(row: Row) -> str:
    older = f" v{row.version}" if row.behind else ""
    return f"{_word(row.state)}{older}"


def _word(state: str | None) -> str:
    return (state or "").replace("_", " ")


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDE
