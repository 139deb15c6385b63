"""The exam check in words: GO or NOT YET, a row for each question, and what helps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rich.text import Text

from hubtui.clock import moment
from hubtui.exam.records import Answer, Readiness
from hubtui.findings import State
from hubtui.names import shown
from hubtui.tui.colours import BAD, GOOD, QUIET
from hubtui.tui.columns import Column, Row
from hubtui.tui.glance_words import MARKS
from hubtui.units import counted

COLUMNS = (
    Column("mark", "", 2, align="right"),
    Column("question", "QUESTION", 36),
    Column("answer", "ANSWER", None),
)
_ORDER = list(State)


def verdict(found: Readiness) -> Text:
    """``GO for 40 students``; ``NOT YET for 40 students``, and how many questions are open."""
    about = f" for {counted(found.students, 'student')}"
    if not found.go:
        against = [a for a in found.answers if a.state in (State.CRITICAL, State.UNKNOWN)]
        said = Text(f"✗ NOT YET{about}")
        for each in (BAD, "bold"):  # the console knows our own names of styles alone
            said.stylize(each)
        many = counted(len(against), "question")
        return said.append(f"  {many} without a good answer")
    said = Text(f"✓ GO{about}")
    for each in (GOOD, "bold"):
        said.stylize(each)
    if doubts := sum(a.state is State.WARNING for a in found.answers):
        said.append(f"  {counted(doubts, 'question')} to look at")
    return said


def occasion(found: Readiness) -> Text:
    """Which exam it is about, and as of when."""
    line = Text("any day")
    if found.exam is not None:
        begin, end = found.exam.from_, found.exam.to
        line = Text(f"exam {moment(begin, found.at)} until {_end(begin, end, found.at)}")
        if found.exam.sheet:
            line.append(f", {shown(found.exam.sheet, limit=40)}")
    return line.append(f"  ·  looked at {found.at.astimezone():%H:%M:%S}", QUIET)


def _end(begin: datetime, end: datetime, at: datetime) -> str:
    same_day = begin.astimezone().date() == end.astimezone().date()
    return f"{end.astimezone():%H:%M}" if same_day else moment(end, at)


def rows(found: Readiness) -> dict[str, Row]:
    """A row for each question, the worst answer first."""
    answers = sorted(found.answers, key=lambda answer: _ORDER.index(answer.state))
    return {answer.key: _row(answer) for answer in answers}


def _row(answer: Answer) -> Row:
    style = "" if answer.state is not State.FINE else QUIET
    return (Text(*MARKS[answer.state]), shown(answer.question), Text(shown(answer.text), style))


def whole(answer: Answer) -> Text:
    """The answer in full; each remedy, the best first, with its command."""
    return Text("\n").join(_whole(answer))


def _whole(answer: Answer) -> Iterator[Text]:
    mark, style = MARKS[answer.state]
    yield Text.assemble((mark, style), " ", (shown(answer.question), "bold"))
    yield Text(shown(answer.text))
    if answer.remedies:
        yield Text()
    for words, do in answer.remedies:
        yield Text(f"· {shown(words)}")
        for line in do.splitlines():
            yield Text(f"  → {shown(line)}")
