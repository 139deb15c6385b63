"""hubtui release, as an admin types it: every verb, every exit code, and an old set-up."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.course_on_disk import CONFIG, ROSTER, STATE, TEXT, hubtui
from tests.release_on_disk import RELEASE, SOURCE, Teaching, teach, tree, write_as
from tests.sandboxed import Machine

ANNA, BERT = Path("/home/anna/exercises"), Path("/home/bert/exercises")


@pytest.fixture
def course(machine: Machine) -> Teaching:
    """Anna and Bert, and a first sheet; the admin of the roster is staff."""
    made = teach(machine, "anna", "bert")
    CONFIG.write_text(TEXT.replace("[tutor]", "[tutor, admin]") + RELEASE)
    made.sheet("week01", {"sheet.ipynb": "one", "data/table.csv": "1,2\n"})
    return made


def release(*words: str, code: int = 0, **more: Any) -> subprocess.CompletedProcess[str]:
    """``hubtui release …``, and how it ended; a traceback is never right."""
    done = hubtui("release", *words, **more)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


def rows(noun: str, *words: str) -> list[dict[str, Any]]:
    """The rows of ``hubtui release … --json``."""
    document = json.loads(release(*words, "--json").stdout)
    assert document["format"] == 1
    assert document["course"] == "Test course"
    found: list[dict[str, Any]] = document[noun]
    return found


def states(*words: str) -> dict[tuple[str, str], str | None]:
    """What the matrix says, by student and sheet."""
    return {(r["name"], r["sheet"]): r["state"] for r in rows("deliveries", "status", *words)}


def own(name: str, path: Path) -> None:
    subprocess.run(["chown", "-R", f"{name}:", str(path)], check=True)


# --- list ----------------------------------------------------------------------------------------


def test_the_list_says_what_is_new(course: Teaching) -> None:
    course.sheet("loesung00", {"answer.ipynb": "42"})
    said = release("list").stdout
    assert re.search(r"week01 +not released +2 ", said)
    assert re.search(r"loesung00 .*solution", said)
    release("push", "week01", "--yes")
    course.sheet("week01", {"sheet.ipynb": "one, corrected"})
    (SOURCE / "week01/link").symlink_to("/etc/shadow")
    said = release("list").stdout
    assert re.search(r"week01 +files changed +1 +2 ", said)
    assert "! week01: 1 file left out" in said
    found = {row["name"]: row for row in rows("sheets", "list")}
    assert found["week01"]["state"] == "changed"
    assert (found["week01"]["version"], found["week01"]["changed"]) == (1, ["sheet.ipynb"])
    assert found["loesung00"]["solution"] is True


# --- preview -------------------------------------------------------------------------------------


def test_the_preview_changes_nothing_and_says_what_comes(course: Teaching) -> None:
    (ANNA / "week01").mkdir(parents=True)
    (ANNA / "week01/sheet.ipynb").write_text("my own")
    own("anna", ANNA)
    Path("/home/bert/exercises").symlink_to("/etc")
    said = release("preview").stdout
    assert "Release week01 to 2 students: 1 new, 1 kept as the student has it, 2 blocked" in said
    assert "week01, version 1: 2 files" in said
    assert re.search(r"bert +2 blocked +.*a link or a file stands in the way at", said)
    assert re.search(r"anna +1 new, 1 kept as the student has it +week01/sheet.ipynb: kept", said)
    assert said.index("bert ") < said.index("anna ")  # who will lack something comes first
    assert tree(ANNA) == {"week01/sheet.ipynb": b"my own"}
    found = {row["name"]: row["counts"] for row in rows("preview", "preview")}
    assert found == {"anna": {"new": 1, "kept": 1}, "bert": {"blocked": 2}}
    release("push", "--yes", code=1)
    assert states() == {("anna", "week01"): "kept", ("bert", "week01"): "blocked"}


def test_without_a_sheet_everything_new_is_meant(course: Teaching) -> None:
    release("push", "--yes")
    course.sheet("week02", {"two.ipynb": "two"})
    document = json.loads(release("preview", "--json").stdout)
    assert document["sheets"] == {"week02": 1}
    assert document["totals"] == {"new": 2}
    assert "Nothing was released" not in release("history").stdout
    release("push", "--yes")
    said = release("push", "--yes")
    assert said.stdout == "Nothing is new: every sheet is as it was released.\n"
    assert rows("preview", "preview") == []


# --- push ----------------------------------------------------------------------------------------


def test_one_account_first_then_all(course: Teaching) -> None:
    said = release("push", "week01", "--to", "anna", "--yes").stdout
    assert "done      anna: 2 new" in said
    assert tree(ANNA)["week01/sheet.ipynb"] == b"one"
    assert not BERT.exists()
    assert states() == {("anna", "week01"): "delivered", ("bert", "week01"): None}
    said = release("push", "--yes").stdout
    assert "already   anna" in said
    assert "done      bert: 2 new" in said
    assert set(states().values()) == {"delivered"}


def test_chosen_files_of_one_sheet(course: Teaching) -> None:
    release("push", "--yes")
    course.sheet("week01", {"hint.md": "think", "sheet.ipynb": "half done"})
    release("preview", "week01")  # holds what is half done: it must not go out with the file
    release("push", "week01", "--file", "hint.md", "--yes")
    assert tree(ANNA)["week01/hint.md"] == b"think"
    assert tree(ANNA)["week01/sheet.ipynb"] == b"one"


def test_a_dry_run_shows_the_plan_and_does_nothing(course: Teaching) -> None:
    said = release("push", "--dry-run").stdout
    assert "rsync -tO --ignore-existing → ~anna/exercises, as the student" in said
    assert not ANNA.exists()
    assert json.loads(release("push", "--dry-run", "--json").stdout)["kind"] == "push"
    assert rows("history", "history") == []


def test_blocked_is_a_failure_and_kept_is_none(course: Teaching) -> None:
    write_as("anna", Path("/home/anna/exercises"), "a file in the way")
    (BERT / "week01").mkdir(parents=True)
    (BERT / "week01/sheet.ipynb").write_text("my own")
    own("bert", BERT)
    done = release("push", "--yes", code=1)
    assert "failed    anna: week01/" in done.stderr
    assert "done      bert: 1 new, 1 kept as the student has it" in done.stdout
    assert "Release week01 to 2 students: 1 failed, 1 done." in done.stdout.replace(
        "1 done, 1 failed", "1 failed, 1 done"
    )
    assert Path("/home/anna/exercises").read_text() == "a file in the way"
    Path("/home/anna/exercises").unlink()
    release("push", "week01", "--yes")
    assert states() == {("anna", "week01"): "delivered", ("bert", "week01"): "kept"}


def test_given_again_is_what_was_released_and_not_what_is_being_written(course: Teaching) -> None:
    release("push", "--yes")
    (ANNA / "week01/sheet.ipynb").unlink()
    course.sheet("week01", {"sheet.ipynb": "half done"})
    release("push", "week01", "--again", "--to", "anna", "--yes")
    assert tree(ANNA)["week01/sheet.ipynb"] == b"one"
    done = release("push", "week02", "--again", "--yes", code=2)
    assert "week02 was not released: there is nothing to give again. Did you mean week01?" in (
        done.stderr
    )


def test_an_open_notebook_is_replaced_only_where_that_was_chosen(course: Teaching) -> None:
    release("push", "--yes")
    course.sheet("week01", {"sheet.ipynb": "corrected"})
    name = "jupyterhub-singleuser"
    server = subprocess.Popen(["bash", "-c", f"exec -a {name} sleep 60"], user="anna", group=20000)
    try:
        time.sleep(0.3)
        assert "beside the student's own" in release("preview", "--to", "anna").stdout
        release("push", "week01", "--replace-open", code=2, stdin=subprocess.DEVNULL)
        assert tree(ANNA)["week01/sheet.ipynb"] == b"one"
        release("push", "--replace-open", "--yes", stdin=subprocess.DEVNULL)
    finally:
        server.kill()
        server.wait()
    assert tree(ANNA)["week01/sheet.ipynb"] == b"corrected"
    assert "week01/sheet.v2.ipynb" not in tree(ANNA)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("week1",), "week1 is no sheet in release.source. Did you mean week01?"),
        (("../../etc",), "../../etc is no sheet in release.source."),
        (("week01", "--to", "ana"), "ana is no course account. Did you mean anna?"),
        (("week01", "--to", "root"), "root is no course account."),
        (("week01", "--to", "tutor"), "tutor is no course account."),
        (("week01", "--file", "shet.ipynb"), "Did you mean sheet.ipynb?"),
        (("week01", "--file", "../week01/sheet.ipynb"), "is no file of week01"),
        (("--file", "sheet.ipynb"), "--file names files of one sheet"),
        (("week01",), "There is no terminal to ask on"),
    ],
)
def test_what_is_not_known_is_wrong_use(course: Teaching, words: Sequence[str], said: str) -> None:
    done = release("push", *words, code=2, stdin=subprocess.DEVNULL)
    assert said in done.stderr
    assert not ANNA.exists()


# --- refusals ------------------------------------------------------------------------------------


def test_a_course_without_releases(course: Teaching) -> None:
    CONFIG.write_text(TEXT)
    for verb in ("list", "preview", "push", "status", "history", "withdraw"):
        done = release(verb, *(["week01"] if verb == "withdraw" else []), code=1)
        assert done.stderr == (
            "hubtui: course.yaml has no part release: there is nothing to hand out.\n"
        )


def test_without_root_it_lists_and_says_what_it_cannot(course: Teaching) -> None:
    STATE.mkdir(mode=0o711, exist_ok=True)
    release("push", "--yes")
    anybody: dict[str, Any] = {"user": "anna", "group": 20000, "extra_groups": [], "cwd": "/"}
    for words in (("preview",), ("push", "--yes"), ("withdraw", "week01")):
        done = release(*words, code=1, **anybody)
        assert re.fullmatch(r"hubtui: .* needs root: sudo hubtui release .*\n", done.stderr)
    assert "Without" in release("list", **anybody).stderr
    assert "Without deliveries" in release("status", **anybody).stderr
    release("history", **anybody)


def test_without_rsync(course: Teaching) -> None:
    rsync = Path("/usr/bin/rsync")
    empty = Path("/run/no-rsync")
    empty.touch(mode=0o644)
    subprocess.run(["mount", "--bind", str(empty), str(rsync)], check=True)
    try:
        for words in (("push", "--yes"), ("preview",)):
            done = release(*words, code=1)
            assert done.stderr == "hubtui: rsync is not installed: apt-get install rsync\n"
    finally:
        subprocess.run(["umount", str(rsync)], check=True)


def test_what_is_scheduled_is_not_new_unless_it_is_named(course: Teaching) -> None:
    course.sheet("week02", {"two.ipynb": "two"})
    hubtui("due")
    hubtui("release", "schedule", "week02", "tomorrow 08:00", "--yes")
    assert "scheduled: " in release("list").stdout
    done = release("push", "--yes")
    assert "week02 is scheduled for later: left out unless it is named." in done.stderr
    assert "week02/two.ipynb" not in tree(ANNA)
    nothing = release("push", "--json", "--yes")
    assert json.loads(nothing.stdout)["subjects"] == []
    release("push", "week02", "--yes")
    assert tree(ANNA)["week02/two.ipynb"] == b"two"


def test_a_version_of_a_preview_is_handed_out_or_nothing(course: Teaching) -> None:
    seen = json.loads(release("push", "week01", "--dry-run", "--json").stdout)["versions"]
    course.sheet("week01", {"sheet.ipynb": "half a sent"})
    release("push", "--version", seen[0], "--yes")
    assert tree(ANNA)["week01/sheet.ipynb"] == b"one"
    seen = json.loads(release("push", "week01", "--dry-run", "--json").stdout)["versions"]
    course.sheet("week01", {"sheet.ipynb": "half a sentence"})
    release("preview", "week01")  # by somebody else: the version that nobody has is read anew
    done = release("push", "--version", seen[0], "--yes", code=1)
    assert "week01 was read anew since it was previewed: look again." in done.stderr
    for words in (["--version", "week01"], ["--version", "week01=x"], ["--version", "none=1"]):
        release("push", *words, "--yes", code=2)
    assert "no version 9" in release("push", "--version", "week01=9", "--yes", code=1).stderr


# --- status, history, withdraw -------------------------------------------------------------------


def test_the_matrix_says_who_is_behind_and_why(course: Teaching) -> None:
    release("push", "--yes")
    course.sheet("week01", {"sheet.ipynb": "corrected"})
    course.sheet("week02", {"two.ipynb": "two"})
    release("push", "--to", "anna", "--yes")
    assert states()["bert", "week02"] is None
    (BERT / "week01").chmod(0o000)
    release("push", "--yes", code=1)
    said = release("status").stdout
    assert re.search(r"anna +delivered +delivered", said)
    assert re.search(r"! bert, week01: blocked: .*no permission", said)
    of_one = release("status", "--sheet", "week01").stdout
    assert re.search(r"bert +blocked", of_one)
    assert "week02" not in {
        row["sheet"] for row in rows("deliveries", "status", "--sheet", "week01")
    }
    assert "Did you mean week01?" in release("status", "--sheet", "week1", code=2).stderr
    bert = next(
        r for r in rows("deliveries", "status") if (r["name"], r["sheet"]) == ("bert", "week01")
    )
    assert (bert["uid"], bert["version"], bert["behind"]) == (20002, 2, False)


def test_a_delivery_that_came_to_no_end_is_told_by_the_run(course: Teaching) -> None:
    os.chown("/home/bert", 0, 0)  # the home is somebody else's
    Path("/home/bert").chmod(0o755)
    release("push", "--yes", code=1)
    assert states() == {("anna", "week01"): "delivered", ("bert", "week01"): "failed"}
    assert "! bert, week01: failed: the home belongs to somebody else" in release("status").stdout
    os.chown("/home/bert", 20002, 20002)
    release("push", "week01", "--yes")
    assert set(states().values()) == {"delivered"}


def test_the_history_is_of_runs_and_the_newest_comes_first(course: Teaching) -> None:
    release("push", "--to", "anna", "--yes")
    release("push", "--yes", env={**os.environ, "SUDO_USER": "eva"})
    write_as("bert", BERT / "week01/sheet.ipynb", "mine")
    release("withdraw", "week01", "--yes")
    for entry in (STATE / "journal").iterdir():
        entry.unlink()
    found = rows("history", "history")
    assert [(one["what"], one["students"], one["state"]) for one in found] == [
        ("withdrawn", 2, "done"),
        ("released", 2, "done"),
        ("tried", 1, "done"),
    ]
    assert found[1]["by"] == "eva"
    assert found[1]["outcomes"] == {"already": 1, "done": 1}
    assert found[1]["sheets"] == {"week01": 1}
    assert re.search(
        r"eva +released +week01 +2 +done \(1 already, 1 done\)|\(1 done, 1 already\)",
        release("history").stdout,
    )


def test_withdrawing_leaves_work_and_says_so(course: Teaching) -> None:
    release("push", "--yes")
    write_as("bert", BERT / "week01/sheet.ipynb", "mine")
    assert "sheet.ipynb stays" in release("withdraw", "week01", "--dry-run").stdout
    assert "week01/sheet.ipynb" in tree(ANNA)
    release("withdraw", "week01", "--yes")
    assert tree(BERT) == {"week01/sheet.ipynb": b"mine"}
    assert tree(ANNA) == {}
    assert states() == {}
    assert "Did you mean week01?" in release("withdraw", "week02", "--yes", code=2).stderr
    again = release("push", "--yes")
    assert "week01 was withdrawn: left out unless it is named." in again.stderr
    assert tree(ANNA) == {}
    assert "1 kept as the student has it" in release("withdraw", "week01", "--yes").stdout
    (BERT / "week01/sheet.ipynb").unlink()
    release("withdraw", "week01", "--yes")
    assert "was not released" in release("withdraw", "week01", "--yes", code=1).stderr


# --- on a terminal -------------------------------------------------------------------------------


def on_a_terminal(*words: str, typed: str = "") -> tuple[int, str]:
    """Exit code and screen of ``hubtui release …`` on a terminal of 100 columns."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"COLUMNS": "100", "LINES": "30", "TERM": "xterm-256color"}
        os.execv(sys.executable, [sys.executable, "-m", "hubtui", "release", *words])
    os.write(terminal, typed.encode())
    said = b""
    while True:
        try:
            data = os.read(terminal, 4096)
        except OSError:
            break
        if not data:
            break
        said += data
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), said.decode()


def test_a_terminal_gets_a_bar_and_the_failed_ones_first(course: Teaching) -> None:
    write_as("bert", Path("/home/bert/exercises"), "in the way")
    code, said = on_a_terminal("push", typed="y\n")
    assert code == 1
    assert "Release week01 to 2 students?" in said
    assert "2 of 2 students · 2 files, 7 B" in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said)
    assert said.index("failed    bert") < said.index("done      anna")
    assert tree(ANNA)["week01/sheet.ipynb"] == b"one"


def test_replacing_what_is_open_has_to_be_typed(course: Teaching) -> None:
    code, said = on_a_terminal("push", "--replace-open", "--yes", typed="y\n")
    assert code == 2
    assert "Nothing was done." in said
    assert not ANNA.exists()
    code, _ = on_a_terminal("push", "--replace-open", typed="replace\n")
    assert code == 0
    assert tree(ANNA)["week01/sheet.ipynb"] == b"one"


# --- an old set-up -------------------------------------------------------------------------------

OLD_ROSTER = (
    b"\xef\xbb\xbfanna\r\n\r\n# the second group\r\nbert\r\nghost\r\n..\r\n-n\r\n*\r\nroot\r\n"
    b"anna\r\nyouradmin\r\n$(id)\r\ncarla"
)


def the_old_script(name: str) -> None:
    """What the course used before, for one name."""
    subprocess.run(
        [
            *["rsync", "-h", "-v", "-r", "-og", f"--chown={name}:all_user", "--ignore-existing"],
            *[str(SOURCE), f"/home/{name}"],
        ],
        check=True,
        capture_output=True,
    )


def test_an_old_set_up_is_read_as_it_is(machine: Machine) -> None:
    course = teach(machine, "anna", "bert", "carla")
    staff = TEXT.replace("[tutor]", "[tutor, youradmin]")
    CONFIG.write_text(staff + RELEASE)
    machine.adduser("youradmin", 1200, group="all_user")
    ROSTER.write_bytes(OLD_ROSTER)
    course.sheet("week01", {"sheet.ipynb": "one", "data/table.csv": "1,2\n"})
    the_old_script("anna")
    the_old_script("bert")
    write_as("bert", BERT / "week01/sheet.ipynb", "my answers")
    done = release("push", "--yes")
    for name, why in {
        "ghost": "there is no such account",
        "..": "there is no such account",
        "-n": "there is no such account",
        "*": "there is no such account",
        "$(id)": "there is no such account",
        "root": "belongs to the system (uid 0)",
    }.items():
        assert re.search(
            rf"^! {re.escape(name)} is in the roster, and .*{re.escape(why)}", done.stderr, re.M
        )
    assert "youradmin" not in done.stderr + done.stdout
    assert done.stdout.count("anna:") == 1
    assert tree(Path("/home/carla/exercises"))["week01/sheet.ipynb"] == b"one"  # the last line
    assert tree(BERT)["week01/sheet.ipynb"] == b"my answers"
    assert not Path("/home/youradmin/exercises").exists()
    assert not Path("/root/exercises").exists()
    assert states() == {
        ("anna", "week01"): "same",
        ("bert", "week01"): "kept",
        ("carla", "week01"): "delivered",
    }
    given = course.given("anna", "week01")
    assert given is not None
    assert (given.version, given.counts) == (1, {"same": 2})
    assert ROSTER.read_bytes() == OLD_ROSTER


def test_what_the_old_script_delivered_can_be_corrected(course: Teaching) -> None:
    the_old_script("anna")
    release("push", "--yes")
    course.sheet("week01", {"sheet.ipynb": "one, corrected"})
    release("push", "--yes")
    assert tree(ANNA)["week01/sheet.ipynb"] == b"one, corrected"


def test_a_flat_folder_is_the_sheet_of_the_exercises(machine: Machine) -> None:
    course = teach(machine, "anna")
    course.sheet(".", {"sheet1.ipynb": "one"})
    assert "the exercises" in release("list").stdout
    the_old_script("anna")
    release("push", ".", "--yes")
    assert states() == {("anna", "."): "same"}
