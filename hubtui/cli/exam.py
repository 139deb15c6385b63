"""``hubtui status --exam``: GO or NOT YET, question by question; and ``--try``."""

from __future__ import annotations

from collections.abc import Iterator

import click
import msgspec

from hubtui.cli.base import App, need_root, need_sight
from hubtui.exam import check, words
from hubtui.exam.records import Answer, Readiness
from hubtui.findings import State

CODES = {State.FINE: 0, State.WARNING: 1, State.CRITICAL: 2, State.UNKNOWN: 3}
_MARKS = {State.FINE: "✓", State.WARNING: "!", State.CRITICAL: "✗", State.UNKNOWN: "?"}


def exam_page(app: App, students: int | None, as_json: bool) -> int:
    """Print the exam check; 0 go, 1 go with warnings, 2 not yet, 3 something was not seen."""
    server = app.server
    need_sight("The exam check", server)
    found = check.readiness(server, students)
    if as_json:
        document = {
            "format": found.format,
            "course": server.course.course,
            "go": found.go,
            "state": found.state,
            **msgspec.to_builtins(found),
        }
        click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
    else:
        for line in page(found):
            click.echo(line)
    return CODES[found.state]


def page(found: Readiness) -> Iterator[str]:
    """The page, line by line; each text in it is safe to show."""
    yield words.one_line(found, found.at)
    for answer in found.answers:
        yield ""
        yield from _answer(answer)


def _answer(answer: Answer) -> Iterator[str]:
    yield f"{_MARKS[answer.state]} {answer.question} {answer.text}"
    for text, command in answer.remedies:
        yield f"    {text}{':' if command else '.'}"
        if command:
            yield f"      {command}"


def try_it(app: App, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Try the whole way out with the probe; 0 where everything worked."""
    from hubtui.cli.carry import carry
    from hubtui.exam.try_out import try_plan

    need_root("To try it out")
    return carry(app, try_plan(app.server), dry_run=dry_run, yes=yes, as_json=as_json)
