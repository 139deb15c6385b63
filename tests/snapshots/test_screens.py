"""Every screen as it is, at the two sizes that matter: pytest --snapshot-update makes them anew."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from hubtui.changes import StepLine, SubjectLine
from hubtui.course_accounts import CourseAccount, Live
from hubtui.drift.records import Code, Drift, Mends
from hubtui.events import Event, Outcome, What
from hubtui.plan.plans import Plan
from hubtui.server import Server
from hubtui.server.accounts import Account
from hubtui.server.homes import Home, Kind
from hubtui.server.run import run
from hubtui.signups import Judgement, Verdict
from hubtui.students import Missing
from hubtui.tui.app import HubtuiApp
from hubtui.tui.dialogs import Page as ReadPage
from hubtui.tui.dialogs import PlanDialog, UnfinishedDialog, why_text
from hubtui.tui.look import Look, Looker
from hubtui.tui.run_dialog import RunDialog
from hubtui.why import Answer
from tests.snapshots.showing import calm
from tests.unit import surveys as s

SIZES = [(80, 24), (120, 40)]
Compare = Callable[..., bool]


OPEN = (
    Drift(
        code=Code.HOME_OPEN,
        name="red-panda",
        text="The home /home/red-panda is open to others (mode 0755): classmates can read what "
        "red-panda writes.",
        mends=Mends.SAFELY,
        short="home open to others (0755)",
    ),
)


class Fixed(Looker):
    """Sees what it was given, once."""

    def __init__(self, server: Server, look: Look) -> None:
        super().__init__(server)
        self._given: Look | None = look

    def look(self, *, fresh: bool = False) -> Look | None:
        given, self._given = self._given, None
        return given

    def unfinished(self) -> list[Plan]:
        return []


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("HUBTUI_DEMO", raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


ROWS = [
    ("blue-fox", Verdict.READY, "", ("looks like blue_fox: a twin, or a slip?",)),
    ("ruby-newt", Verdict.READY, "", ()),
    ("white-stork", Verdict.PREPARED, "The account was made ahead (uid 1004), never used.", ()),
    ("old-walrus", Verdict.EARLIER, "old-walrus had an account earlier. Same person?", ()),
    ("tutor", Verdict.STAFF, "Whoever signed up gets all files of the staff account tutor.", ()),
    ("root", Verdict.REFUSED, "root is reserved.", ()),
    ("[@click=app.quit]free", Verdict.REFUSED, "can't be a Unix account.", ()),
    ("\u202eanna\n", Verdict.REFUSED, "can't be a Unix account.", ()),
    ("red-panda", Verdict.AUTHORISED, "", ()),
]


def look(tmp_path: Path, *, empty: bool = False, locked: bool = False) -> Look:
    rows = [] if empty else ROWS
    sign_ups = [
        s.sign_up(name, number, authorised=verdict is Verdict.AUTHORISED)
        for number, (name, verdict, _, _) in enumerate(rows, 1)
    ]
    seen = s.survey(tmp_path, *sign_ups)
    if locked:
        why = "The hub's database is locked by another program; hubtui tries again."
        import dataclasses

        seen = dataclasses.replace(seen, missing=(Missing(what="sign-ups", why=why),))
    judged = {
        str(sign_up.id): (sign_up, Judgement(verdict=verdict, why=why, warnings=warnings))
        for sign_up, (_, verdict, why, warnings) in zip(sign_ups, rows, strict=True)
    }
    since = {x.digest: s.NOON - timedelta(minutes=7 * x.id) for x in sign_ups}
    found = [] if empty else [account("red-panda", 0o755, "running"), account("ruby-owl", 0o700)]
    strange = {one.name: OPEN for one in found if one.drift}
    return Look(
        survey=seen, judged=judged, since=since, accounts=found, live=Live(), strange=strange
    )


def account(name: str, mode: int, server: str = "") -> CourseAccount:
    home = Path("/home", name)
    open_ = (f"home open to others ({mode:04o})",) if mode & 0o077 else ()
    return CourseAccount(
        account=Account(name=name, uid=20001, gid=20000, home=home, shell="/bin/bash"),
        home=Home(home, Kind.FOLDER, 20001, 20000, mode),
        sign_ups=(s.sign_up(name, authorised=True),),
        in_roster=True,
        size=12_400_000,
        size_at=s.NOON - timedelta(hours=3),
        processes=(),
        server=server,
        last_activity=s.NOON - timedelta(minutes=20),
        drift=open_,
    )


def app(tmp_path: Path, **what: Any) -> HubtuiApp:
    state = tmp_path / "state"
    server = Server(course=s.course(tmp_path), state=state, run=run, clock=lambda: s.NOON)
    fixed = Fixed(server, look(tmp_path, **what))
    config = Path("/etc/hubtui/course.yaml")
    return HubtuiApp(server, config, pane="signups", looker=fixed, gather=calm)


PLAN = Plan(
    id="20261123-120000-abcdef",
    kind="approve",
    title="Approve 2 sign-ups",
    subjects=({"key": "1", "name": "blue-fox"}, {"key": "2", "name": "ruby-newt"}),
    by="eva",
    at="2026-11-23T12:00:00Z",
)
LINES = [
    SubjectLine(
        key=key,
        name=name,
        steps=(
            StepLine(kind="check", say=f"check that {name} is still free", done=False),
            StepLine(kind="useradd", say=f"useradd --uid 20001 -- {name}", done=False),
            StepLine(kind="authorise", say=f"authorise sign-up {key} ({name})", done=False),
        ),
    )
    for key, name in (("1", "blue-fox"), ("2", "ruby-newt"))
]


async def looked(pilot: Pilot[Any]) -> None:
    for _ in range(100):
        if getattr(pilot.app.screen, "look", None) is not None:
            break
        await pilot.pause(0.05)
    await pilot.pause()


def pressing(*keys: str) -> Callable[[Pilot[Any]], Any]:
    async def before(pilot: Pilot[Any]) -> None:
        await looked(pilot)
        for key in keys:
            await pilot.press(key)
        await pilot.pause()

    return before


def pushing(screen: Callable[[], Any], *keys: str) -> Callable[[Pilot[Any]], Any]:
    async def before(pilot: Pilot[Any]) -> None:
        await looked(pilot)
        made = screen()
        await pilot.app.push_screen(made)
        await pilot.pause()
        if isinstance(made, RunDialog):
            made._take(RESULT)
        for key in keys:
            await pilot.press(key)
        await pilot.pause()
        for box in pilot.app.screen.query(Input):
            box.cursor_blink = False

    return before


RESULT = [
    Event(run="x", seq=1, event=What.END, subject="1", outcome=Outcome.DONE),
    Event(
        run="x", seq=2, event=What.END, subject="2", outcome=Outcome.CHANGED,
        text="ruby-newt was ready, and is now refused.",
    ),
    Event(run="x", seq=3, event=What.DONE, outcome=Outcome.CHANGED, text="1 done, 1 changed"),
]  # fmt: skip
ANSWERS = [
    Answer(what="sign-up", good=True, text="has signed up."),
    Answer(what="home", good=False, text="/home/x is missing.", do="install -d -- /home/x"),
    Answer(what="server", good=None, text="does not run now."),
]


class Still(RunDialog):
    """Follows nothing: the events are given."""

    def _follow(self) -> None:  # type: ignore[override]
        return


SCREENS: dict[str, Callable[[Pilot[Any]], Any]] = {
    "signups": pressing(),
    "marked": pressing("asterisk", "down", "down", "down"),
    "details": pressing("down", "enter"),
    "help": pressing("question_mark"),
    "plan": pushing(lambda: PlanDialog(PLAN, LINES, loses=False, typed="")),
    "commands": pushing(lambda: PlanDialog(PLAN, LINES, loses=False, typed=""), "enter"),
    "typed": pushing(lambda: PlanDialog(PLAN, LINES[:1], loses=True, typed="blue-fox")),
    "result": pushing(lambda: Still(PLAN, None)),
    "unfinished": pushing(lambda: UnfinishedDialog(PLAN)),
    "why": pushing(lambda: ReadPage("Why: blue-fox", why_text(ANSWERS))),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SCREENS)
def test_screen(snap_compare: Compare, tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    assert snap_compare(app(tmp_path), run_before=SCREENS[name], terminal_size=size)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("what", ["empty", "locked"])
def test_a_course_without_sign_ups(
    snap_compare: Compare, tmp_path: Path, what: str, size: tuple[int, int]
) -> None:
    made = app(
        tmp_path, **({"empty": True} if what == "empty" else {"empty": True, "locked": True})
    )
    assert snap_compare(made, run_before=pressing(), terminal_size=size)


def test_the_plan_in_the_pictures_is_a_plan() -> None:
    assert msgspec.json.decode(msgspec.json.encode(PLAN), type=Plan) == PLAN
