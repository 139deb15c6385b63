"""Who looks after it meanwhile: the hub answers, the watchdog is awake, somebody is called."""

from __future__ import annotations

from datetime import datetime, timedelta

from hubtui import limits, notify, pauses
from hubtui.exam.records import Answer
from hubtui.exam.subject import STALE, Subject
from hubtui.findings import State
from hubtui.plan.locks import is_held
from hubtui.watchdog import check
from hubtui.watchdog.records import Got, Layer

Helps = tuple[tuple[str, str], ...]
_CALLED = {
    Layer.HUB: "The hub itself",
    Layer.PROXY: "The proxy",
    Layer.CHAIN: "The log-in page",
    Layer.PUBLIC: "The public address",
}


def answers(subject: Subject) -> Answer:
    """The question about the hub: the log-in page, as students open it."""
    found = subject.probes
    bad = [one for one in found.values() if one.got not in (Got.OK, Got.UNASKED)]
    last = found.get(Layer.PUBLIC) or found.get(Layer.CHAIN)
    helps: Helps = ()
    if bad:
        state, text = State.CRITICAL, f"{_CALLED[bad[0].layer]}: {bad[0].text}."
        helps = (("See what to do", "hubtui watchdog status"),)
    elif last is None or not last.ok:
        state, text = State.UNKNOWN, "Nobody has looked for some minutes."
        helps = (("Look", "hubtui watchdog check"),)
    else:
        state, text = State.FINE, f"The log-in page came after {last.ms:.0f} ms."
    return Answer(
        key="hub",
        question="Does the hub answer?",
        state=state,
        text=text,
        remedies=helps,
        pane="watchdog",
    )


def watchdog(subject: Subject) -> Answer:
    """The question about the watchdog. Raises StateError."""
    server, at = subject.server, subject.at
    last, pause = subject.watched, pauses.paused(server.state, at)
    at_work = is_held(server.live / check.LOCK)
    state: State = State.CRITICAL
    helps: Helps = (("Install it", "hubtui install watchdog"),)
    if last is None and not at_work:
        text = "It has not looked since the server started."
    elif last is not None and abs(at - last.at) > STALE and not at_work:
        minutes = abs(at - last.at).total_seconds() // 60
        text = f"It has not looked for {minutes:.0f} minutes: nobody would restart the hub."
        helps = (("Look once, and see why", "hubtui watchdog check"), *helps)
    elif pause is not None and (pause.until is None or pause.until > _begin(subject)):
        text = f"It is paused by {pause.by}: nobody would restart the hub."
        helps = (("End the pause", "hubtui watchdog resume"),)
    elif notify.nobody(server.course):
        state, text = State.WARNING, "It is awake, but nobody is called when it cannot help."
        line = f"in {server.course.file}, below notify: mail or command or webhook"
        helps = (("Name somebody", line), ("Then try it", "hubtui notify --test"))
    else:
        state, helps = State.FINE, ()
        text = f"It is awake, and calls {' and '.join(notify.ways(server.course))}."
    return Answer(
        key="watchdog",
        question="Is the watchdog awake?",
        state=state,
        text=text,
        remedies=helps,
        pane="watchdog",
    )


def certificate(subject: Subject) -> Answer | None:
    """The question about the certificate; None where students open no https."""
    url = subject.server.course.hub.url
    if url is None or not url.startswith("https:"):
        return None
    probe = subject.probes.get(Layer.PUBLIC)
    question = (
        "Is the certificate valid until then?" if subject.exam else "Is the certificate valid?"
    )
    helps: Helps = _renewing()
    if probe is not None and probe.got is Got.TLS:
        state, text = State.CRITICAL, f"No: {probe.text}."
    elif probe is None or probe.days_left is None:
        why = f" ({probe.text})" if probe is not None and probe.text else ""
        text = f"It could not be looked at{why}."
        state = State.UNKNOWN
    else:
        looked = subject.watched.at if subject.quick and subject.watched else subject.at
        ends = looked + timedelta(days=probe.days_left)
        here = f"{ends:%d %b %Y, %H:%M} UTC"
        if ends <= subject.end:
            state, text = State.CRITICAL, f"It ends on {here}."
        elif limits.judge(subject.server.course.limits, "certificate", probe.days_left):
            state, text = State.WARNING, f"Yes, but it ends soon after: on {here}."
        else:
            state, helps, text = State.FINE, (), f"It ends on {here}."
    return Answer(key="certificate", question=question, state=state, text=text, remedies=helps)


def _renewing() -> Helps:
    import shutil

    if shutil.which("certbot") is None:
        return (("Renew it before, and look once more", "hubtui status --exam"),)
    return (("Renew it before", "certbot renew"), ("Look once more", "hubtui status --exam"))


def _begin(subject: Subject) -> datetime:
    return subject.exam.from_ if subject.exam is not None else subject.at
