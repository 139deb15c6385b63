"""hubtui init | demo"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
import msgspec

from hubtui.cli import base
from hubtui.cli.carry import is_terminal
from hubtui.clock import now
from hubtui.errors import HubtuiError, UsageError
from hubtui.names import shown

if TYPE_CHECKING:
    from hubtui.setup.answers import Answers

T = TypeVar("T")


@click.command()
@click.option("--keep", is_flag=True, help="Keep the folder afterwards.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where; a fresh one by default.")
@click.option("--force", is_flag=True, help="Even beside a live hub, or with little space.")
@click.option("--students", default=30, show_default=True, help="How many sign up.")
def demo(keep: bool, folder: Path | None, force: bool, students: int) -> int:
    """A real hub and a class to play with, in a sandbox."""
    from hubtui.demo.show import run

    return run(folder, keep=keep, force=force, class_size=students)


@click.command()
@click.option("--print", "only_print", is_flag=True, help="Show it; write nothing, ask nothing.")
@click.option("--call", metavar="WHOM", help="A mail address or webhook: called when it is down.")
@click.option("--exam", metavar="FROM-TO", help='The next exam: "2027-02-01 09:00-11:00".')
@click.option("--students", type=click.IntRange(1, 100_000), help="How many come to it.")
@click.argument("file", type=click.Path(path_type=Path), required=False)
def init(
    only_print: bool, call: str | None, exam: str | None, students: int | None, file: Path | None
) -> int:
    """Write /etc/hubtui/course.yaml, or FILE, from what is found on this server.

    At a terminal it asks what nobody can find out: whom to call, and when the exam is.
    """
    from hubtui.setup import init as writer
    from hubtui.setup.answers import Answers, date, whom
    from hubtui.setup.discover import discover
    from hubtui.trust import SAFE_PLACE

    path = file or SAFE_PLACE
    if not only_print:
        if file is None:
            base.need_root(f"Writing {path}")
        writer.check_place(path)
    answers = Answers(
        notify=whom(call) if call else None, exam=date(exam, now(), students) if exam else None
    )
    found = discover()
    asks = not only_print and is_terminal()
    if asks:
        answers = _asked(answers)
    text = writer.text_of(found, answers)
    if only_print:
        click.echo(text, nl=False)
        return 0
    writer.write(path, text)
    click.echo(f"Written: {shown(str(path))}. The comments say where each value came from.")
    for line in writer.summary(found, path):
        click.echo(line)
    if asks and answers.notify is not None:
        _offer_a_test(path)
    return 0


def _asked(answers: Answers) -> Answers:
    """The questions that were not answered by an option; Enter leaves one open."""
    from hubtui.setup.answers import ADDRESSES, date, whom
    from hubtui.when import EXAMS

    if answers.notify is None:
        found = _question(
            f"Whom to call when the hub stays down ({ADDRESSES}; Enter: nobody)", whom
        )
        answers = msgspec.structs.replace(answers, notify=found)
    if answers.exam is None:
        question = f"When is the next exam ({EXAMS}; Enter: not known yet)"
        exam = _question(question, lambda text: date(text, now()))
        if exam is not None:
            many = click.prompt("How many students come", default=0, show_default=False, err=True)
            exam = msgspec.structs.replace(exam, students=many if many > 0 else None)
        answers = msgspec.structs.replace(answers, exam=exam)
    return answers


def _question(question: str, take: Callable[[str], T]) -> T | None:
    """Ask until the answer is one, or none is given."""
    while text := click.prompt(question, default="", show_default=False, err=True).strip():
        try:
            return take(text)
        except UsageError as e:
            click.echo(f"{e}", err=True)
    return None


def _offer_a_test(path: Path) -> None:
    """Send a test message to whom was named, if somebody says yes."""
    from hubtui import course, notify
    from hubtui.server import server_of

    if not click.confirm("Send a test message now", default=True, err=True):
        return
    try:
        said = notify.test(server_of(course.load(path)))
    except HubtuiError as e:
        click.echo(f"Not sent: {e}", err=True)
        return
    for way, trouble in said:
        click.echo(f"Not sent {way}: {trouble}" if trouble else f"Sent {way}. Did it come?")
