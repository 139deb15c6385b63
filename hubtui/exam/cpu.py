"""How long until all are in, when everybody logs in at the same moment.

Measured: forty log-ins at once on two cores, the last was in after 10 s and had its server after
35 s. The hub checks one password at a time, on one core (bcrypt); servers start side by side.
"""

from __future__ import annotations

import time

from hubtui.exam import remedies
from hubtui.exam.records import Answer
from hubtui.exam.subject import Subject
from hubtui.findings import State
from hubtui.server import machine
from hubtui.units import in_two_units

LOG_IN = 0.25
"""Seconds of one core for one password: 10 s for forty."""
START = 1.25
"""Seconds of one core for one server: 25 s for forty on two."""
TIME_OUT = 30.0
"""Seconds that JupyterHub waits for a started server to answer: Spawner.http_timeout."""
AT_ONCE = 100
"""JupyterHub.concurrent_spawn_limit, where nothing else is set."""
_ROUNDS = 12
"""As NativeAuthenticator hashes passwords."""


def start(subject: Subject) -> Answer:
    """The question about the first minute."""
    students, cpus = subject.students, machine.numbers().cpus
    allowed = subject.settings.active_server_limit
    if allowed and allowed < students:
        text = f"Never: the hub runs {allowed} servers at most, and refuses the others."
        line = f"c.JupyterHub.active_server_limit = {students}"
        said = "Let it run as many as come (from its next restart on)"
        return _answer(State.CRITICAL, text, ((said, _setting(subject, line)),))
    log_in = LOG_IN if subject.quick else _one_password()
    limit = subject.settings.concurrent_spawn_limit or AT_ONCE
    together = min(students, limit)
    slowest = together * START / cpus
    whole = students * log_in + students * START / cpus
    text = f"About {in_two_units(whole + 1)} until all {students} are in, on {_cores(cpus)}"
    if limit < students:
        text += f"; the hub starts {limit} at a time and asks the others to try again"
    if slowest <= TIME_OUT:
        state = State.FINE if limit >= students else State.WARNING
        return _answer(state, f"{text}.")
    text += f". {together} starts at once take {slowest:.0f} s, and after {TIME_OUT:.0f} s it fails"
    helps = () if subject.quick else _one_after_another(subject, cpus)
    return _answer(State.WARNING, f"{text}.", helps)


def _one_after_another(subject: Subject, cpus: int) -> tuple[tuple[str, str], ...]:
    """A limit with which each start is in time."""
    fitting = max(1, int(0.7 * TIME_OUT * cpus / START))
    line = f"c.JupyterHub.concurrent_spawn_limit = {fitting}"
    said = f"Let the hub start {fitting} at a time (from its next restart on)"
    return ((said, _setting(subject, line)), ("Let them log in row by row, a minute apart", ""))


def _setting(subject: Subject, line: str) -> str:
    """The command that adds a line to the hub's configuration; the line where that is unknown."""
    pid = remedies.hub_pid(subject)
    config = remedies.config_of(pid) if pid is not None else None
    return remedies.appending(config, line) if config else f"in jupyterhub_config.py: {line}"


def _answer(state: State, text: str, helps: tuple[tuple[str, str], ...] = ()) -> Answer:
    question = "How long until all are in?"
    return Answer(key="start", question=question, state=state, text=text, remedies=helps)


def _cores(cpus: int) -> str:
    return "one core" if cpus == 1 else f"{cpus} cores"


def _one_password() -> float:
    """Seconds that this machine takes for one."""
    import bcrypt

    began = time.perf_counter()
    bcrypt.hashpw(b"0", bcrypt.gensalt(_ROUNDS))
    return time.perf_counter() - began
