"""hubtui watchdog check | status | restart | history | causes | pause | resume | exam"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import click

from hubtui.cli import base
from hubtui.cli.base import App, json_option, verb
from hubtui.cli.carry import carry, change_options
from hubtui.clock import moment, stamp
from hubtui.names import shown
from hubtui.watchdog.records import Now, Probe, State


@click.group("watchdog")
def group() -> None:
    """The hub, looked at each minute: how it is, what was restarted, and why."""


@group.command("check")
@verb
def check(app: App) -> int:
    """One look, as the timer does it each minute.

    Asks hub, proxy, log-in page and public address; restarts the hub where that helps.
    """
    from hubtui.cli.check import main

    return main(app.config or "")


@group.command("status")
@json_option
@verb
def status(app: App, as_json: bool) -> int:
    """How things stood at the last check; asks the hub nothing.

    Exit 0: fine, 1: not well, or paused, 2: students cannot get in, 3: nobody watches.
    """
    from hubtui import pauses
    from hubtui.watchdog import live

    base.need_root("Looking at the watchdog")
    server = app.server
    now = live.read(server.live)
    at = server.clock()
    pause, exam, trouble = pauses.look(server.course, server.state, at)
    if as_json:
        _json(app, now, pause.until if pause is not None else None, at)
        return _code(now, at)
    for line in _silent() if now is None else _stands(now, at):
        click.echo(line)
    if pause is not None:
        until = f" until {pauses.clock(server.course, pause.until, at)}" if pause.until else ""
        why = f" ({pause.why})" if pause.why else ""
        click.echo(f"  Paused{until} by {shown(pause.by, 40)}{why}: nothing is restarted.")
    if exam is not None:
        click.echo(f"  An exam runs until {pauses.clock(server.course, exam.to, at)}.")
    if trouble:
        click.echo(f"hubtui: {trouble}", err=True)
    return _code(now, at)


@group.command("restart")
@change_options
@verb
def restart(app: App, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Restart the hub now.

    Says before what becomes of students' servers.
    """
    from hubtui.watchdog.restart_plan import restart_plan

    base.need_root("Restarting the hub")
    return carry(app, restart_plan(app.server), dry_run=dry_run, yes=yes, as_json=as_json)


def _silent() -> Iterator[str]:
    yield "The watchdog has not run since this machine started."
    yield "Install it: hubtui install watchdog; or look once: hubtui watchdog check"


def _stands(now: Now, at: datetime) -> Iterator[str]:
    from hubtui.watchdog.words import LAYERS, STATES, shown_state

    word = STATES[shown_state(now)]
    if _is_silent(now, at):
        yield f"NOBODY WATCHES  the last check was {moment(now.at, at)}: {word} then"
    else:
        yield f"{word}  since {moment(now.since, at)}"
    yield f"  {shown(now.text)}"
    if now.do:
        yield f"  → {shown(now.do)}"
    yield f"  {_when(now, at)}"
    for probe in now.probes:
        yield f"  {LAYERS[probe.layer]:<11}  {_said(probe)}"


_SILENCE = 300
"""Seconds without a check until the watchdog itself is what needs a person."""


def _json(app: App, now: Now | None, paused_until: datetime | None, at: datetime) -> None:
    document = {
        "state": now.state if now is not None else "unknown",
        "verdict": now.verdict if now is not None else "unknown",
        "text": now.text if now is not None else "",
        "since": stamp(now.since) if now is not None else None,
        "last_check": stamp(now.at) if now is not None else None,
        "next_check": stamp(now.next_at) if now is not None else None,
        "latency_ms": {
            probe.layer: probe.ms if probe.ok else None
            for probe in (now.probes if now is not None else ())
        },
        "paused_until": stamp(paused_until) if paused_until is not None else None,
        "silent": _is_silent(now, at),
    }
    base.write_json(app.server, "watchdog", [document], [], at)


def _code(now: Now | None, at: datetime) -> int:
    if now is None or _is_silent(now, at):
        return 3
    from hubtui.watchdog.words import shown_state

    state = shown_state(now)
    if state in (State.UP, State.STARTING):
        return 0
    return 1 if state in (State.SUSPECT, State.DEGRADED, State.PAUSED) else 2


def _is_silent(now: Now | None, at: datetime) -> bool:
    return now is None or (at - now.at).total_seconds() > _SILENCE


def _when(now: Now, at: datetime) -> str:
    if _is_silent(now, at):
        return "does the timer run? hubtui doctor"
    due = (now.next_at - at).total_seconds()
    then = f"next in {due:.0f} s" if due >= 0 else "the next is due"
    return f"checked {(at - now.at).total_seconds():.0f} s ago, {then}"


def _said(probe: Probe) -> str:
    if probe.ok:
        days = f", certificate {probe.days_left:.0f} d" if probe.days_left is not None else ""
        return f"{probe.ms:.0f} ms{days}"
    return probe.text or str(probe.got)


def _register() -> None:
    """The verbs that have files of their own."""
    from hubtui.cli.causes import causes
    from hubtui.cli.pauses import exam, pause, resume
    from hubtui.cli.restarts import history

    for command in (history, causes, pause, resume, exam):
        group.add_command(command)


_register()
