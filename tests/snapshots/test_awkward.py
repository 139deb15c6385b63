"""The same screens on a bad day: hostile names, drift, a locked hub, runs that fail."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hubtui.plan import runs
from hubtui.plan.plans import Plan
from hubtui.server import Server
from hubtui.signups import Verdict
from hubtui.tui.app import HubtuiApp
from hubtui.tui.dialogs import AskDialog, Page, PlanDialog, why_text
from hubtui.tui.run_dialog import RunDialog
from hubtui.why import Answer
from tests.snapshots import scenes
from tests.snapshots.showing import CONFIG, Given, Same, calm, doing, following

LATE = [f"late-{number:02}" for number in range(7)]
MANY = [f"late-{number:02}" for number in range(40)]


def app_of(server: Server, tmp_path: Path, *, read_only: bool = False, **day: Any) -> HubtuiApp:
    look = scenes.class_on_a_bad_day(tmp_path, **day)
    given = Given(server, look)
    return HubtuiApp(server, CONFIG, pane="signups", read_only=read_only, looker=given, gather=calm)


# --- the panes ------------------------------------------------------------------------------------


def test_names_that_want_to_do_harm(looks_the_same: Same, server: Server, tmp_path: Path) -> None:
    assert looks_the_same(app_of(server, tmp_path), doing(*["down"] * 16))


def test_a_name_that_wants_to_do_harm_in_full(
    looks_the_same: Same, server: Server, tmp_path: Path
) -> None:
    assert looks_the_same(app_of(server, tmp_path), doing(*["down"] * 16, "enter"))


def test_more_sign_ups_than_lines(looks_the_same: Same, server: Server, tmp_path: Path) -> None:
    assert looks_the_same(app_of(server, tmp_path, many=60), doing("asterisk", "end"))


def test_filtered_and_sorted(looks_the_same: Same, server: Server, tmp_path: Path) -> None:
    keys = ("s", "slash", *"late-00", "enter", "plus", "slash")
    assert looks_the_same(app_of(server, tmp_path, many=60), doing(*keys))


def test_a_filter_that_lets_nothing_through(
    looks_the_same: Same, server: Server, tmp_path: Path
) -> None:
    assert looks_the_same(app_of(server, tmp_path), doing("slash", *"nobody"))


def test_the_keys_of_the_accounts(looks_the_same: Same, server: Server, tmp_path: Path) -> None:
    assert looks_the_same(app_of(server, tmp_path), doing("3", "question_mark"))


def test_a_hub_that_is_locked(looks_the_same: Same, server: Server, tmp_path: Path) -> None:
    assert looks_the_same(app_of(server, tmp_path, missing=True), doing())


def test_accounts_while_the_hub_is_locked(
    looks_the_same: Same, server: Server, tmp_path: Path
) -> None:
    assert looks_the_same(app_of(server, tmp_path, missing=True), doing("3"))


def test_the_demo_says_that_it_is_one(
    looks_the_same: Same, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUBTUI_DEMO", "http://127.0.0.1:42651")
    assert looks_the_same(app_of(server, tmp_path), doing())


def test_read_only_on_a_light_screen(looks_the_same: Same, server: Server, tmp_path: Path) -> None:
    app = app_of(server, tmp_path, read_only=True)
    app.theme = "textual-light"
    assert looks_the_same(app, doing("asterisk"))


def test_accounts_on_a_light_screen(looks_the_same: Same, server: Server, tmp_path: Path) -> None:
    app = app_of(server, tmp_path)
    app.theme = "textual-light"
    assert looks_the_same(app, doing("3", "down"))


# --- dialogs --------------------------------------------------------------------------------------


def plan_dialog(server: Server, plan: Plan, *, typed: str = "") -> PlanDialog:
    lines = scenes.enrolment_lines(server, plan)
    return PlanDialog(plan, lines, loses=False, typed=typed)


def test_a_plan_with_its_real_commands(
    looks_the_same: Same, server: Server, tmp_path: Path
) -> None:
    plan = scenes.approve_plan("blue-fox", "abcdefghijklmnopqrstuvwxyz-01234", *MANY)
    dialog = doing("down", "enter", screen=lambda: plan_dialog(server, plan))
    assert looks_the_same(app_of(server, tmp_path), dialog)


def test_a_plan_whose_commands_are_scrolled_on_a_light_screen(
    looks_the_same: Same, server: Server, tmp_path: Path
) -> None:
    app = app_of(server, tmp_path)
    app.theme = "textual-light"
    plan = scenes.approve_plan(*MANY)
    keys = ("enter", *["shift+down"] * 4)
    assert looks_the_same(app, doing(*keys, screen=lambda: plan_dialog(server, plan)))


def test_a_plan_that_wants_the_name_typed(
    looks_the_same: Same, server: Server, tmp_path: Path
) -> None:
    plan = scenes.approve_plan("old-walrus", verdict=Verdict.EARLIER)
    typing = doing(*"old-w", screen=lambda: plan_dialog(server, plan, typed="old-walrus"))
    assert looks_the_same(app_of(server, tmp_path), typing)


def test_a_plan_that_wants_the_name_typed_and_got_it(
    looks_the_same: Same, server: Server, tmp_path: Path
) -> None:
    plan = scenes.approve_plan("old-walrus", verdict=Verdict.EARLIER)
    screen = plan_dialog(server, plan, typed="old-walrus")
    typing = doing(*"old-walrus", "enter", screen=lambda: screen)
    assert looks_the_same(app_of(server, tmp_path), typing)


def test_a_plan_in_which_something_goes_away(
    looks_the_same: Same, server: Server, tmp_path: Path
) -> None:
    plan = scenes.discard_plan(*scenes.HOSTILE)
    dialog = PlanDialog(plan, scenes.discard_lines(plan), loses=True, typed="")
    assert looks_the_same(app_of(server, tmp_path), doing(screen=lambda: dialog))


def test_a_plan_for_one_with_something_to_read(
    looks_the_same: Same, server: Server, tmp_path: Path
) -> None:
    plan = scenes.approve_plan("blue-fox")
    note = "2 other processes: tmux: server (4711), python3 (4712): both are ended, too, at once"
    [line] = scenes.enrolment_lines(server, plan)
    lines = [msgspec.structs.replace(line, notes=(note, "3 kernels are computing now"))]
    dialog = PlanDialog(plan, lines, loses=True, typed="")
    assert looks_the_same(app_of(server, tmp_path), doing("enter", screen=lambda: dialog))


def test_a_question(looks_the_same: Same, server: Server, tmp_path: Path) -> None:
    asked = AskDialog(
        "Stop servers that are idle for more than … minutes",
        str,
        value="60",
        hint="Enter goes on to the plan",
    )
    assert looks_the_same(app_of(server, tmp_path), doing(screen=lambda: asked))


def test_why_with_all_its_answers(looks_the_same: Same, server: Server, tmp_path: Path) -> None:
    home = "/home/old-walrus"
    log = "[E 2026-11-23 11:58:03.114 JupyterHub user:884] Unhandled error starting old-walrus's "
    log += "server: [Errno 13] Permission denied: '/home/old-walrus/.local/share/jupyter'"
    answers = [
        Answer(what="sign-up", good=True, text="has signed up."),
        Answer(what="authorised", good=True, text="may log in."),
        Answer(what="spelling", good=None, text="old_walrus looks alike: is that one typed?"),
        Answer(what="account", good=True, text=f"uid 1004, {home}, a course account."),
        Answer(what="home", good=True, text=f"{home} is there."),
        Answer(
            what="owner", good=False, text=f"{home} belongs to uid 1009: the server cannot start.",
            do=f"Look whose files these are; then: chown -h old-walrus {home}",
        ),
        Answer(what="mode", good=None, text="mode 0755: classmates can read known paths.",
               do=f"chmod 700 {home}"),
        Answer(what="space", good=True, text="14.2 GB free."),
        Answer(what="server", good=None, text="does not run now (starts at the next log-in)."),
        Answer(what="hub's log", good=False, text=log),
    ]  # fmt: skip
    page = Page("Why: old-walrus", why_text(answers))
    assert looks_the_same(app_of(server, tmp_path), doing(screen=lambda: page))


# --- runs -----------------------------------------------------------------------------------------


@pytest.fixture
def at_work(server: Server) -> Iterator[Plan]:
    """A run whose process lives, as far as one can see from outside."""
    plan = scenes.approve_plan(*LATE)
    held = os.open(scenes.confirmed(server, plan), os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    yield plan
    os.close(held)


def test_a_run_at_work(looks_the_same: Same, server: Server, tmp_path: Path, at_work: Plan) -> None:
    scenes.half_way(server, at_work)
    dialog = RunDialog(at_work, None)
    come = following(dialog, lambda: dialog.states["3"] is not None)
    assert looks_the_same(app_of(server, tmp_path), come)


def test_a_run_that_failed_in_part(
    looks_the_same: Same, server: Server, tmp_path: Path, at_work: Plan
) -> None:
    scenes.to_the_end(server, at_work)
    dialog = RunDialog(at_work, None)
    come = following(dialog, lambda: dialog.outcome is not None)
    assert looks_the_same(app_of(server, tmp_path), come)


def test_a_run_that_was_killed(looks_the_same: Same, server: Server, tmp_path: Path) -> None:
    plan = scenes.approve_plan(*LATE)
    os.utime(scenes.confirmed(server, plan), (0, 0))
    scenes.half_way(server, plan)
    dialog = RunDialog(plan, None)
    come = following(dialog, lambda: dialog.outcome is not None)
    assert looks_the_same(app_of(server, tmp_path), come)


def test_a_run_that_was_dropped(looks_the_same: Same, server: Server, tmp_path: Path) -> None:
    plan = scenes.approve_plan(*LATE)
    os.utime(scenes.confirmed(server, plan), (0, 0))
    scenes.half_way(server, plan)
    runs.drop(server.state, plan.id, server.clock())
    app = app_of(server, tmp_path)
    app.theme = "textual-light"
    dialog = RunDialog(plan, None)
    come = following(dialog, lambda: dialog.outcome is not None)
    assert looks_the_same(app, come)


def test_leaving_while_a_change_runs(
    looks_the_same: Same, server: Server, tmp_path: Path, at_work: Plan
) -> None:
    assert at_work
    assert looks_the_same(app_of(server, tmp_path), doing("q"))
