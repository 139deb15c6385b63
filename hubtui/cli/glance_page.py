"""The glance as one printed page, as one line, and as an exit code. Plain text, without rich:
the page has to be there within a second on a server that swaps.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from datetime import datetime

from hubtui.clock import moment
from hubtui.findings import Finding, Severity, State
from hubtui.glance.records import Glance, Line
from hubtui.names import shown
from hubtui.units import counted

EXIT = {State.FINE: 0, State.WARNING: 1, State.CRITICAL: 2, State.UNKNOWN: 3}
"""What a monitoring system expects of its checks."""
_MARKS = {State.FINE: "✓", State.WARNING: "!", State.CRITICAL: "✗", State.UNKNOWN: "?"}
_STATES = {
    Severity.CRITICAL: State.CRITICAL,
    Severity.WARNING: State.WARNING,
    Severity.NOTE: State.FINE,
}
_COLOURS = {State.FINE: 32, State.WARNING: 33, State.CRITICAL: 31, State.UNKNOWN: 35}
_BRIEF = {
    State.FINE: "OK",
    State.WARNING: "WARNING",
    State.CRITICAL: "CRITICAL",
    State.UNKNOWN: "UNKNOWN",
}
"""The words that Nagios, Icinga and their kin look for at the beginning of the line."""
_WORD, _TITLE, _NARROW, _WIDE = 8, 11, 40, 200


def page(glance: Glance, course: str, *, colours: bool = False, width: int = _WIDE) -> str:
    """All of it: the lines, what needs you, what is put off, what was not seen."""
    paint = _paint if colours else _plain
    lines = [f"{shown(course, 80)} · {moment(glance.at, glance.at)}", *_exam(glance, paint), ""]
    for line in glance.lines:
        lines += _line(line, glance.at, paint, width)
    lines += ["", *_needs(glance, paint, width)]
    if more := [*_put_off(glance, width), *_unseen(glance, width), *_elsewhere(glance, width)]:
        lines += ["", *more]
    return "".join(f"{line}\n" for line in lines)


def brief(glance: Glance) -> str:
    """``WARNING - 2 findings: The certificate of … ends in 12 days.`` and the next."""
    words = [shown(finding.text) for finding in _serious(glance)]
    many = f"{counted(len(words), 'finding')}: {' '.join(words)}" if words else ""
    unseen = [f"{shown(each.what, 60)}: {shown(each.why, 120)}" for each in glance.missing]
    unseen += [line.title for line in glance.lines if line.state is State.UNKNOWN and not unseen]
    exam = shown(glance.exam.text) if glance.exam is not None else ""
    not_seen = "not seen: " + ", ".join(unseen) if unseen else ""
    said = "; ".join(filter(None, [exam, many, not_seen]))
    return f"{_BRIEF[glance.state]} - {said or 'everything is all right'}\n"


def trouble(sentence: str) -> str:
    """The one line where nothing could be looked at."""
    return f"{_BRIEF[State.UNKNOWN]} - {sentence}\n"


def write(text: str) -> None:
    """On standard output; a sign that its encoding does not know becomes a question mark.

    Who reads no further is no trouble; a full disk is said.
    """
    try:
        sys.stdout.buffer.write(text.encode(sys.stdout.encoding or "utf-8", "replace"))
        sys.stdout.flush()
    except OSError as e:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is in its buffer
        if not isinstance(e, BrokenPipeError):
            sys.stderr.write(f"hubtui: the page cannot be written: {e.strerror}.\n")


def terminal() -> tuple[bool, int]:
    """Whether standard output shows colours, and how wide it is."""
    if not sys.stdout.isatty():
        return False, _WIDE
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM", "dumb") == "dumb"
    columns = os.get_terminal_size(sys.stdout.fileno()).columns  # 0 where nobody knows
    return not plain, max(_NARROW, columns or 80)


Paint = Callable[[State, str], str]


def _paint(state: State, text: str) -> str:
    return f"\x1b[{_COLOURS[state]}m{text}\x1b[0m"


def _plain(_state: State, text: str) -> str:
    return text


def _exam(glance: Glance, paint: Paint) -> Iterator[str]:
    if glance.exam is not None:
        state = {True: State.FINE, False: State.CRITICAL, None: State.UNKNOWN}[glance.exam.go]
        yield paint(state, f"{_MARKS[state]} {shown(glance.exam.text)}")


def _line(line: Line, at: datetime, paint: Paint, width: int) -> list[str]:
    text = shown(line.text)
    if line.text == "…":
        text = "no answer yet"
    if line.as_of is not None:
        text = f"{text} (as of {moment(line.as_of, at)})"
    head = paint(line.state, f"{_MARKS[line.state]} {line.state:<{_WORD}}")
    return _wrapped(f"{head}  {line.title:<{_TITLE}}  ", 2 + _WORD + 2 + _TITLE + 2, text, width)


def _needs(glance: Glance, paint: Paint, width: int) -> Iterator[str]:
    if not glance.findings:
        fine = glance.state is State.FINE
        yield "Nothing needs you." if fine else "Nothing needs you, as far as could be seen."
        return
    yield "What needs you"
    for finding in glance.findings:
        state = _STATES[finding.severity]
        mark = "·" if finding.severity is Severity.NOTE else _MARKS[state]
        head = paint(state, f"{mark} {finding.severity:<{_WORD}}") + "  "
        yield from _wrapped(head, 2 + _WORD + 2, f"{shown(finding.text)} [{_key(finding)}]", width)
        for what in finding.do.splitlines():
            yield f"{'':{2 + _WORD}}  → {shown(what)}"  # never wrapped: it is there to be copied


def _put_off(glance: Glance, width: int) -> Iterator[str]:
    if glance.put_off:
        said = ", ".join(
            f"{_key(each.finding)} until {moment(each.until, glance.at)}" for each in glance.put_off
        )
        yield from _wrapped(f"Put off ({len(glance.put_off)}): ", 2, said, width)


def _unseen(glance: Glance, width: int) -> Iterator[str]:
    known = {(line.title, line.text) for line in glance.lines}
    for each in glance.missing:
        if (each.what, each.why) not in known:
            said = f"{shown(each.what, 80)}: {shown(each.why)}"
            yield from _wrapped("Not seen: ", 2, said, width)
    if glance.missing and os.geteuid() != 0:
        yield "Root sees more: sudo hubtui status"


def _elsewhere(glance: Glance, width: int) -> Iterator[str]:
    if glance.elsewhere:
        yield from _wrapped("Others look after: ", 2, ", ".join(glance.elsewhere), width)


def _serious(glance: Glance) -> list[Finding]:
    return [each for each in glance.findings if each.severity is not Severity.NOTE]


def _key(finding: Finding) -> str:
    return shown(finding.key, 80)


def _wrapped(head: str, indent: int, text: str, width: int) -> list[str]:
    """Text behind its head, continued below itself; the head may have colours in it."""
    import textwrap

    taken = indent if head.endswith("  ") else len(head)
    first, *rest = textwrap.wrap(
        text,
        width,
        initial_indent=" " * taken,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]
    return [head + first[taken:], *rest]
