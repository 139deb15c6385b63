"""hubtui watchdog check | status | restart | history | causes | pause | resume | exam"""

from __future__ import annotations

from datetime import datetime

import click

from hubtui.cli import base
from hubtui.cli.base import App, json_option, verb
from hubtui.cli.carry import carry, change_options
from hubtui.clock import ago, stamp
from hubtui.names import shown
from hubtui.watchdog.records import Now, Probe, State


@click.group("watchdog")
def group() -> None:
    """The hub, looked at each minute: how it is, what was restarted, and why."""


@group.command("check")
@verb
def check(app: App) -> int:
    """Look at the hub, and restart it where that helps; run each minute by the timer."""
    from hubtui.cli.check import main

    return main(app.config or "")


@group.command("status")
@json_option
@verb
def status(app: App, as_json: bool) -> int:
    """How things stood at the last check; asks the hub nothing. Exit 0 fine, 1 warning, 2 bad."""
    from hubtui import pauses
    from hubtui.watchdog import live

    server = app.server
    now = live.read(server.live)
    at = server.clock()
    pause, exam, trouble = pauses.look(server.course, server.state, at)
    if as_json:
        _json(app, now, pause.until if pause is not None else None, at)
        return _code(now, at)
    if now is None:
        base.need_root("Looking at the watchdog")
        click.echo("The watchdog has not run since the start of this machine.")
        click.echo("Install it: hubtui install watchdog; or look once: hubtui watchdog check")
        return 3
    click.echo(f"{now.state}: {now.text}")
    if now.do:
        click.echo(f"  {now.do}")
    click.echo(f"  last check {_when(now.at, at)}, next {_next(now, at)}")
    for probe in now.probes:
        click.echo(f"  {probe.layer:<7} {_said(probe)}")
    if pause is not None and now.state is not State.PAUSED:
        until = f" until {pauses.clock(server.course, pause.until, at)}" if pause.until else ""
        click.echo(f"  It is paused{until}, by {shown(pause.by, 40)}: it restarts nothing.")
    if exam is not None:
        click.echo(f"  An exam runs until {pauses.clock(server.course, exam.to, at)}.")
    if trouble:
        click.echo(f"hubtui: {trouble}", err=True)
    return _code(now, at)


@group.command("restart")
@change_options
@verb
def restart(app: App, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Restart the hub now; says before what becomes of students' servers."""
    from hubtui.watchdog.restart_plan import restart_plan

    if not dry_run:
        base.need_root("Restarting the hub")
    return carry(app, restart_plan(app.server), dry_run=dry_run, yes=yes, as_json=as_json)


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
        "silent": now is None or (at - now.at).total_seconds() > _SILENCE,
    }
    base.write_json(app.server, "watchdog", [document], [], at)


def _code(now: Now | None, at: datetime) -> int:
    if now is None or (at - now.at).total_seconds() > _SILENCE:
        return 3
    if now.state in (State.UP, State.STARTING):
        return 0
    return 1 if now.state in (State.SUSPECT, State.DEGRADED, State.PAUSED) else 2


def _when(then: datetime, at: datetime) -> str:
    seconds = (at - then).total_seconds()
    return f"{seconds:.0f} s ago" if seconds < 120 else f"{ago(then, at)} ago"


def _next(now: Now, at: datetime) -> str:
    seconds = (now.next_at - at).total_seconds()
    if seconds >= 0:
        return f"in {seconds:.0f} s"
    return f"due since {-seconds:.0f} s: does the timer run? hubtui doctor"


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
