"""What every command shares: the configuration, the server, tables and JSON."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
import msgspec

from hubtui.clock import stamp
from hubtui.errors import Refused
from hubtui.names import shown

if TYPE_CHECKING:
    from datetime import datetime

    from hubtui.server import Server
    from hubtui.students import Missing

F = TypeVar("F", bound=Callable[..., Any])


class App:
    """Carried by click from the program's options to the verb's."""

    def __init__(self) -> None:
        self.config: str | None = None

    @functools.cached_property
    def config_file(self) -> Path:
        """Which course.yaml is in use."""
        from hubtui import course

        return course.find(self.config, os.environ)

    @functools.cached_property
    def server(self) -> Server:
        """The machine with its course. Raises ConfigError."""
        from hubtui import course
        from hubtui.server import server_of

        return server_of(course.load(self.config_file))


def _config(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(App).config = value


config_option = click.option(
    "--config",
    metavar="FILE",
    help="The course.yaml to use.",
    expose_value=False,
    is_eager=True,
    callback=_config,
)
json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")


def verb(function: F) -> F:
    """Give a command the App as its first argument and --config after the verb."""

    @click.pass_context
    @functools.wraps(function)
    def call(context: click.Context, *args: Any, **kwargs: Any) -> Any:
        return function(context.ensure_object(App), *args, **kwargs)

    return cast(F, config_option(call))


def need_root(doing: str) -> None:
    """Raise Refused unless we are root, with what to say instead."""
    if os.geteuid() != 0:
        words = " ".join(shown(word, limit=60) for word in sys.argv[1:])
        tutors = words.removeprefix("release ")
        also = f" (tutors: sudo hubtui-tutor {tutors})" if tutors != words else ""
        raise Refused(f"{doing} needs root: sudo hubtui {words}{also}")


def need_sight(doing: str, server: Server) -> None:
    """Raise Refused where what hubtui keeps is closed to us: nothing seen is not nothing there."""
    if not os.access(server.state, os.R_OK | os.X_OK):
        need_root(doing)


def write_json(
    server: Server,
    noun: str,
    rows: Sequence[Any],
    missing: Sequence[Missing],
    at: datetime,
    **beside: Any,
) -> None:
    """A listing as DESIGN says: format, course, at, the noun, what is missing; more beside it."""
    write_document(
        {
            "format": 1,
            "course": server.course.course,
            "at": stamp(at),
            **beside,
            noun: rows,
            "missing": missing,
        }
    )


def write_document(document: Mapping[str, Any]) -> None:
    """JSON for people and programs alike."""
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def write_table(columns: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
    """Rows of plain text, safe to show; ``empty`` is said where there are none."""
    if not rows:
        click.echo(empty)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 200
    console.print(table)


def write_missing(missing: Sequence[Missing]) -> None:
    """Say on stderr what could not be looked at."""
    for each in missing:
        click.echo(f"Without {each.what}: {shown(each.why)}", err=True)


def read_names(names: Sequence[str], file: str | None = None) -> list[str]:
    """Names from the command line and, one a line, from a file (``-``: standard input)."""
    found = list(names)
    if file is not None:
        with click.open_file(file, encoding="utf-8", errors="replace") as lines:
            found += [line.partition("#")[0].strip("\ufeff \t\r\n") for line in lines]
    return [name for name in dict.fromkeys(found) if name]
