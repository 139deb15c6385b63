"""The state of the watchdog in words: how it is, since when, what to do, and what holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rich.text import Text

from hubtui.clock import moment
from hubtui.names import shown
from hubtui.tui.colours import BAD, GOOD, QUIET, WARN
from hubtui.tui.watch_look import Watch
from hubtui.units import seconds
from hubtui.watchdog.records import Got, Now, Probe, State, Verdict
from hubtui.watchdog.words import LAYERS, STATES, shown_state

INSTALL = "hubtui install watchdog"

_STATES = {
    State.UP: ("✓", GOOD),
    State.STARTING: ("…", WARN),
    State.SUSPECT: ("?", WARN),
    State.DEGRADED: ("!", WARN),
    State.DOWN: ("✗", BAD),
    State.RESTARTING: ("…", WARN),
    State.BACKOFF: ("✗", BAD),
    State.GAVE_UP: ("✗", BAD),
    State.PAUSED: ("–", WARN),
}
_GOT = {
    Got.REFUSED: "refused",
    Got.SILENT: "no answer",
    Got.BROKEN: "hung up",
    Got.STRANGER: "a stranger",
    Got.TLS: "certificate",
    Got.DNS: "no such name",
    Got.UNASKED: "not asked",
}


def standing(watch: Watch, at: datetime) -> Text:
    """How it is, and below it, after an arrow, what to do; one or two lines where there is room."""
    now = watch.now
    if watch.hidden:
        return _said(
            "?", "NOT SEEN", WARN, "Root alone can see the watchdog's state.", "sudo hubtui"
        )
    if now is None:
        text = "No check since this machine started."
        return _said("!", "NOBODY WATCHES", WARN, text, INSTALL)
    if watch.is_silent(at):
        was = "all was well then." if now.verdict is Verdict.UP else shown(now.text, limit=200)
        text = f"The watchdog does not run: last check {since(now.at, at)} ago, {was}"
        return _said("!", "NOBODY WATCHES", BAD, text, INSTALL)
    state = shown_state(now)
    mark, style = _STATES[state]
    what = "all is well." if now.verdict is Verdict.UP else shown(now.text, limit=300)
    text = f"since {moment(now.since, at)} · {what}"
    return _said(mark, STATES[state], style, text, shown(now.do, limit=300))


def _said(mark: str, word: str, style: str, text: str, do: str) -> Text:
    said = Text(f"{mark} {word}")
    for each in (style, "bold"):  # the console knows our own names of styles alone
        said.stylize(each)
    said.append(f"  {text}")
    if do:
        said.append("\n→ ", "bold").append(do)
    return said


def checked(watch: Watch, at: datetime) -> str:
    """``checked 12 s ago, next in 48 s``; how old what stands below is, where nothing checks."""
    now = watch.now
    if now is None:
        return ""
    if watch.is_silent(at):
        return f"as of {moment(now.at, at)}:"
    due = f"next in {since(at, now.next_at)}" if at < now.next_at else "the next is due"
    return f"checked {since(now.at, at)} ago, {due}"


def banners(watch: Watch, at: datetime) -> Iterator[Text]:
    """What else holds now, each on a line of its own."""
    if pause := watch.pause:
        until = f"until {moment(pause.until, at)}" if pause.until else "until somebody resumes"
        why = f" ({shown(pause.why, limit=80)})" if pause.why else ""
        by = shown(pause.by, limit=30)
        yield Text(f"– Paused {until} by {by}{why}: nothing is restarted.", WARN)
    if exam := watch.exam:
        until = moment(exam.to, at)
        yield Text(f"! Exam until {until}: a slow hub is left alone, releases are held.", WARN)


def nobody_called(watch: Watch) -> Text:
    """A warning where nobody hears of it when the hub is down."""
    said = "" if watch.called else "! nobody is called: notify in course.yaml"
    return Text.assemble((said, WARN))


def latencies(now: Now) -> Text:
    """``hub 4 ms · proxy 2 ms · log-in page 31 ms · public 48 ms``: what each answered last."""
    line = Text()
    for probe in _in_order(now):
        line.append(" · " if line else "")
        line.append(f"{LAYERS[probe.layer]} ", QUIET)
        line.append_text(answer(probe))
    if days := certificate(now):
        line.append(f" · {days}", QUIET)
    return line


def answer(probe: Probe) -> Text:
    """``31 ms``, or what was wrong: ``✗ 502``."""
    if probe.ok:
        return Text(milliseconds(probe.ms), GOOD if probe.ms < 1000 else WARN)
    word = str(probe.status) if probe.got is Got.STATUS and probe.status else ""
    return Text(f"✗ {word or _GOT.get(probe.got, 'not well')}", BAD)


def certificate(now: Now) -> str:
    """``certificate 61 days``; empty where nobody asked for one."""
    for probe in now.probes:
        if probe.days_left is not None:
            return f"certificate {max(0, int(probe.days_left))} days"
    return ""


def _in_order(now: Now) -> list[Probe]:
    by_layer = {probe.layer: probe for probe in now.probes if probe.got is not Got.UNASKED}
    return [by_layer[layer] for layer in LAYERS if layer in by_layer]


def milliseconds(ms: float) -> str:
    """``4 ms``, ``1.3 s``."""
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def since(then: datetime, at: datetime) -> str:
    """How long before ``at`` something was: ``12 s``."""
    return seconds((at - then).total_seconds())
