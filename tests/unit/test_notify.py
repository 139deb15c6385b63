"""What is said, to whom and when: mails whatever is in them, and messages that name nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email import message_from_string, policy
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from hubtui import notify
from hubtui.course import Accounts, Course, Hub, Notify
from hubtui.errors import CommandFailed
from hubtui.notify import Kind, Message
from hubtui.server import Server
from hubtui.server.run import Result, run
from hubtui.watchdog.calls import of_incident
from hubtui.watchdog.records import Incident, Outcome, Restart, State, Verdict
from hubtui.ways import Way, letter, of, reach

NOW = datetime(2027, 2, 1, 8, 30, tzinfo=UTC)  # 09:30 in Berlin
MINUTE = timedelta(minutes=1)


def course(**ways: object) -> Course:
    return Course(
        course="Statistik für Anfänger",
        hub=Hub(database="/srv/hub.sqlite", url="https://jupyter.example.org"),
        accounts=Accounts(group="all_user"),
        timezone="Europe/Berlin",
        notify=Notify(**ways),  # type: ignore[arg-type]
    )


class Clerk:
    """A server whose only way is a command, with a clock that is turned."""

    def __init__(self, folder: Path) -> None:
        self.said: list[str] = []
        self.fails, self.now = False, NOW
        self.server = Server(
            course=course(command=["call"]),
            state=folder / "state",
            live=folder / "live",
            run=self._run,
            clock=lambda: self.now,
        )
        self.server.live.mkdir()

    def _run(self, argv: object, *, stdin: str | None = None, **_: object) -> Result:
        if self.fails:
            raise CommandFailed("call is not installed on this server.")
        self.said.append((stdin or "").splitlines()[0])
        return Result(argv=("call",), code=0, out="", err="")

    def call(self, kind: Kind = Kind.DOWN, key: str = "i1") -> list[str]:
        return notify.call(self.server, Message(kind=kind, subject=kind, text="…", key=key))


@pytest.fixture
def clerk(tmp_path: Path) -> Clerk:
    return Clerk(tmp_path)


# --- once ---------------------------------------------------------------------------------------


def test_one_message_an_incident_and_one_at_its_end(clerk: Clerk) -> None:
    for kind in (Kind.DOWN, Kind.DOWN, Kind.OVER, Kind.OVER, Kind.DOWN):
        assert clerk.call(kind) == []
    clerk.call(key="i2")
    assert [said.rpartition("] ")[2] for said in clerk.said] == ["down", "over again", "down"]


def test_the_end_of_what_nobody_was_called_for_is_no_news(clerk: Clerk) -> None:
    clerk.call(Kind.OVER)
    assert clerk.said == []


@pytest.mark.parametrize("broken", [None, b"{", b'{"format": 2}', b"\xff"])
def test_where_the_state_cannot_be_written_it_is_remembered_all_the_same(
    clerk: Clerk, broken: bytes | None
) -> None:
    if broken is None:
        clerk.server.state.write_text("no folder")
    else:
        clerk.server.state.mkdir()
        (clerk.server.state / notify.FILE).write_bytes(broken)
    for _ in range(3):
        assert clerk.call() == []
    assert len(clerk.said) == 1
    assert (clerk.server.live / notify.FILE).exists()
    if broken is not None:
        assert (clerk.server.state / notify.FILE).read_bytes() == broken, "it is left as it is"


def test_once_the_state_can_be_written_again_it_has_everything(clerk: Clerk) -> None:
    clerk.server.state.write_text("no folder")
    clerk.call(key="i1")
    clerk.server.state.unlink()
    clerk.call(key="i2")
    assert not (clerk.server.live / notify.FILE).exists()
    clerk.call(key="i1")
    assert len(clerk.said) == 2


def test_nobody_is_called_where_nobody_is_named(clerk: Clerk) -> None:
    assert notify.nobody(course())
    assert not notify.nobody(course(mail="root"))
    assert notify.ways(course()) == []


# --- again --------------------------------------------------------------------------------------


def test_what_was_not_taken_is_tried_again_ever_more_rarely_and_then_not(clerk: Clerk) -> None:
    clerk.fails = True
    assert clerk.call() == ["Nobody was called by call: call is not installed on this server."]
    tried = []
    for minute in range(1, 600):
        clerk.now = NOW + minute * MINUTE
        if notify.again(clerk.server):
            tried.append(minute)
    assert tried == [1, 3, 7, 15, 31, 63, 127]


def test_a_check_that_calls_each_minute_tries_again_by_itself(clerk: Clerk) -> None:
    clerk.fails = True
    tried = []
    for minute in range(10):
        clerk.now = NOW + minute * MINUTE
        if clerk.call():
            tried.append(minute)
    clerk.fails = False
    for minute in range(10, 60):
        clerk.now = NOW + minute * MINUTE
        clerk.call()
    assert (tried, len(clerk.said)) == ([0, 1, 3, 7], 1)


def test_what_is_taken_at_last_is_taken_once(clerk: Clerk) -> None:
    clerk.fails = True
    clerk.call()
    clerk.fails = False
    for minute in range(1, 60):
        clerk.now = NOW + minute * MINUTE
        assert notify.again(clerk.server) == []
    assert len(clerk.said) == 1


def test_what_is_over_before_anybody_heard_of_it_is_said_once(clerk: Clerk) -> None:
    clerk.fails = True
    clerk.call(Kind.DOWN)
    clerk.fails = False
    clerk.now += MINUTE / 2
    clerk.call(Kind.OVER)
    clerk.now += 30 * MINUTE
    notify.again(clerk.server)
    assert [said.rpartition("] ")[2] for said in clerk.said] == ["over again"]


# --- the ways -----------------------------------------------------------------------------------

[ADDRESS] = [
    meta.pattern or ""
    for meta in get_args(get_args(get_type_hints(Notify, include_extras=True)["mail"])[0])
    if isinstance(meta, Meta)
]


@given(st.from_regex(ADDRESS), st.text(max_size=300), st.text(max_size=2000))
def test_a_mail_can_say_everything_in_ascii(address: str, subject: str, text: str) -> None:
    raw = letter(address, subject, text, lambda: NOW)
    assert raw.isascii()
    assert max(map(len, raw.splitlines()), default=0) <= 998
    head = raw.partition("\n\n")[0]
    names = [line.partition(":")[0] for line in head.splitlines() if line[:1] not in " \t"]
    assert len(names) == len(set(names)), "nothing that is said adds a header"
    assert "Bcc" not in names


def test_a_mail_reads_as_it_was_written() -> None:
    subject, text = "[Statistik für Anfänger] 停", "seit 09:22\nÜber 1 €"
    raw = letter("ada@example.org", subject, text, lambda: NOW)
    mail = message_from_string(raw, policy=policy.default)
    assert mail["Subject"] == "[Statistik für Anfänger] 停"
    assert mail["To"] == "ada@example.org"
    assert mail.get_content() == "seit 09:22\nÜber 1 €\n"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["From"] is None


def test_one_way_that_fails_keeps_no_other_back() -> None:
    said: list[str] = []

    def broken(_subject: str, _text: str) -> None:
        raise ZeroDivisionError("a library's own")

    ways = [Way("mail", "", broken), Way("webhook", "", lambda s, t: said.append(s + t))]
    assert reach(ways, "a", "b") == {"mail": "ZeroDivisionError: a library's own.", "webhook": ""}
    assert said == ["ab"]


def test_what_may_be_secret_is_in_no_sentence(tmp_path: Path) -> None:
    one = course(
        mail="ada@example.org",
        command=["/usr/local/bin/call", "--token", "hush"],
        webhook="https://ntfy.example.org/hush?auth=hush",
    )
    assert notify.ways(one) == [
        "by mail to ada@example.org",
        "by /usr/local/bin/call",
        "by a POST to ntfy.example.org",
    ]
    assert [w.name for w in of(Server(course=one, state=tmp_path, run=run))] == [
        "mail",
        "command",
        "webhook",
    ]


# --- incidents ----------------------------------------------------------------------------------


def incident(verdict: Verdict = Verdict.HUB_DEAD, **more: object) -> Incident:
    text = "anna (uid 20001) listens on the hub's port"
    return Incident(id="20270201T083000Z-1a2b", at=NOW, verdict=verdict, text=text, **more)  # type: ignore[arg-type]


def said(one: Incident, minutes: float, state: State = State.DOWN) -> Message | None:
    return of_incident(course(), one, state, NOW + minutes * MINUTE)


def test_somebody_is_called_after_two_minutes() -> None:
    assert said(incident(), 1.9) is None
    found = said(incident(), 2)
    assert found is not None
    assert (found.kind, found.subject) == (Kind.DOWN, "JupyterHub is down")
    assert found.text.startswith("Since 09:30: the hub is not running.")


def test_somebody_is_called_once_a_restart_failed() -> None:
    begun = Restart(at=NOW)
    failed = Restart(at=NOW, outcome=Outcome.FAILED)
    assert said(incident(restarts=(begun,)), 0.5) is None
    found = said(incident(restarts=(failed, begun)), 0.5)
    assert found is not None
    assert "2 restarts, 1 in vain" in found.text


def test_giving_up_is_called_at_once_and_a_pause_calls_nobody() -> None:
    gave_up = said(incident(), 0, State.GAVE_UP)
    assert gave_up is not None
    assert gave_up.kind is Kind.GAVE_UP
    assert said(incident(), 60, State.PAUSED) is None
    assert said(incident(), 60, State.UP) is None, "the next look closes it"


def test_the_cause_is_said_in_words_that_name_nobody() -> None:
    found = said(incident(cause="oom-kernel", why=("anna used 3 GB",)), 2)
    assert found is not None
    assert "Most likely: The kernel killed a process" in found.text
    assert "anna" not in found.text


def test_a_hub_that_is_slow_calls_late_but_for_an_exam() -> None:
    assert said(incident(Verdict.SLOW), 9) is None
    assert said(incident(Verdict.SLOW), 10) is not None
    assert said(incident(Verdict.SLOW, exam=True), 1) is None
    found = said(incident(Verdict.SLOW, exam=True), 2)
    assert found is not None
    assert "An exam is running." in found.text
    assert said(incident(Verdict.FAILING), 9) is None
    assert said(incident(Verdict.FAILING), 10) is not None
    assert said(incident(Verdict.STARTING), 60) is None


@pytest.mark.parametrize(
    ("length", "words"), [(90, "90 s"), (300, "5 min"), (3 * 3600 + 120, "3 h 2 min")]
)
def test_it_is_said_how_long_it_was(length: int, words: str) -> None:
    over = NOW + timedelta(seconds=length)
    found = said(incident(over=over), 0)
    assert found is not None
    assert (found.kind, found.subject) == (Kind.OVER, f"JupyterHub is well again after {words}")


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("state", list(State))
def test_no_message_names_a_student(verdict: Verdict, state: State) -> None:
    for one in (incident(verdict, exam=True), incident(verdict, over=NOW + 60 * MINUTE)):
        found = said(one, 60, state)
        assert found is None or "anna" not in found.text + found.subject
