"""hubtui status: the glance in one page, for people, scripts and monitoring systems."""

from __future__ import annotations

import os
import sys
import time
from typing import NoReturn

import click

from hubtui.cli import base, glance_page
from hubtui.cli.base import App, json_option, verb
from hubtui.clock import now, stamp
from hubtui.errors import Refused, UsageError
from hubtui.findings import Finding, State
from hubtui.glance.records import Glance
from hubtui.names import shown

MOST = 5.0
"""Seconds from the start of the program to its page, whatever hangs."""
_REST = 0.5
"""Of them for what comes after the look."""


class _WrongUse(click.UsageError):
    """2 would tell a monitoring system that the course is down."""

    exit_code = glance_page.EXIT[State.UNKNOWN]


class _Status(click.Command):
    """Wrong use is *unknown* here."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as e:
            raise _WrongUse(e.format_message(), ctx) from e


def _end(code: int) -> NoReturn:
    """Threads that hang, and what they hold open, are not waited for."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@click.command("status", cls=_Status)
@click.option("--brief", is_flag=True, help="One line, as Nagios and its kin read it.")
@click.option("--put-off", "later", metavar="ID", help="Put a finding off; needs --until.")
@click.option("--until", metavar="WHEN", help='Until when: 12h, "Mon 08:00".')
@click.option("--take-back", "back", metavar="ID", help="Have a finding that is put off back.")
@json_option
@verb
def status(
    app: App, brief: bool, later: str | None, until: str | None, back: str | None, as_json: bool
) -> int:
    """Is everything all right, and if not, what to do: the first screen in one page.

    Exit 0: fine, 1: a warning, 2: critical, 3: something could not be looked at.
    """
    try:
        if (later is None) != (until is None) or bool(later) + bool(back) + brief + as_json > 1:
            raise UsageError("Say --put-off ID with --until WHEN, or --take-back, --brief, --json.")
        if later is not None and until is not None:
            _put_off(app, later, until)
            return 0
        if back is not None:
            _take_back(app, back)
            return 0
        glance = _look(app)
    except UsageError as e:  # course.yaml among them
        return _unknown(str(e), brief=brief, as_json=as_json)
    if as_json:
        _write_json(app, glance)
    elif brief:
        glance_page.write(glance_page.brief(glance))
    else:
        colours, width = glance_page.terminal()
        course = app.server.course.course
        glance_page.write(glance_page.page(glance, course, colours=colours, width=width))
    _end(glance_page.EXIT[glance.state])


def _look(app: App) -> Glance:
    """Raises ConfigError."""
    from hubtui.glance.sources import gatherer

    return gatherer(app.server).look(max(0.5, MOST - _REST - _age()), fresh=True)


def _age() -> float:
    """For how many seconds this process exists: under swap its start alone may take some."""
    began = float(_stat("/proc/self/stat").rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began / os.sysconf("SC_CLK_TCK")


def _stat(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - pathlib is slow
        return file.read()


def _unknown(sentence: str, *, brief: bool, as_json: bool) -> int:
    if as_json:
        document = {
            "format": 1,
            "course": "",
            "at": stamp(now()),
            "state": State.UNKNOWN,
            "exam": None,
            "lines": [],
            "elsewhere": [],
            "findings": [],
            "put_off": [],
            "missing": [{"what": "course.yaml", "why": sentence, "as_of": None}],
        }
        base.write_document(document)
    elif brief:
        glance_page.write(glance_page.trouble(sentence))
    else:
        click.echo(f"hubtui: {sentence}", err=True)
    return glance_page.EXIT[State.UNKNOWN]


def _write_json(app: App, glance: Glance) -> None:
    base.write_json(
        app.server,
        "put_off",
        glance.put_off,
        glance.missing,
        glance.at,
        state=glance.state,
        exam=glance.exam,
        lines=glance.lines,
        elsewhere=glance.elsewhere,
        findings=glance.findings,
    )


# --- putting off ----------------------------------------------------------------------------------


def _put_off(app: App, word: str, until: str) -> None:
    from hubtui.glance import put_off
    from hubtui.plan.plans import operator
    from hubtui.when import parse_until, written, zone_of

    base.need_root("Putting off a finding")
    server = app.server
    meant = parse_until(until, zone_of(server.course), server.clock())
    glance = _look(app)
    finding = _named(word, [*glance.findings, *(each.finding for each in glance.put_off)])
    put_off.put_off(server, finding, meant.at, operator())
    if meant.note:
        click.echo(f"! {meant.note}")
    click.echo(f"Put off until {written(meant.at, meant.zone)}: {shown(finding.text)}")


def _take_back(app: App, word: str) -> None:
    from hubtui.glance import put_off
    from hubtui.plan.plans import operator

    base.need_root("Taking back what is put off")
    put_off.take_back(app.server, word, operator())
    click.echo(f"It stands again, where it still is so: {shown(word, 80)}")


def _named(word: str, findings: list[Finding]) -> Finding:
    """By its key, or by its id where one row alone has it. Raises Refused."""
    found = [each for each in findings if each.key == word]
    found = found or [each for each in findings if each.id == word]
    if len(found) == 1:
        return found[0]
    keys = ", ".join(shown(each.key, 80) for each in found or findings)
    if found:
        raise Refused(f"There are {len(found)} of that name; say which: {keys}")
    known = f"what is: {keys}" if keys else "nothing is"
    raise Refused(f"There is no finding {shown(word, 80)} now; {known}")
