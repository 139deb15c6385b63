"""hubtui status: help, putting off and taking back; the look itself is in glance.py."""

from __future__ import annotations

from collections.abc import Sequence

import click

from hubtui.cli import base, glance
from hubtui.cli import exam as exams
from hubtui.cli.base import App, json_option, verb
from hubtui.cli.glance import As
from hubtui.errors import Refused, UsageError
from hubtui.findings import Finding
from hubtui.names import shown
from hubtui.server import Server

_WRONG = 3


class _WrongUse(click.UsageError):
    """2 would tell a monitoring system that the course is down."""

    exit_code = _WRONG


class _Status(click.Command):
    """Wrong use is *unknown* here."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as e:
            raise _WrongUse(e.format_message(), ctx) from e


@click.command("status", cls=_Status)
@click.option("--brief", is_flag=True, help="One line, as Nagios and its kin read it.")
@click.option(
    "--exam",
    metavar="[N]",
    type=click.IntRange(0, 100_000),
    is_flag=False,
    flag_value=0,
    help="GO or NOT YET: can an exam be held, with N students?",
)
@click.option("--try", "try_", is_flag=True, help="Try log-in, server and kernel with the probe.")
@click.option("--yes", is_flag=True, help="With --try: do not ask.")
@click.option("--dry-run", is_flag=True, help="With --try: show what would be done, and stop.")
@click.option("--put-off", "later", metavar="ID", help="Put a finding off; needs --until.")
@click.option("--until", metavar="WHEN", help='Until when: 12h, "Mon 08:00".')
@click.option("--take-back", "back", metavar="ID", help="Have a finding that is put off back.")
@json_option
@verb
def status(
    app: App,
    brief: bool,
    exam: int | None,
    try_: bool,
    yes: bool,
    dry_run: bool,
    later: str | None,
    until: str | None,
    back: str | None,
    as_json: bool,
) -> int:
    """Is everything all right, and if not, what to do: the first screen in one page.

    Exit 0: fine, 1: a warning, 2: critical, 3: something could not be looked at.
    """
    how = As.JSON if as_json else As.BRIEF if brief else As.PAGE
    changing = (later is not None) + (back is not None)
    if brief + (exam is not None) + try_ + changing > 1 or (changing and as_json):
        raise _WrongUse("Say one of --brief, --exam, --try, --put-off ID, --take-back ID.")
    if (later is None) != (until is None):
        raise _WrongUse('--put-off ID and --until WHEN belong together: --until "Mon 08:00".')
    if (yes or dry_run) and not try_:
        raise _WrongUse("--yes and --dry-run are for --try.")
    if exam is None and not try_ and not changing:
        return glance.main(glance.Asked(app.config, how))
    try:
        if exam is not None:
            return exams.exam_page(app, exam or None, as_json)
        if try_:
            return exams.try_it(app, dry_run, yes, as_json)
        if later is not None and until is not None:
            _put_off(app.server, later, until)
        elif back is not None:
            _take_back(app.server, back)
    except UsageError as e:  # course.yaml, or the time
        return glance.unknown(str(e), how)
    return 0


def _put_off(server: Server, word: str, until: str) -> None:
    from hubtui.glance import put_off
    from hubtui.plan.plans import operator
    from hubtui.when import parse_until, written, zone_of

    base.need_root("Putting off a finding")
    meant = parse_until(until, zone_of(server.course), server.clock())
    now = glance.look(server)
    finding = named(word, [*now.findings, *(each.finding for each in now.put_off)])
    put_off.put_off(server, finding, meant.at, operator())
    if meant.note:
        click.echo(f"! {meant.note}")
    click.echo(f"Put off until {written(meant.at, meant.zone)}: {shown(finding.text)}")


def _take_back(server: Server, word: str) -> None:
    from hubtui.glance import put_off
    from hubtui.plan.plans import operator

    base.need_root("Taking back what is put off")
    put_off.take_back(server, word, operator())
    click.echo(f"It stands again, where it still is so: {shown(word, 80)}")


def named(word: str, findings: Sequence[Finding]) -> Finding:
    """The finding of that key, or of that id where one row alone has it. Raises Refused."""
    found = [each for each in findings if each.key == word]
    found = found or [each for each in findings if each.id == word]
    if len(found) == 1:
        return found[0]
    keys = ", ".join(shown(each.key, 80) for each in found or findings)
    if found:
        raise Refused(f"There are {len(found)} of that name; say which: {keys}")
    known = f"what is: {keys}" if keys else "nothing is"
    raise Refused(f"There is no finding {shown(word, 80)} now; {known}")
