"""The sandbox from outside: the machine stays as it is, and nothing outlives its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtui.demo import sandbox
from hubtui.demo.etc import populate

TOUCHED = [
    Path("/etc/passwd"),
    Path("/etc/group"),
    Path("/etc/subuid"),
    Path("/home"),
    Path("/var"),
]
WORKING = [kind for kind in sandbox.kinds.values() if kind.unshare and sandbox.works(kind)]
pytestmark = pytest.mark.skipif(not WORKING, reason="this machine allows no namespaces")
in_each_kind = pytest.mark.parametrize("kind", WORKING, ids=lambda kind: kind.name)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


def words(folder: Path, kind: sandbox.Kind, script: str, *options: str) -> list[str]:
    module = [sys.executable, "-m", "hubtui.demo.sandbox", str(folder), "--kind", kind.name]
    return [*module, *options, "--", "sh", "-c", script]


def inside(
    folder: Path, script: str, kind: sandbox.Kind | None = None
) -> subprocess.CompletedProcess[str]:
    argv = words(folder, kind or WORKING[0], script)
    return subprocess.run(argv, capture_output=True, text=True, timeout=60)


@contextlib.contextmanager
def running(folder: Path, script: str) -> Iterator[subprocess.Popen[str]]:
    """The same in the background, once the script has said something."""
    argv = words(folder, WORKING[0], script, "--remove")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process


def state_of_the_machine() -> list[object]:
    return [path.read_bytes() if path.is_file() else sorted(path.iterdir()) for path in TOUCHED]


def commands_with(word: str) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += [process.parent.name] if word.encode() in process.read_bytes() else []
    return found


def gone(word: str) -> bool:
    """Whether no process with this word is left, soon."""
    until = time.monotonic() + 15
    while commands_with(word) and time.monotonic() < until:
        time.sleep(0.05)
    return not commands_with(word)


@in_each_kind
def test_an_account_made_inside_is_nowhere_outside(tmp_path: Path, kind: sandbox.Kind) -> None:
    before = state_of_the_machine()
    done = inside(tmp_path, "useradd -m sandra && getent passwd sandra && ls /home", kind)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "sandra"
    assert state_of_the_machine() == before
    assert "sandra:" in (tmp_path / "etc/passwd").read_text()


@in_each_kind
def test_inside_is_said_which_kind_it_is(tmp_path: Path, kind: sandbox.Kind) -> None:
    said = inside(tmp_path, "echo $HUBTUI_SANDBOX $HOME; cat /run/hubtui-sandbox; id -u", kind)
    assert said.stdout.split() == [kind.name, "/root", kind.name, "0"]


def test_people_and_passwords_of_the_machine_stay_outside(tmp_path: Path) -> None:
    populate(tmp_path, [])
    users = [line.split(":") for line in (tmp_path / "etc/passwd").read_text().splitlines()]
    assert [name for name, _, uid, *_ in users if int(uid) >= 1000 and name != "nobody"] == []
    shadow = [line.split(":") for line in (tmp_path / "etc/shadow").read_text().splitlines()]
    assert {entry[1] for entry in shadow} == {"*"}
    assert [entry[0] for entry in shadow] == [name for name, *_ in users]


def test_a_closed_file_of_etc_is_not_copied(tmp_path: Path) -> None:
    code = "from pathlib import Path; from hubtui.demo.etc import populate;"
    code += 'populate(Path("/srv"), [])'
    files = "cd /etc/default; echo 1 > public; echo 2 > secret; chmod 600 secret"
    made = inside(tmp_path, f"{files}; {sys.executable} -c '{code}'; ls /srv/etc/default").stdout
    assert "public" in made
    assert "secret" not in made


def test_the_exit_code_is_the_commands(tmp_path: Path) -> None:
    assert inside(tmp_path, "exit 7").returncode == 7
    assert inside(tmp_path, "kill -KILL $$").returncode == 128 + signal.SIGKILL


def test_a_missing_command_is_a_sentence(tmp_path: Path) -> None:
    argv = words(tmp_path, WORKING[0], "")[:-3]
    done = subprocess.run([*argv, "no-such-program"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 127
    assert done.stderr == "'no-such-program' can't be started: No such file or directory.\n"


def test_a_command_may_hold_dashes_of_its_own(tmp_path: Path) -> None:
    assert inside(tmp_path, "printf '%s ' -- a -- b").stdout == "-- a -- b "


@as_root
def test_a_student_can_run_this_python(tmp_path: Path) -> None:
    script = "useradd -m sandra && setpriv --reuid sandra --clear-groups "
    done = inside(
        tmp_path, f"{script} {sys.executable} -c 'import hubtui, msgspec, os; print(os.getuid())'"
    )
    assert done.stdout == "1000\n", done.stderr


def test_what_runs_on_inside_ends_with_the_command(tmp_path: Path) -> None:
    word = f"4{os.getpid()}.1"
    inside(tmp_path, f"setsid sleep {word} & sleep 0.2")
    assert gone(word)


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_from_outside_ends_everything_and_removes_the_folder(
    tmp_path: Path, signo: signal.Signals
) -> None:
    word, folder = f"5{os.getpid()}.{signo}", tmp_path / "machine"
    writer = "setsid sh -c 'while :; do : > /home/$(date +%N); done'"
    script = f"{writer} & setsid sleep {word} & echo up; sleep {word}"
    with running(folder, script) as process:
        assert commands_with(word)
        process.send_signal(signo)
        process.wait(30)
    assert gone(word)
    assert not folder.exists()
    assert Path(sys.base_prefix, "lib").is_dir()  # was visible inside, and is still there


def test_the_command_hears_of_its_end(tmp_path: Path) -> None:
    script = "trap 'echo heard; exit 0' TERM; echo up; while :; do sleep 0.1; done"
    with running(tmp_path / "machine", script) as process:
        process.terminate()
        assert process.communicate(timeout=30)[0] == "heard\n"
    assert process.returncode == 0
