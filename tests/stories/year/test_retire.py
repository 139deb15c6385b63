"""The year ends on a real hub: who is meant is gone, archived; whoever else is there is as ever."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtui import changes
from hubtui.errors import ChangedSinceShown, Refused
from hubtui.events import Outcome
from hubtui.plan import runs
from hubtui.plan.plans import Plan
from hubtui.plan.steps import Chain
from hubtui.retire import kept
from hubtui.retire.archive import Archive
from hubtui.retire.checks import fenced
from hubtui.retire.steps import DeleteHubUser, Lock
from hubtui.retire.words import leavers
from hubtui.server import Server, processes
from tests.course_on_disk import ROSTER, hubtui
from tests.leavers import Leavers, digest, unpacked
from tests.sandboxed import Machine
from tests.yearly import PASSWORD, YearsHub

pytestmark = pytest.mark.hub


@pytest.fixture
def year(years_hub: YearsHub, _machine: Machine) -> Leavers:
    return Leavers.of(years_hub, _machine)


def test_a_year_ends_by_one_command_and_who_stays_is_as_ever(year: Leavers, tmp_path: Path) -> None:
    year.student("end-anna", 20001, at_the_hub=True)
    year.serve("end-anna")
    year.student("end-bert", 20002)
    by_hand(year, "end-carl", 1001)
    stays = year.student("end-eva", 20003, at_the_hub=True)
    other = stays.with_name("end-anna-maria")  # whose name begins as another one that goes
    year.student(other.name, 20004, at_the_hub=True)
    before = {name: digest(Path("/home", name)) for name in ("end-eva", "end-anna-maria")}

    words = ("--all-but", "end-eva", "--all-but", "end-anna-maria")
    done = hubtui("accounts", "retire", *words, "--course", "Test course", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr

    year.gone("end-anna", 20001)
    year.gone("end-bert", 20002)
    year.gone("end-carl", 1001)
    assert not Path("/home/.hubtui-retired").exists()
    assert processes.of(20001) == []
    for name, text in before.items():
        year.as_ever(name, text)
    archive = kept.listed(year.server)
    assert sorted({one.uid for one in archive}) == [1001, 20001, 20002]
    [bert] = [one for one in archive if one.uid == 20002 and one.what == "home"]
    assert "end-bert" not in bert.path
    found = unpacked(Path(bert.path), tmp_path / "back")
    assert (tmp_path / "back/20002/work.ipynb").read_text() == "a year of work by end-bert"
    assert (tmp_path / "back/20002") in found


def by_hand(year: Leavers, name: str, uid: int) -> None:
    """An account of before hubtui: its own group, in no ledger, in other groups, with subuids."""
    year.by_hand(name, uid)
    words = ["--append", "--groups", "games", "--add-subuids", "500000-565535"]
    subprocess.run(["usermod", *words, "--", name], check=True)
    with ROSTER.open("a") as file:
        file.write(f"{name}\r\n")
    year.sign_up(name)
    year.at_the_hub(name)


def test_a_new_student_gets_neither_an_old_uid_nor_an_old_name_by_itself(year: Leavers) -> None:
    year.student("new-anna", 20010, at_the_hub=True)
    year.done(year.retire("new-anna"))
    year.sign_up("new-anna", authorised=False)
    year.sign_up("new-bert", authorised=False)
    done = hubtui("signups", "approve", "new-anna", "new-bert", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {year.seen.students[name].uid for name in ("new-anna", "new-bert")} == {20011, 20012}
    # The name's second owner goes as well, and nothing of the first removal is in the way.
    year.done(year.retire("new-anna"))
    assert len({one.uid for one in kept.listed(year.server)}) == 2


def test_one_students_trouble_holds_up_nobody_and_a_second_try_finishes(year: Leavers) -> None:
    year.student("odd-anna", 20020, at_the_hub=True)
    home = year.student("odd-bert", 20021, at_the_hub=True)
    year.student("odd-carl", 20022, at_the_hub=True)
    plan = year.retire("odd-anna", "odd-bert", "odd-carl")
    home.rename("/home/odd-bert-before")  # since it was shown
    home.mkdir(mode=0o700)
    os.chown(home, 20021, 20000)
    assert year.carry_out(plan) is Outcome.CHANGED
    assert "another folder than was shown" in year.ends(plan)["odd-bert"].text
    year.gone("odd-anna", 20020)
    year.gone("odd-carl", 20022)
    assert year.can_log_in("odd-bert")
    assert Path("/home/odd-bert-before/work.ipynb").exists()
    year.done(year.retire("odd-bert"))
    year.gone("odd-bert", 20021)


def test_what_fails_behind_the_fence_comes_back_or_goes_at_the_next_try(year: Leavers) -> None:
    homes = {
        name: year.student(name, uid, at_the_hub=True)
        for name, uid in (("full-a", 20030), ("full-b", 20031))
    }
    for uid, home in zip((20030, 20031), homes.values(), strict=True):
        (home / "data").write_bytes(os.urandom(3 << 20))
        os.chown(home / "data", uid, 20000)
    before = {name: digest(home) for name, home in homes.items()}
    small = Path("/root/small")
    small.mkdir(mode=0o700)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(small)], check=True
    )
    try:
        plan = year.retire("full-a", "full-b", archive=small)
        assert year.carry_out(plan) is Outcome.FAILED
        assert "--archive" in year.ends(plan)["full-a"].text
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)
    again = year.retire("full-b")
    assert {one["files"] for one in again.subjects if one.get("files")} == {6}
    assert digest(fenced(year.server, 20030)) == before["full-a"]
    year.done(year.restore("full-a"))
    year.as_ever("full-a", before["full-a"])
    year.done(year.retire("full-b"))
    year.gone("full-b", 20031)


def test_a_home_that_cannot_go_keeps_its_account_and_goes_at_the_next_try(year: Leavers) -> None:
    work = year.student("hard-anna", 20035) / "work.ipynb"
    subprocess.run(["chattr", "+i", str(work)], check=True)
    plan = year.retire("hard-anna")
    assert year.carry_out(plan) is Outcome.FAILED
    assert "chattr -R -i -a --" in year.ends(plan)["hard-anna"].text
    assert "hard-anna" in year.seen.students
    with pytest.raises(Refused, match="its home is gone, and what is left is an archive"):
        year.restore("hard-anna")
    left = fenced(year.server, 20035).with_name("20035.removing")
    subprocess.run(["chattr", "-R", "-i", "-a", "--", str(left)], check=True)
    year.done(year.retire("hard-anna"))
    year.gone("hard-anna", 20035)


def test_what_fails_after_the_account_is_gone_is_finished_by_a_second_try(year: Leavers) -> None:
    year.student("late-anna", 20036)
    ROSTER.parent.chmod(0o777)
    plan = year.retire("late-anna")
    assert year.carry_out(plan) is Outcome.FAILED
    assert "The roster's folder /root/resources" in year.ends(plan)["late-anna"].text
    with pytest.raises(Refused, match="its account is gone, and what is left is an archive"):
        year.restore("late-anna")
    ROSTER.parent.chmod(0o700)
    done = hubtui("accounts", "retire", "late-anna", "--course", "Test course", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    year.gone("late-anna", 20036)


def test_a_folder_for_archives_that_others_can_open_is_refused_before(year: Leavers) -> None:
    year.student("open-anna", 20037)
    with pytest.raises(Refused, match="/tmp"):
        year.retire("open-anna", archive=Path("/tmp"))


def test_cancelled_between_two_steps_nobody_further_is_touched(
    year: Leavers, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("stop-anna", "stop-bert", "stop-carl")
    for number, name in enumerate(names):
        year.student(name, 20040 + number, at_the_hub=True)
    before = digest(Path("/home/stop-carl"))
    plan = year.retire(*names)
    original = changes.chains

    def chains(server: Server, plan: Plan) -> list[Chain]:
        made = original(server, plan)
        [lock] = [step for step in made[1].steps if isinstance(step, Lock)]
        verify = lock.verify

        def cancel_after() -> None:
            verify()
            runs.cancel(server.state, plan.id)

        lock.verify = cancel_after  # type: ignore[method-assign]
        return made

    monkeypatch.setattr(changes, "chains", chains)
    assert year.carry_out(plan) is Outcome.CANCELLED
    monkeypatch.undo()
    ends = {name: end.outcome for name, end in year.ends(plan).items() if name in names}
    assert ends == {
        "stop-anna": Outcome.DONE,
        "stop-bert": Outcome.CANCELLED,
        "stop-carl": Outcome.CANCELLED,
    }
    year.gone("stop-anna", 20040)
    year.as_ever("stop-carl", before)
    year.done(year.restore("stop-bert"))
    assert year.can_log_in("stop-bert")


def test_who_is_gone_cannot_be_brought_back_and_that_is_said(year: Leavers) -> None:
    year.student("gone-anna", 20050, at_the_hub=True)
    year.done(year.retire("gone-anna"))
    with pytest.raises(Refused, match=r"went on .* as uid 20050: what is left is an archive"):
        year.restore("gone-anna")


def test_somebody_who_signs_up_again_meanwhile_is_not_deleted_along(year: Leavers) -> None:
    year.student("twice-anna", 20060, at_the_hub=True)
    plan = year.retire("twice-anna")
    year.sign_up("twice-anna", authorised=False)
    assert year.carry_out(plan) is Outcome.CHANGED
    assert "signed up" in year.ends(plan)["twice-anna"].text
    assert year.can_log_in("twice-anna")


def test_the_step_that_asks_the_hub_looks_for_itself(year: Leavers) -> None:
    year.student("late-bert", 20061, at_the_hub=True)
    [subject] = leavers(year.retire("late-bert"))
    step = DeleteHubUser(year.server, subject)
    year.sign_up("late-bert", authorised=False)  # which the hub would delete by its name as well
    with pytest.raises(ChangedSinceShown, match="signed up again"):
        list(step.do())
    assert year.can_log_in("late-bert")


def test_who_changes_the_password_in_a_browser_that_is_still_open_goes_all_the_same(
    year: Leavers, monkeypatch: pytest.MonkeyPatch
) -> None:
    year.student("open-anna", 20062)
    browser = year.at_the_hub("open-anna")
    plan = year.retire("open-anna")
    new = {"new_password": "another battery", "new_password_confirmation": "another battery"}

    archive = Archive.do

    def late(step: Archive) -> Iterator[str]:
        page = browser.post("/hub/change-password", {"old_password": PASSWORD, **new})
        assert "has been changed" in page.body
        yield from archive(step)

    monkeypatch.setattr(Archive, "do", late)
    year.done(plan)
    year.gone("open-anna", 20062)


@pytest.mark.timeout(400)  # the hub waits 90 s for a server without a home
def test_a_browser_that_asks_for_a_server_all_the_time_keeps_nobody_here(year: Leavers) -> None:
    year.student("loud-anna", 20063)
    browser = year.serve("loud-anna")
    stop = threading.Event()

    def ask_and_ask() -> None:
        while not stop.is_set():
            with contextlib.suppress(Exception):
                browser.get("/hub/spawn/loud-anna")
            time.sleep(0.2)  # of a machine that others use, too

    loud = threading.Thread(target=ask_and_ask)
    loud.start()
    try:
        # A server that dies at the very moment of a look may cost a try; the next one goes on.
        if year.carry_out(year.retire("loud-anna")) is not Outcome.DONE:
            year.done(year.retire("loud-anna"))
    finally:
        stop.set()
        loud.join()
    year.gone("loud-anna", 20063)
