"""A tutor may release, and nothing else: sudo's rule and ``hubtui-tutor`` hold against a tutor
who wants to be root, and against students. ``sudo`` here is the real one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtui.errors import Refused
from hubtui.release import through_sudo
from hubtui.setup.install import files
from hubtui.setup.install.timers import CRON
from hubtui.setup.install.tutors import LAUNCHER, SUDOERS
from tests.course_on_disk import CONFIG, hubtui
from tests.release_on_disk import SOURCE, Teaching, tree
from tests.sandboxed import Machine
from tests.tutors_way_in import PROGRAM, as_user, tutor, way_in

ANNA = Path("/home/anna/exercises")
CANARY = Path("/root/canary")


@pytest.fixture
def course(machine: Machine, tmp_path: Path) -> Iterator[Teaching]:
    """A course with a timer and tutors, installed by hubtui."""
    CANARY.write_text("secret")
    CANARY.chmod(0o600)
    try:
        with way_in(machine, tmp_path / "bin", "anna", "bert") as made:
            made.sheet("week01", {"sheet.ipynb": "one"})
            yield made
    finally:
        CANARY.unlink(missing_ok=True)


# --- what a tutor may ---------------------------------------------------------------------------


def test_the_whole_week_of_a_tutor(course: Teaching) -> None:
    listed = tutor("list", "--json")
    assert [one["name"] for one in json.loads(listed.stdout)["sheets"]] == ["week01"]
    shown = tutor("preview", "week01", "--json")
    assert [one["name"] for one in json.loads(shown.stdout)["preview"]] == ["anna", "bert"]
    assert not ANNA.exists()
    tried = tutor("push", "week01", "--to", "anna", "--yes")
    assert tried.returncode == 0, tried.stderr
    assert tree(ANNA) == {"week01/sheet.ipynb": b"one"}
    assert tutor("push", "week01", "--yes").returncode == 0
    assert tree(Path("/home/bert/exercises")) == {"week01/sheet.ipynb": b"one"}
    rows = json.loads(tutor("status", "--json").stdout)["deliveries"]
    assert {(row["name"], row["state"]) for row in rows} >= {("bert", "delivered")}
    past = json.loads(tutor("history", "--json").stdout)["history"]
    assert {one["by"] for one in past} == {"tutor"}
    assert "Nothing is being handed out" in tutor("cancel").stderr
    course.sheet("week02", {"two.ipynb": "two"})
    done = tutor("schedule", "week02", "tomorrow 08:00", "--yes")
    assert done.returncode == 0, done.stderr
    assert "week02" in tutor("schedule").stdout
    assert tutor("unschedule", "week02", "--yes").returncode == 0
    assert tutor("withdraw", "week01", "--yes").returncode == 0
    assert tree(ANNA) == {}


CLIENT = """
import json, sys
from hubtui.release import through_sudo as client
print(json.dumps([
    [sheet["name"] for sheet in client.sheets()["sheets"]],
    client.preview(["week01"], to=["anna"])["title"],
    [event.event for event in client.push(client.preview(["week01"])["versions"]) if event][-1],
    {row["state"] for row in client.status("week01")["deliveries"]} == {"delivered"},
    client.schedule(["week01"], "tomorrow 08:00")["schedule"][0]["id"],
    client.unschedule("week01")["schedule"][0]["id"],
    [event.outcome for event in client.withdraw("week01") if event][-1],
]))
"""


def test_the_tutors_own_hubtui_goes_through_sudo(course: Teaching) -> None:
    done = as_user("tutor", sys.executable, "-I", "-c", CLIENT)
    assert done.returncode == 0, done.stderr
    title = "Try week01 on anna"
    assert json.loads(done.stdout) == [["week01"], title, "done", True, "s1", "s1", "done"]


def test_a_refusal_of_sudo_is_a_sentence_for_the_tutor(course: Teaching) -> None:
    SUDOERS.unlink()
    words = (
        "from hubtui.release import through_sudo as c\ntry:\n c.sheets()\nexcept Exception as e:"
    )
    done = as_user("tutor", sys.executable, "-I", "-c", f"{words}\n print(type(e).__name__, e)")
    assert done.stdout.startswith("Refused sudo does not let you release (")
    assert "sudo hubtui install tutors" in done.stdout


# --- what nobody may ----------------------------------------------------------------------------


def is_unharmed() -> None:
    """Nothing was given to anybody, and nothing of root's was read or written."""
    assert CANARY.read_text() == "secret"
    assert CANARY.stat().st_mode & 0o777 == 0o600
    assert not Path("/root/owned").exists()
    assert not ANNA.exists()


NO_NAMES = [
    ["--config", "/home/tutor/course.yaml", "list"],
    ["list", "--config", "/home/tutor/course.yaml"],
    ["list", "--config=/home/tutor/course.yaml"],
    ["push", "--config", "/home/tutor/course.yaml", "--yes"],
    ["push", "/root", "--yes"],
    ["push", "../../root", "--yes"],
    ["push", "..", "--yes"],
    ["push", "--yes", "--", "-n"],
    ["push", "week01", "--file", "/root/canary", "--yes"],
    ["push", "week01", "--file", "../../../root/canary", "--yes"],
    ["push", "week01", "--file", "canary", "--yes"],
    ["push", "week01", "--to", "root", "--yes"],
    ["push", "week01", "--to", "../root", "--yes"],
    ["push", "week01", "--to", "tutor", "--yes"],
    ["status", "--sheet", "../../../root"],
    ["withdraw", "../../releases", "--yes"],
    ["unschedule", "../schedule", "--yes"],
    ["schedule", "/root/canary", "08:00", "--yes"],
    ["schedule", "--newer", "/root/canary", "--yes"],
    ["due"],
    ["run", "20261124-000000-abcdef"],
    ["journal"],
    ["signups", "list"],
    ["accounts", "create", "eve", "--yes"],
    ["install", "tutors", "--yes"],
    ["release", "push", "--yes"],
    ["-c", "import os"],
    ["-m", "http.server"],
    ["@/root/canary"],
]


def test_a_word_that_is_no_name_is_refused(course: Teaching) -> None:
    Path("/home/tutor/course.yaml").write_text(
        CONFIG.read_text().replace(str(SOURCE), "/root").replace("/var/lib", "/root/owned")
    )
    (SOURCE / "week01/canary").symlink_to(CANARY)
    for words in NO_NAMES:
        done = tutor(*words)
        assert done.returncode in (1, 2), words
        assert "Traceback" not in done.stderr, words
        assert "secret" not in done.stdout + done.stderr, words
        is_unharmed()


def test_variables_and_folders_choose_nothing(course: Teaching) -> None:
    evil = Path("/home/tutor/evil")
    (evil / "hubtui").mkdir(parents=True)
    code = "open('/root/owned', 'w').write('x')\n"
    for name in ("sitecustomize.py", "usercustomize.py", "start.py", "click.py", "msgspec.py"):
        (evil / name).write_text(code)
    (evil / "hubtui/__init__.py").write_text(code)
    (evil / "course.yaml").write_text(CONFIG.read_text().replace(str(SOURCE), "/root"))
    subprocess.run(["chown", "-R", "tutor:", str(evil)], check=True)
    env = {
        "PYTHONPATH": str(evil),
        "PYTHONHOME": str(evil),
        "PYTHONSTARTUP": str(evil / "start.py"),
        "HUBTUI_CONFIG": str(evil / "course.yaml"),
        "COLUMNS": "$(touch /root/owned)",
    }
    done = tutor("list", "--json", env=env, cwd=str(evil))
    assert done.returncode == 0, done.stderr
    assert [one["name"] for one in json.loads(done.stdout)["sheets"]] == ["week01"]
    is_unharmed()
    naive = "import sys; sys.argv = ['x']; import sitecustomize"  # the positive control
    subprocess.run([sys.executable, "-c", naive], env=env | {"PYTHONHOME": ""}, check=False)
    assert Path("/root/owned").exists()
    Path("/root/owned").unlink()


def test_sudo_allows_this_program_alone(course: Teaching) -> None:
    for argv in (
        ["hubtui", "release", "push", "--yes"],
        [sys.executable, "-I", "-m", "hubtui", "due"],
        ["/bin/cat", str(CANARY)],
        ["-u", "anna", PROGRAM, "list"],
        ["-e", "/etc/hubtui/course.yaml"],
    ):
        done = as_user("tutor", "sudo", "-n", *argv)
        assert done.returncode != 0, argv
        assert "secret" not in done.stdout
    chosen = as_user("tutor", "sudo", "-n", "SUDO_UID=0", PROGRAM, "list")
    assert chosen.returncode != 0
    is_unharmed()


def test_a_student_cannot_start_it(course: Teaching) -> None:
    plain = as_user("anna", PROGRAM, "list")
    assert (plain.returncode, plain.stdout) == (2, "")
    assert plain.stderr.startswith("hubtui-tutor: it is started by sudo")
    faked = as_user("anna", PROGRAM, "list", env={"SUDO_UID": "1100", "SUDO_USER": "tutor"})
    assert faked.returncode == 2
    through = as_user("anna", "sudo", "-n", PROGRAM, "push", "week01", "--yes")
    assert through.returncode != 0
    is_unharmed()


def test_a_sudo_rule_alone_makes_no_tutor(course: Teaching) -> None:
    """An admin's rule for everybody, or a tutor of last year."""
    SUDOERS.write_text(f"ALL ALL=(root) NOPASSWD: {PROGRAM}\n")
    done = as_user("anna", "sudo", "-n", PROGRAM, "push", "week01", "--yes")
    assert done.returncode == 2
    assert done.stderr == "hubtui-tutor: anna is not in release.tutors of course.yaml\n"
    CONFIG.write_text(CONFIG.read_text().replace("[tutor]", "[other]"))
    assert "tutor is not in release.tutors" in tutor("list").stderr
    is_unharmed()


def test_root_without_sudo_and_without_isolation_is_refused(course: Teaching) -> None:
    words = [PROGRAM, "list"]
    bare = subprocess.run(words, capture_output=True, text=True, env={}, check=False)
    assert "root has: hubtui release" in bare.stderr
    loose = [sys.executable, "-m", "hubtui.tutor", "list"]
    done = subprocess.run(
        loose, capture_output=True, text=True, env={"SUDO_UID": "1100"}, check=False
    )
    assert "it is /usr/local/bin/hubtui-tutor" in done.stderr


# --- installing ---------------------------------------------------------------------------------


def test_it_is_written_once_and_taken_away(course: Teaching) -> None:
    rule = SUDOERS.read_text().splitlines()[-1]
    assert rule == "tutor ALL=(root) NOPASSWD: /usr/local/bin/hubtui-tutor"
    for path, mode in ((SUDOERS, 0o440), (LAUNCHER, 0o755), (CRON, 0o644)):
        found = path.stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (0, 0, mode)
    before = SUDOERS.stat().st_ino
    again = hubtui("install", "tutors", "--yes")
    assert again.stdout.count("is as it should be.") == 2
    assert SUDOERS.stat().st_ino == before
    for part in ("tutors", "timers"):
        assert hubtui("uninstall", part, "--yes").returncode == 0
    assert not any(os.path.lexists(p) for p in (SUDOERS, LAUNCHER, CRON))
    assert hubtui("uninstall", "tutors", "--yes").stdout == "There is nothing to remove.\n"


def findings() -> dict[str, dict[str, str]]:
    """What doctor says of releases and tutors."""
    document = json.loads(hubtui("doctor", "--json").stdout)
    return {one["id"]: one for one in document["findings"] if one["id"].startswith("release.")}


def test_doctor_looks_at_the_way_in_and_at_who_hands_out(course: Teaching) -> None:
    assert findings() == {}
    SUDOERS.chmod(0o644)
    assert findings()["release.tutors"]["do"] == "sudo hubtui install tutors"
    hubtui("install", "tutors", "--yes")
    CONFIG.write_text(CONFIG.read_text().replace("staff: [tutor]", "staff: []"))
    subprocess.run(["usermod", "-aG", "all_user", "tutor"], check=True)
    assert list(findings()) == ["release.tutor_is_student"]
    (course.server.state / "due.json").unlink()
    assert "release.due" not in findings()  # nothing is out, nobody waits
    assert hubtui("release", "push", "week01", "--yes").returncode == 0
    assert findings()["release.due"]["do"] == "hubtui install timers"
    SOURCE.rename(SOURCE.with_name("elsewhere"))
    assert "exercises" in findings()["release.source"]["text"]


def test_it_is_shown_first_and_asked(course: Teaching) -> None:
    hubtui("uninstall", "timers", "--yes")
    shown = hubtui("install", "timers", "--print")
    assert "/etc/cron.d/hubtui, root:root 0644:" in shown.stdout
    assert f"* * * * * root {sys.executable} -I -m hubtui due" in shown.stdout
    assert hubtui("install", "timers").returncode == 2
    assert not CRON.exists()


def test_a_rule_that_sudo_does_not_take_is_never_put_in_place(
    course: Teaching, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = SUDOERS.read_text()
    CONFIG.write_text(CONFIG.read_text().replace("[tutor]", "[nobody-there]"))
    done = hubtui("install", "tutors", "--yes")
    assert "There is no account nobody-there" in done.stderr
    broken = files.Installation(
        files=(files.File(SUDOERS, "tutor may everything\n", 0o440),),
        check=((("visudo", "-cf", "-"), "tutor may everything\n"),),
    )
    with pytest.raises(Exception, match="visudo failed"):
        files.write(broken, course.server.run)
    assert SUDOERS.read_text() == before


def test_an_interpreter_that_others_could_change_is_refused(course: Teaching) -> None:
    copy = Path("/srv/venv")
    copy.mkdir()
    python = copy / "python"
    shutil.copy(os.path.realpath(sys.executable), python)
    os.chown(python, 1100, 1100)
    code = (
        f"import sys; sys.executable = {str(python)!r}\n"
        "from hubtui.cli.main import main; sys.exit(main(['install', 'tutors', '--yes']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "/srv/venv/python belongs to tutor, and it is part of what tutors" in done.stderr
    shutil.rmtree(copy)


def test_without_the_right_to_sudo_the_client_says_so() -> None:
    found = through_sudo._why(1, b"sudo: a password is required\n", "list")
    assert isinstance(found, Refused)
