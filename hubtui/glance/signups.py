"""The sign-ups: how many wait, the oldest of them, those that cannot be approved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from hubtui import limits, signups
from hubtui.clock import parse
from hubtui.findings import Finding, Severity
from hubtui.glance.gather import Ground
from hubtui.glance.records import Part, part
from hubtui.names import shown
from hubtui.server.hubdb import SignUp
from hubtui.signups import Judgement, Verdict
from hubtui.units import counted, seconds

PANE = "signups"


def look(ground: Ground) -> Part:
    """Look at the hub's database through the survey. Raises StateError."""
    seen = ground.seen
    missing = tuple(each for each in seen.missing if each.what == "sign-ups")
    if missing and not seen.sign_ups:
        return part("signups", "sign-ups", "not seen", pane=PANE, missing=missing)
    pending = {s: signups.judge(seen, s, None) for s in seen.sign_ups if not s.authorised}
    since = {d: parse(at) for d, at in signups.known_since(ground.server).items()}
    found = (*_old(ground, pending, since), *_refused(pending))
    text = _text(pending, since, len(seen.sign_ups) - len(pending), ground.at)
    return part("signups", "sign-ups", text, pane=PANE, findings=found, missing=missing)


def _text(
    pending: Mapping[SignUp, Judgement],
    since: Mapping[str, datetime],
    authorised: int,
    at: datetime,
) -> str:
    if not pending:
        return f"none waits, {authorised} authorised"
    ages = [since[sign_up.digest] for sign_up in pending if sign_up.digest in since]
    oldest = f", the oldest for {seconds((at - min(ages)).total_seconds())}" if ages else ""
    ready = sum(judgement.verdict.ready for judgement in pending.values())
    return f"{len(pending)} {_wait(len(pending))}{oldest}: {ready} ready; {authorised} authorised"


def _wait(number: int) -> str:
    return "waits" if number == 1 else "wait"


# --- findings -----------------------------------------------------------------------------------


def _old(
    ground: Ground, pending: Mapping[SignUp, Judgement], since: Mapping[str, datetime]
) -> Iterator[Finding]:
    known = [sign_up for sign_up in pending if sign_up.digest in since]
    oldest = min(known, key=lambda sign_up: since[sign_up.digest], default=None)
    if oldest is None:
        return
    age = (ground.at - since[oldest.digest]).total_seconds()
    severity = limits.judge(ground.server.course.limits, "signup_age", age / 3600)
    if severity is not None:
        ready = any(judgement.verdict.ready for judgement in pending.values())
        yield Finding(
            id="signups.waiting",
            severity=severity,
            text=f"{shown(oldest.name, 40)} has been waiting for an answer for {seconds(age)}.",
            do="sudo hubtui signups approve --all"
            if ready
            else "sudo hubtui signups list --pending",
            pane=PANE,
            row=str(oldest.id),
        )


def _refused(pending: Mapping[SignUp, Judgement]) -> Iterator[Finding]:
    refused = [s for s, judgement in pending.items() if judgement.verdict is Verdict.REFUSED]
    if refused:
        can = f"{counted(len(refused), 'sign-up')} cannot be approved"
        yield Finding(
            id="signups.refused",
            severity=Severity.NOTE,
            text=f"{can}: {shown(pending[refused[0]].why, 160)}"
            if len(refused) == 1
            else f"{can}.",
            do="See why: sudo hubtui signups list --pending",
            pane=PANE,
            row=str(refused[0].id),
        )
