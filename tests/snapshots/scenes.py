"""What the awkward screens show: a class as it is on a bad day, made by hand, on no machine."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from hubtui import enrol
from hubtui.changes import StepLine, SubjectLine, title_of
from hubtui.course_accounts import CourseAccount, Live
from hubtui.drift.records import Code, Drift
from hubtui.enrol import Enrolment
from hubtui.events import EventLog, Outcome, What
from hubtui.findings import Severity
from hubtui.names import IMPOSSIBLE, IMPOSSIBLE_END, shown
from hubtui.plan import runs
from hubtui.plan.plans import Plan
from hubtui.server import Server
from hubtui.server.accounts import Account
from hubtui.server.homes import Home, Kind
from hubtui.server.processes import Process
from hubtui.server.run import run
from hubtui.server.sizes import Sizes
from hubtui.signups import Judgement, Verdict
from hubtui.state import write_document
from hubtui.students import Missing
from hubtui.tui.look import Look
from tests.unit import surveys

MAY = Verdict.READY
HOSTILE = (
    "[red]boss[/] [@click=app.quit]",
    "\x1b[2J\x1b[31mwiped",
    "\u202egnihton\u202c",
    "two\nlines",
    "$(reboot); rm -rf /",
    "../../etc/passwd",
    "z\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308algo",
    "漢字の名前です",
    "zero\u200bwidth",
    "x" * 300,
)
TWIN = "looks like blue_fox, bluefox: a twin, or a slip of the same person?"
WHY = {
    Verdict.PREPARED: "The account was made ahead (uid 20007) and never used.",
    Verdict.EARLIER: "old-walrus had an account earlier (uid 1004: known to the hub, last active "
    "12 d, 214 files, 48 MB). Same person?",
    Verdict.STAFF: "Whoever signed up gets all files and rights of the staff account tutor.",
}


def server_on_paper(tmp_path: Path) -> Server:
    """A server whose course lies in /home and /root, its state below ``tmp_path``."""
    course = surveys.course(tmp_path)
    rules = msgspec.structs.replace(
        course.accounts, homes=Path("/home"), roster=Path("/root/resources/accounts.txt")
    )
    course = msgspec.structs.replace(
        course, course="Digital Humanities 1, winter 2026", accounts=rules
    )
    return Server(course=course, state=tmp_path / "state", run=run, clock=lambda: surveys.NOON)


def _judgements() -> list[tuple[str, Judgement]]:
    plain = [
        ("blue-fox", Judgement(verdict=MAY, warnings=(TWIN, "not on the list of expected names"))),
        ("half-made", Judgement(verdict=MAY, why="Its account was begun and not finished.")),
        ("abcdefghijklmnopqrstuvwxyz-01234", Judgement(verdict=MAY)),
        ("white-stork", Judgement(verdict=Verdict.PREPARED, why=WHY[Verdict.PREPARED], uid=20007)),
        ("old-walrus", Judgement(verdict=Verdict.EARLIER, why=WHY[Verdict.EARLIER], uid=1004)),
        ("tutor", Judgement(verdict=Verdict.STAFF, why=WHY[Verdict.STAFF], uid=1001)),
    ]
    ends = f"anna_ {IMPOSSIBLE_END}"
    refused = [("anna_", ends), *((name, f"{shown(name, 40)} {IMPOSSIBLE}") for name in HOSTILE)]
    return [
        *plain,
        *((name, Judgement(verdict=Verdict.REFUSED, why=why)) for name, why in refused),
        ("red-panda", Judgement(verdict=Verdict.AUTHORISED)),
        ("ruby-owl", Judgement(verdict=Verdict.AUTHORISED)),
    ]


def class_on_a_bad_day(tmp_path: Path, *, missing: bool = False, many: int = 0) -> Look:
    """Every verdict, every hostile name, every drift; ``many`` more who wait."""
    judgements = _judgements()
    judgements += [(f"late-{number:03}", Judgement(verdict=MAY)) for number in range(many)]
    sign_ups = [
        surveys.sign_up(name, number, authorised=judgement.verdict is Verdict.AUTHORISED)
        for number, (name, judgement) in enumerate(judgements, 1)
    ]
    seen = surveys.survey(tmp_path, *sign_ups)
    if missing:
        why = "The hub's database is locked by another program; hubtui tries again "
        why += "(/srv/jupyterhub/jupyterhub.sqlite)."
        at = seen.at - timedelta(seconds=40)
        gone = tuple(Missing(what=what, why=why, as_of=at) for what in ("sign-ups", "hub users"))
        seen = dataclasses.replace(seen, missing=gone)
    accounts = _accounts()
    ages = (0.1, 7, 61, 26 * 60, 90 * 24 * 60)
    return Look(
        survey=seen,
        judged={str(s.id): (s, j) for s, (_, j) in zip(sign_ups, judgements, strict=True)},
        since={
            s.digest: surveys.NOON - timedelta(minutes=ages[s.id % len(ages)]) for s in sign_ups
        },
        accounts=accounts,
        strange={one.name: tuple(_drift(one.name, said) for said in one.drift) for one in accounts},
        live=Live(sizes=Sizes(at="2026-11-23T09:00:00Z", bytes={})),
    )


def _accounts() -> list[CourseAccount]:
    return [
        _account("abcdefghijklmnopqrstuvwxyz-01234", Kind.FOLDER, server="running", memory=1340),
        _account("blue-fox", Kind.FOLDER, 0o755, "home open to others (0755)", server="spawn"),
        _account("ghost", Kind.MISSING, 0, "home missing", "not in the roster", size=None),
        _account("link", Kind.LINK, 0, "home is not a folder (link)", "two sign-ups of this name"),
        _account("moved", Kind.FOLDER, 0o700, "home belongs to uid 1009", server="stop"),
        _account("sharer", Kind.FOLDER, 0o700, "shares its uid with another account"),
        _account("strong", Kind.FOLDER, 0o700, "in the group sudo", "not in the group all_user"),
        _account("tidy", Kind.FOLDER, size=8_700_000_000),
    ]  # fmt: skip


def _drift(name: str, short: str) -> Drift:
    """Whatever it is, it is mended by hand."""
    severity = Severity.CRITICAL if "sudo" in short else Severity.WARNING
    text = f"{name}: {short}."
    return Drift(code=Code.HOME_OWNER, name=name, text=text, short=short, severity=severity)


def _account(
    name: str,
    kind: Kind,
    mode: int = 0o700,
    *drift: str,
    server: str = "",
    memory: int = 0,
    size: int | None = 12_400_000,
) -> CourseAccount:
    home = Home(Path("/home", name), kind, 20001, 20000, mode)
    commands = ("jupyterhub-singleuser --port 4", "python -m ipykernel_launcher", "sleep 9999")
    processes = tuple(
        Process(
            pid=4100 + number,
            uid=20001,
            name=command.split(" ")[0],
            command=command,
            memory=memory * 10**6 >> number,
            started=0.0,
        )
        for number, command in enumerate(commands if memory else ())
    )
    return CourseAccount(
        account=Account(name=name, uid=20001, gid=20000, home=home.path, shell="/bin/bash"),
        home=home,
        sign_ups=() if name == "ghost" else (surveys.sign_up(name, authorised=name != "sharer"),),
        in_roster="not in the roster" not in drift,
        size=size,
        size_at=surveys.NOON - timedelta(hours=3),
        processes=processes,
        server=server,
        last_activity=surveys.NOON - timedelta(minutes=20) if server else None,
        drift=drift,
    )


# --- plans and runs -------------------------------------------------------------------------------


def approve_plan(*names: str, verdict: Verdict = MAY) -> Plan:
    """As enrol.approve_plan() makes it, with an id, a time and a person that stay the same."""
    subjects = tuple(
        msgspec.to_builtins(
            Enrolment(
                key=str(number),
                id=number,
                name=name,
                digest="",
                verdict=verdict,
                uid=20000 + number,
            )
        )
        for number, name in enumerate(names, 1)
    )
    title = f"Approve {len(names)} sign-ups" if len(names) > 1 else f"Approve sign-up {names[0]}"
    if verdict.as_owner:
        title += " as the owner of its account"
    return _plan("approve", title, subjects)


def discard_plan(*names: str) -> Plan:
    """Rows of bots."""
    subjects = tuple({"key": str(number), "name": name} for number, name in enumerate(names, 1))
    return _plan("discard", f"Discard {len(names)} sign-ups", subjects)


def _plan(kind: str, title: str, subjects: tuple[dict[str, Any], ...]) -> Plan:
    at, by = "2026-11-23T12:00:00Z", "eva"
    return Plan(
        id="20261123-120000-abcdef", kind=kind, title=title, subjects=subjects, by=by, at=at
    )


def enrolment_lines(server: Server, plan: Plan) -> list[SubjectLine]:
    """The real steps in their own words; whether each is done is not asked on this machine."""
    chains = [enrol.approve_chain(server, each) for each in plan.subjects_as(Enrolment)]
    names = {str(subject["key"]): title_of(subject) for subject in plan.subjects}
    return [
        SubjectLine(
            key=chain.subject,
            name=names[chain.subject],
            steps=tuple(
                StepLine(kind=step.kind, say=step.say(), done=step.kind == "reserve uid")
                for step in chain.steps
                if step.kind != "groupadd"  # depends on the groups of this machine
            ),
        )
        for chain in chains
    ]


def discard_lines(plan: Plan) -> list[SubjectLine]:
    """One step each, and something to read first."""
    return [
        SubjectLine(
            key=str(subject["key"]),
            name=title_of(subject),
            steps=(StepLine(kind="discard", say=f"delete sign-up {subject['key']}", done=False),),
            notes=(f"sign-up {subject['key']} is older than a day",) if number < 4 else (),
        )
        for number, subject in enumerate(plan.subjects)
    ]


def confirmed(server: Server, plan: Plan) -> Path:
    """As after a yes: the run's record is there; returns it."""
    record = runs.record_path(server.state, plan.id)
    write_document(record, runs.RunRecord(id=plan.id, by=plan.by, at=plan.at))
    return record


def half_way(server: Server, plan: Plan) -> None:
    """Events of a run that is at its third subject, the second has failed."""
    log = EventLog(runs.events_path(server.state, plan.id), plan.id)
    log.emit(What.PLAN)
    log.emit(What.END, subject="1", outcome=Outcome.DONE)
    text = "useradd ended with exit code 1: useradd: cannot open /etc/passwd: No space left"
    log.emit(What.END, subject="2", outcome=Outcome.FAILED, text=text)
    text = "useradd --uid 20003 --no-user-group --gid all_user --home-dir /home/late-02 …"
    log.emit(What.START, subject="3", step="useradd", text=text)


def to_the_end(server: Server, plan: Plan) -> None:
    """The other subjects, each with an outcome of its own."""
    half_way(server, plan)
    log = EventLog(runs.events_path(server.state, plan.id), plan.id)
    endings = [Outcome.DONE, Outcome.ALREADY, Outcome.CHANGED, Outcome.CANCELLED, Outcome.CANCELLED]
    for key, outcome in zip("34567", endings, strict=True):
        text = "late-05 was ready, and is now refused." if outcome is Outcome.CHANGED else ""
        log.emit(What.END, subject=key, outcome=outcome, text=text)
    text = "2 done, 1 already, 1 failed, 1 changed, 2 cancelled"
    log.emit(What.DONE, outcome=Outcome.FAILED, text=text)
