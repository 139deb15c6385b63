"""Each fault that doctor knows: planted for real, seen, mended by the command that it names."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hubtui.reads.cronlines import jobs
from hubtui.server import timekeeping
from hubtui.setup.checks import check_room
from tests.course_on_disk import CONFIG, ROSTER, STATE, CourseOnDisk, hubtui, make_course
from tests.sandboxed import Machine

SCRIPTS = Path("/root/bin")
LOGS = Path("/root/logs")
CRON = Path("/etc/cron.d/course")
IDLE = Path("/etc/cron.d/hubtui-idle")
CRONTAB = Path("/var/spool/cron/crontabs/root")
TOKEN = CONFIG.with_name("token")
NAMES = ("anna", "ben", "zoe")


@pytest.fixture
def course(machine: Machine) -> Iterator[CourseOnDisk]:
    """Three students with accounts made by hand, their homes closed; root's scripts and logs."""
    made = make_course()
    for uid, name in enumerate(NAMES, 20000):
        machine.adduser(name, uid, mode=0o700)
    ROSTER.write_text("".join(f"{name}\n" for name in NAMES))
    for folder in (SCRIPTS, LOGS):
        folder.mkdir(mode=0o700, exist_ok=True)
    CRON.parent.mkdir(exist_ok=True)
    CONFIG.write_text(CONFIG.read_text() + f"watchdog:\n  logs: {LOGS}\n")
    yield made
    for folder in (SCRIPTS, LOGS):
        shutil.rmtree(folder)
    for file in (CRON, CRONTAB):
        file.unlink(missing_ok=True)


def examined() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(hubtui("doctor", "--json").stdout)
    return document


def found() -> dict[str, dict[str, str]]:
    return {each["id"]: each for each in examined()["findings"]}


def paste(command: str) -> None:
    """As root pastes it into a shell."""
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def script(name: str, text: str) -> Path:
    path = SCRIPTS / name
    path.write_text(f"#!/bin/bash\n{text}")
    path.chmod(0o755)
    return path


def crontab(text: str) -> None:
    subprocess.run(["crontab", "-"], input=text, text=True, check=True)


OURS = (
    *("cron.", "logs.", "web.", "machine.", "hub.idle", "release.old", "watchdog.dead"),
    *("due.dead", "accounts.roster", "accounts.open", "state.", "doctor."),
)
"""The beginnings of the ids of what is planted below."""


def test_of_a_server_that_is_well_run_none_of_this_is_said(course: CourseOnDisk) -> None:
    watch = script("watch.sh", f"pkill -u root -F /run/hub.pid\nfind {LOGS} -mtime +5 -delete\n")
    crontab(f"*/5 * * * * {watch} >/dev/null\n0 3 * * * rsync -a /home/ /srv/backup/\n")
    assert [id_ for id_ in found() if id_.startswith(OURS)] == []
    assert examined()["fix"] == []
    said = hubtui("doctor").stdout
    for fine in ("No job of root's kills by name", "No old script copies", "Old logs are taken"):
        assert f"✓ {fine}" in said


# --- what ran the course before ------------------------------------------------------------------


def test_a_kill_by_name_in_a_script_of_cron_is_bound_to_root(course: CourseOnDisk) -> None:
    watch = script("watch.sh", "date\nif true; then\n  pkill -f jupyterhub-nobody\nfi\n")
    crontab(f"# mine\n*/5 * * * * {watch} >/dev/null\n")
    seen = found()["cron.pkill"]
    assert f"{watch}, line 4" in seen["text"]
    paste(seen["do"])
    assert "  pkill -u root -f jupyterhub-nobody\n" in watch.read_text()
    assert "cron.pkill" not in found()
    subprocess.run([watch], check=False)  # it is still a script that runs


def test_a_kill_by_name_in_the_crontab_itself_is_bound_to_root(course: CourseOnDisk) -> None:
    crontab("MAILTO=root\n0 4 * * * killall node\n")
    paste(found()["cron.pkill"]["do"])
    said = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=True).stdout
    assert said == "MAILTO=root\n0 4 * * * killall -u root node\n"
    assert "cron.pkill" not in found()


def test_a_script_of_roots_that_a_student_could_change_is_critical(course: CourseOnDisk) -> None:
    mine = Path("/home/anna/mine.sh")
    mine.write_text("#!/bin/sh\ntrue\n")
    CRON.write_text(f"* * * * * root {mine}\n")
    seen = found()["cron.script"]
    assert seen["severity"] == "critical"
    assert "/home/anna belongs to anna" in seen["text"]
    assert seen["do"].startswith(f"move {mine} into a folder of root's")


def test_an_old_script_does_to_a_students_work_what_doctor_says_until_it_is_off(
    course: CourseOnDisk,
) -> None:
    """The script of the course's own writing is run: the harm is real, not only said."""
    sheets, work = Path("/srv/sheets"), Path("/home/anna/sheets")
    sheets.mkdir()
    work.mkdir()
    (sheets / "one.ipynb").write_text("task")
    (work / "one.ipynb").write_text("a night's work")
    (work / "own.ipynb").write_text("notes")
    try:
        copy = script(
            "copy.sh",
            f"from={sheets}\nwhile read -r student; do\n"
            '  rsync -r --delete --chown="$student" "$from" /home/$student/\n'
            f"done <{ROSTER}\n",
        )
        seen = found()["release.old_script"]
        assert "overwrites what a student has written" in seen["text"]
        assert "deletes what a student has added" in seen["text"]
        subprocess.run([copy], check=True)
        assert (work / "one.ipynb").read_text() == "task"
        assert not (work / "own.ipynb").exists()
    finally:
        shutil.rmtree(sheets)
    off, then = seen["do"].splitlines()
    assert "hubtui release push" in then
    paste(off)
    assert "release.old_script" not in found()


def test_a_job_that_copies_is_taken_out_of_the_crontab(course: CourseOnDisk) -> None:
    copy = script("copy.sh", "for u in anna; do cp -r /srv/sheets /home/$u; done\n")
    CRON.write_text(f"SHELL=/bin/sh\n0 6 * * 1 root {copy}\n")
    seen = found()["release.old_script"]
    assert seen["severity"] == "critical"  # it follows a student's links
    paste(seen["do"].splitlines()[0])
    assert CRON.read_text().endswith(f"\n#0 6 * * 1 root {copy}\n")
    assert found()["release.old_script"]["do"].startswith("chmod a-x")


def test_a_copy_in_the_crontab_itself_is_taken_out_of_it(course: CourseOnDisk) -> None:
    crontab("0 6 * * 1 rsync -r /srv/sheets /home/anna/ >/dev/null\n")
    seen = found()["release.old_script"]
    assert "root's crontab, line 1, copies into homes" in seen["text"]
    paste(seen["do"].splitlines()[0])
    assert "release.old_script" not in found()


def test_old_logs_are_taken_away_and_the_restarts_stay(course: CourseOnDisk) -> None:
    (LOGS / "restarts.log").write_text("x\n")
    for number in range(201):
        old = LOGS / f"jupyterhub-{number}.log"
        old.touch()
        os.utime(old, (0, 0))
    os.utime(LOGS / "restarts.log", (0, 0))
    (LOGS / "today.log").touch()
    paste(found()["logs.growing"]["do"])
    assert sorted(path.name for path in LOGS.iterdir()) == ["restarts.log", "today.log"]
    assert "logs.growing" not in found()


# --- the machine, the roster ---------------------------------------------------------------------


def test_a_small_machine_without_swap_is_told_how_to_make_some(
    course: CourseOnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but swapon, which would be the swap of whatever this sandbox runs on."""
    monkeypatch.setattr(timekeeping, "_CONTAINER", ())  # tests may run in one; the server is none
    subject: Any = None  # it looks at the machine alone
    with memory(total=4_000_000, swap=0):
        [seen] = check_room.swap(subject)
    assert "4.1 GB of memory and no swap" in seen.text
    if "no room" in seen.text:
        pytest.skip("the disk of this machine has no room for a swap file")
    make, off, mkswap, swapon, fstab = seen.do.split(" && ")
    assert swapon == "swapon /swapfile"
    assert fstab == r"printf '\n%s\n' '/swapfile none swap sw 0 0' >>/etc/fstab"
    made = Path("/tmp/swapfile")
    small = " && ".join((make, off, mkswap)).replace("2G", "2M").replace("2048", "2")
    paste(small.replace("/swapfile", str(made)))
    assert b"SWAPSPACE2" in made.read_bytes()
    made.unlink()
    with memory(total=4_000_000, swap=2_000_000):
        assert not list(check_room.swap(subject))
    with memory(total=16_000_000, swap=0):
        assert not list(check_room.swap(subject))


@contextlib.contextmanager
def memory(*, total: int, swap: int) -> Iterator[None]:
    """Another machine's /proc/meminfo, in kB."""
    file = Path("/tmp/meminfo")
    file.write_text(
        f"MemTotal: {total} kB\nMemAvailable: {total} kB\n"
        f"SwapTotal: {swap} kB\nSwapFree: {swap} kB\n"
    )
    subprocess.run(["mount", "--bind", file, "/proc/meminfo"], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "/proc/meminfo"], check=True)


def test_a_hub_whose_idle_servers_nobody_stops_gets_a_job_for_it(course: CourseOnDisk) -> None:
    config = Path("/etc/jupyterhub/jupyterhub_config.py")
    config.parent.mkdir()
    config.parent.chmod(0o755)
    try:
        assert "hub.idle" not in found()  # what a hub does of which nothing is known is not known
        config.write_text("c.JupyterHub.port = 8000\n")
        seen = found()["hub.idle"]
        config.write_text(
            "c.JupyterHub.services = [{'name': 'idle', 'command': ['python3', '-m', "
            "'jupyterhub_idle_culler']}]\n"
        )
        assert "hub.idle" not in found()
        config.write_text("c.JupyterHub.port = 8000\n")
        paste(seen["do"])
        assert "hub.idle" not in found()
        assert "✓ Servers that nobody uses are stopped." in hubtui("doctor").stdout
        [job] = jobs("x", IDLE.read_text(), with_user=True)
        done = subprocess.run(["sh", "-c", job.command], check=False)
        assert done.returncode == 0  # nobody is idle; it is understood, and asks nobody
    finally:
        shutil.rmtree(config.parent)
        IDLE.unlink(missing_ok=True)


def test_a_roster_from_windows_is_mended_name_for_name(course: CourseOnDisk) -> None:
    ROSTER.write_bytes(b"\xef\xbb\xbfanna\r\nben \r\nzoe")
    read = f'while read -r name; do id -u "$name" || exit 1; done <{ROSTER}'
    assert subprocess.run(["bash", "-c", read], capture_output=True, check=False).returncode == 1
    seen = found()["accounts.roster.text"]
    for flaw in ("BOM", "CRLF", "blanks", "no end"):
        assert flaw in seen["text"]
    paste(seen["do"])
    assert ROSTER.read_bytes() == b"anna\nben\nzoe\n"
    assert "accounts.roster.text" not in found()
    paste(read)


# --- --fix ---------------------------------------------------------------------------------------


@pytest.fixture
def neglected(course: CourseOnDisk) -> CourseOnDisk:
    """All that can be mended without harm and without systemd."""
    for name in NAMES:
        Path("/home", name).chmod(0o755)
    STATE.mkdir()
    STATE.chmod(0o755)
    TOKEN.write_text("0123456789abcdef")
    TOKEN.chmod(0o644)
    CONFIG.write_text(CONFIG.read_text().replace("hub:\n", f"hub:\n  token_file: {TOKEN}\n"))
    ROSTER.write_bytes(b"anna\r\nben\r\nzoe\r\n")
    return course


MENDED = {"accounts.open", "state.folder", "hub.token.readable", "accounts.roster.text"}


def modes() -> list[int]:
    homes = [Path("/home", name) for name in NAMES]
    return [path.stat().st_mode & 0o777 for path in (*homes, STATE, TOKEN)]


def test_fix_mends_what_is_harmless_and_says_what_is_left(neglected: CourseOnDisk) -> None:
    before = examined()
    assert set(before["fix"]) == MENDED
    said = hubtui("doctor", "--fix", "--dry-run").stdout
    assert "chmod 0700 -- /home/anna (it is 0755)" in said
    assert modes() == [0o755, 0o755, 0o755, 0o755, 0o644]
    assert hubtui("doctor", "--fix").returncode == 2  # nobody could be asked
    done = hubtui("doctor", "--fix", "--yes")
    assert "6 done" in done.stdout, done.stderr
    assert done.returncode == 1  # for no hub runs
    assert modes() == [0o700, 0o700, 0o700, 0o711, 0o600]
    assert ROSTER.read_bytes() == b"anna\nben\nzoe\n"
    [kept] = ROSTER.parent.glob("accounts.txt.before-hubtui-*")
    assert kept.read_bytes() == b"anna\r\nben\r\nzoe\r\n"
    assert kept.stat().st_mode & 0o777 == 0o600
    _, _, left = done.stdout.partition("What is left:\n")
    assert not left.startswith("✓")
    after = examined()
    assert after["fix"] == []
    was, now = ({each["id"] for each in one["findings"]} for one in (before, after))
    assert was - now >= MENDED
    assert "→ or: sudo hubtui doctor --fix" not in hubtui("doctor").stdout
    assert "nothing to mend" in hubtui("doctor", "--fix", "--yes").stdout


def test_fix_touches_no_home_that_became_another_since_it_was_shown(
    neglected: CourseOnDisk,
) -> None:
    from hubtui.fix import Fix, fix_chain

    home = Path("/home/anna")
    seen = home.lstat()
    fix = Fix(
        key=str(home),
        name="anna",
        kind="home",
        mends="accounts.open",
        place=str(home),
        uid=seen.st_uid,
        inode=seen.st_ino,
        mode=0o755,
    )
    [step] = fix_chain(neglected.server, fix).steps
    home.rename("/home/before")
    home.symlink_to("/etc")
    with pytest.raises(Exception, match="is another one now"):
        list(step.do())
    assert Path("/etc").stat().st_mode & 0o777 == 0o755
    home.unlink()
    home.mkdir(mode=0o755)
    with pytest.raises(Exception, match="is another one now"):
        list(step.do())
    assert home.stat().st_mode & 0o777 == 0o755


def test_a_fix_that_was_killed_is_carried_on_to_its_end(
    neglected: CourseOnDisk, machine: Machine
) -> None:
    for number in range(100):
        home = Path(f"/home/more{number}")
        name = home.name
        with Path("/etc/passwd").open("a") as passwd:
            passwd.write(f"{name}:x:{20100 + number}:100::{home}:/bin/sh\n")
        home.mkdir()
        home.chmod(0o755)
        os.chown(home, 20100 + number, 100)
    with ROSTER.open("ab") as roster:
        roster.write(b"".join(b"more%d\r\n" % number for number in range(100)))
    asked = subprocess.Popen(
        [sys.executable, "-m", "hubtui", "doctor", "--fix", "--yes"], stdout=subprocess.DEVNULL
    )
    run = killed_in_the_middle(Path("/home/more20"))
    asked.wait(30)
    left = [home for home in Path("/home").iterdir() if home.stat().st_mode & 0o077]
    assert left
    assert hubtui("journal", "resume", run).returncode == 0
    assert not [home for home in Path("/home").iterdir() if home.stat().st_mode & 0o077]
    assert examined()["fix"] == []


def killed_in_the_middle(home: Path) -> str:
    """Kill -9 the run as soon as this home is closed; returns its id."""
    until = time.monotonic() + 30
    while home.stat().st_mode & 0o077:
        assert time.monotonic() < until
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = file.read_bytes().split(b"\0")
            if b"run" in words and b"-m" in words:
                os.kill(int(file.parent.name), signal.SIGKILL)
                return words[words.index(b"run") + 1].decode()
    raise AssertionError("no run was at work")
