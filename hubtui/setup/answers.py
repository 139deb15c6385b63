"""What nobody can find out about a course: whom to call, and when it is examined."""

from __future__ import annotations

from datetime import datetime

import msgspec

from hubtui import typed
from hubtui.course import ExamDate, Notify
from hubtui.errors import UsageError
from hubtui.names import shown
from hubtui.when import on_the_wall, parse_span, zone_named
from hubtui.yamlfile import scalar

ADDRESSES = "a mail address such as admin@example.org, or https://… of a webhook"


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered; None where the question was left open."""

    notify: Notify | None = None
    exam: ExamDate | None = None


def whom(text: str) -> Notify:
    """A mail address or a webhook. Raises UsageError."""
    word = text.strip()
    key = "webhook" if "://" in word else "mail"
    try:
        return typed.convert({key: word}, Notify)
    except msgspec.ValidationError:
        raise UsageError(
            f"{shown(word, limit=60)!r} is nobody's address: say {ADDRESSES}."
        ) from None


def date(text: str, now: datetime, students: int | None = None) -> ExamDate:
    """``2027-02-01 09:00-11:00``, on this machine's clocks. Raises UsageError."""
    begin, end = parse_span(text, zone_named(None), now)
    zone = zone_named(begin.zone)
    first, last = (f"{one.at.astimezone(zone):%Y-%m-%d %H:%M}" for one in (begin, end))
    if on_the_wall(last, zone, last=True) <= on_the_wall(first, zone):
        raise UsageError(f"An exam from {first} to {last} has no length.")
    return ExamDate(from_=first, to=last, students=students)


def lines_of(answers: Answers) -> list[str]:
    """The sections of course.yaml; where nothing was answered, how it is written."""
    return [*_notify(answers.notify), "", *_exam(answers.exam)]


def _notify(found: Notify | None) -> list[str]:
    if found is None or (found.mail is None and found.webhook is None):
        return [
            "# Whom to call when the hub stays down. Nobody is, until this is filled in; then try",
            "# it with: hubtui notify --test",
            "# notify:",
            "#   mail: admin@example.org",
        ]
    key, value = ("mail", found.mail) if found.mail else ("webhook", found.webhook)
    return ["notify:", "  # as you answered", f"  {key}: {scalar(value or '')}"]


def _exam(found: ExamDate | None) -> list[str]:
    if found is None:
        return [
            "# When the course is examined: meanwhile nothing is released or removed, and before",
            "# it the glance says whether all is ready.",
            "# exam:",
            "#   dates:",
            "#     - {from: 2027-02-01 09:00, to: 2027-02-01 11:00, students: 40}",
        ]
    many = f", students: {found.students}" if found.students else ""
    return [
        "exam:",
        "  dates:",
        "    # as you answered",
        f"    - {{from: {found.from_}, to: {found.to}{many}}}",
    ]
