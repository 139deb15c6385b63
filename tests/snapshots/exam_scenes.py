"""What the exam check may say: on a server that is ready, and on one that is not."""

from __future__ import annotations

from datetime import timedelta

from hubtui.exam.records import Answer, Readiness
from hubtui.findings import State
from hubtui.pauses import Exam
from tests.unit.surveys import NOON

EXAM = Exam(
    from_=NOON + timedelta(minutes=30),
    to=NOON + timedelta(minutes=120),
    students=38,
    sheet="exam-1",
    source="course.yaml",
)


def _answer(key: str, question: str, state: State, text: str, *remedies: tuple[str, str]) -> Answer:
    return Answer(key=key, question=question, state=state, text=text, remedies=remedies)


LOG_IN = "All 38 are authorised, have an account and a home of their own."
FINE = (
    _answer("memory", "Do 38 students fit?", State.FINE, "Yes: 41 with 80 MB each; 3.4 GB free."),
    _answer("log-in", "Can everybody log in and start?", State.FINE, LOG_IN),
    _answer("space", "Is there room for their files?", State.FINE, "12 GB and 800,000 files."),
    _answer("released", "Has everybody every sheet?", State.FINE, "Yes, 5 sheets."),
    _answer("watchdog", "Would the hub be restarted?", State.FINE, "Yes, checked 12 s ago."),
    _answer("certificate", "Is the certificate valid?", State.FINE, "It ends in 61 days."),
    _answer("reboot", "May the server start anew?", State.FINE, "Nothing is due until then."),
)
GO = Readiness(at=NOON, exam=EXAM, students=38, answers=FINE)
ANY_DAY = Readiness(
    at=NOON,
    exam=None,
    students=38,
    answers=(
        *FINE[:6],
        _answer(
            "reboot",
            "May the server start anew?",
            State.WARNING,
            "Unattended upgrades may restart services at 06:00.",
            ("Hold them until the exam is over.", "systemctl mask --runtime apt-daily.timer"),
        ),
    ),
)
NOT_YET = Readiness(
    at=NOON,
    exam=EXAM,
    students=38,
    answers=(
        _answer(
            "memory",
            "Do 38 students fit?",
            State.CRITICAL,
            "No: 24 fit. Each takes 130 MB with a kernel, and 3.1 of 4.1 GB are free.",
            ("Stop servers that nobody uses: 6 of them, 780 MB.", "hubtui accounts stop --idle 30"),
            (
                "Add 4 GB of swap: slow, but nobody is thrown out.",
                "fallocate -l 4G /swapfile\nchmod 600 /swapfile\nmkswap /swapfile",
            ),
            ("Let the hub start 5 at a time: c.JupyterHub.concurrent_spawn_limit = 5", ""),
            ("More memory: 8 GB are enough for 61.", ""),
        ),
        _answer(
            "log-in",
            "Can everybody log in and start?",
            State.CRITICAL,
            "2 of 38 cannot: blue-fox has no home, ruby-newt is not authorised.",
            ("Repair blue-fox.", "hubtui accounts repair blue-fox"),
            ("Approve ruby-newt.", "hubtui signups approve ruby-newt"),
        ),
        *FINE[2:4],
        _answer(
            "watchdog",
            "Would the hub be restarted?",
            State.UNKNOWN,
            "/run/hubtui cannot be read.",
        ),
        *FINE[5:],
    ),
)
