"""``hubtui doctor``: runs the checks; what is missing or wrong, each with what mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from hubtui.errors import HubtuiError
from hubtui.findings import Finding, Severity
from hubtui.fix import Fix
from hubtui.names import shown
from hubtui.reads import hubprocess
from hubtui.server import Server
from hubtui.setup import fixes
from hubtui.setup.checks import (
    check_accounts,
    check_apache,
    check_hub,
    check_jobs,
    check_machine,
    check_nginx,
    check_notify,
    check_old,
    check_release,
    check_room,
    check_settings,
    check_watchdog,
)
from hubtui.setup.checks.subject import HubHere, NotSeen, Subject, ask, critical, warning
from hubtui.students import Missing, survey

S = TypeVar("S")


@dataclass(frozen=True)
class Check(Generic[S]):
    """One look at one thing; ``fine`` is what is said where it finds nothing."""

    fine: str
    look: Callable[[S], Iterator[Finding]]


OF_THE_HUB: list[Check[HubHere]] = [
    Check("hubtui runs as root.", check_machine.root),
    Check("The programs that it needs are installed.", check_machine.programs),
    Check("Its Python is not the hub's.", check_machine.python),
    Check("JupyterHub and NativeAuthenticator go together.", check_hub.versions),
    Check("The hub's configuration is root's alone.", check_settings.readable),
    Check("Its settings let the approved in, and nobody else.", check_settings.settings),
]
OF_THE_COURSE: list[Check[Subject]] = [
    Check("All files that course.yaml names are there.", check_accounts.files),
    Check("The clock is right.", check_machine.clock),
    Check("A time service keeps the clock.", check_machine.synchronised),
    Check("There is swap, or memory enough.", check_room.swap),
    Check("Servers that nobody uses are stopped.", check_room.idle),
    Check("hubtui's own state is root's alone.", check_machine.state),
    Check("The hub answers, and it is the hub.", check_hub.answers),
    Check("The token is root's alone, and the hub takes it.", check_hub.token),
    Check("Apache lets a whole class work.", check_apache.looks),
    Check("nginx lets a whole class work.", check_nginx.looks),
    Check("The hub's database is readable, for root alone.", check_hub.database),
    Check("Nobody can register an admin's name.", check_settings.unclaimed),
    Check("The roster is root's alone.", check_accounts.roster),
    Check("Scripts read the roster as hubtui does.", check_accounts.roster_text),
    Check("The group is the course's own.", check_accounts.group),
    Check("There are uids for more accounts.", check_accounts.uids),
    Check("Homes are in a folder of root's.", check_accounts.homes_folder),
    Check("Homes are closed to classmates.", check_accounts.open_homes),
    Check("The tutor's folder can be read, as its owner.", check_release.source),
    Check("What is scheduled, and what late joiners lack, is handed out.", check_release.scheduled),
    Check("Tutors have their way in, as course.yaml says.", check_release.tutors),
    Check("What hubtui does each minute is done.", check_jobs.alive),
    Check("The watchdog looks each minute.", check_watchdog.looks),
    Check("Nobody else restarts the hub.", check_watchdog.alone),
    Check("No job of root's kills by name what may be a student's.", check_old.kills),
    Check("No old script copies into homes.", check_old.copies),
    Check("Old logs are taken away.", check_old.logs),
    Check("The hub depends on no session, and on no reader of its output.", check_watchdog.stays),
    Check("The hub's unit keeps students' servers alive.", check_watchdog.unit),
    Check("Somebody is called when the hub is down.", check_notify.called),
]


@dataclass(frozen=True)
class Examination:
    """What came of it."""

    findings: tuple[Finding, ...]
    """Worst first."""
    fine: tuple[str, ...]
    """What was looked at and is as it should be."""
    missing: tuple[Missing, ...] = ()
    """What could not be looked at."""
    fixes: tuple[Fix, ...] = ()
    """What can be mended without harm."""

    @property
    def state(self) -> str:
        """``critical``, ``warning`` or ``fine``: that of the worst finding; notes are fine."""
        worst = {finding.severity for finding in self.findings} - {Severity.NOTE}
        return str(next((level for level in Severity if level in worst), "fine"))


def examine(server: Server) -> Examination:
    """Look at everything. A check that fails is a finding, too; raises nothing for the rest."""
    process = hubprocess.find()
    hub = HubHere(process, hubprocess.config_of(process), ask(server.course))
    seen = survey(server)
    subject = Subject(server, seen, hub)
    found = _sorted(*_run(OF_THE_HUB, hub), *_run(OF_THE_COURSE, subject), missing=seen.missing)
    return replace(found, fixes=fixes.offered(subject))


def examine_without_course(trouble: str, do: str) -> Examination:
    """What can be said where there is no course.yaml, or one that cannot be used."""
    process = hubprocess.find()
    hub = HubHere(process, hubprocess.config_of(process))
    return _sorted(critical("course.config", trouble, do), *_run(OF_THE_HUB, hub))


def _run(checks: Iterable[Check[S]], subject: S) -> Iterator[Finding | str]:
    """The findings of each check, or its words where there are none."""
    for check in checks:
        clean = True
        try:
            for finding in check.look(subject):
                clean = False
                yield finding
        except NotSeen:
            clean = False
        except HubtuiError as e:
            clean = False
            yield warning("doctor.check", f"Not looked at to its end: {e}")
        except OSError as e:
            clean = False
            where = shown(str(e.filename)) if e.filename else "a file"
            yield warning("doctor.check", f"{where} could not be looked at: {e.strerror or e}.")
        if clean:
            yield check.fine


def _sorted(*found: Finding | str, missing: tuple[Missing, ...] = ()) -> Examination:
    order = list(Severity)
    findings = [one for one in found if isinstance(one, Finding)]
    findings.sort(key=lambda finding: order.index(finding.severity))
    return Examination(
        findings=tuple(findings),
        fine=tuple(one for one in found if isinstance(one, str)),
        missing=missing,
    )
