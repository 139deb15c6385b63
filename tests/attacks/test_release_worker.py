"""Students against the process in their home: what is theirs alone may be in the way, nothing else.

Signals, debuggers, pipes, what is found in a home, two at once, strange names, and much of it.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from hubtui.events import Outcome
from hubtui.release import store
from tests.hostile_home import (
    RSYNC,
    another_rsync,
    as_student,
    deliver,
    desk,
    hold,
    job,
    look_at,
    own,
    processes_of,
    staging_of,
    until,
    while_student,
)
from tests.release_on_disk import SOURCE, Teaching, tree, write_as
from tests.victims import (
    CLASSMATE,
    FILES,
    HOME,
    OTHER,
    TOP,
    TREASURE,
    WEEK,
    anna_has,
    canaries,
    course,
    link,
)

__all__ = ["course"]


# --- signals, debuggers, pipes ------------------------------------------------------------------

SIGNAL = """
    import os, sys
    number, word = int(sys.argv[1]), sys.argv[2].encode()
    print("ready", flush=True)
    while True:
        for pid in filter(str.isdecimal, os.listdir("/proc")):
            try:
                if os.stat(f"/proc/{pid}/stat").st_uid and int(pid) != os.getpid():
                    if word in open(f"/proc/{pid}/cmdline", "rb").read():
                        os.kill(int(pid), number)
            except OSError:
                pass
    """
"""Worker and rsync both have hubtui's folder or the store's descriptor in their command line; the
worker's entry in /proc is root's, as nobody may debug it, so it is found by trying."""
ANYONE = SIGNAL.replace('os.stat(f"/proc/{pid}/stat").st_uid and ', "")


@pytest.mark.parametrize("word", ["hubtui.workers", "files-from"], ids=["worker", "rsync"])
@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_who_stops_or_kills_the_process_in_her_home_holds_up_nobody(
    course: Teaching, word: str, number: signal.Signals
) -> None:
    hold(course, "week01")
    with another_rsync("time.sleep(0.4 if os.getuid() == 20001 else 0); sys.exit(real())"):
        begun = time.monotonic()
        with while_student("anna", ANYONE, str(int(number)), word):
            answers = deliver(course, "week01", "anna", "bert", "carl", limit=1.5)
        assert time.monotonic() - begun < 6
        for name in ("bert", "carl"):
            assert answers[name].sheets[0].counts == {"new": 2}
        anna = answers["anna"]
        if number == signal.SIGSTOP:
            assert anna.error == "took longer than 2 s: ended"
        elif word == "files-from":
            assert anna.sheets[0].counts == {"failed": 2}
            assert "interrupted in the account" in anna.sheets[0].why
        else:
            assert anna.error == "was ended from outside"
        until(lambda: not processes_of(20001))
    assert deliver(course, "week01", "anna")["anna"].sheets[0].counts == {"new": 2}
    assert tree(WEEK) == {path: text.encode() for path, text in FILES.items()}
    assert not staging_of(HOME)


PRY = """
    import ctypes, os, sys
    libc = ctypes.CDLL(None, use_errno=True)
    print("ready", flush=True)
    found = open(sys.argv[1], "w", buffering=1)
    word = sys.argv[2].encode()
    while True:
        for pid in filter(str.isdecimal, os.listdir("/proc")):
            try:
                if word not in open(f"/proc/{pid}/cmdline", "rb").read() or int(pid) == os.getpid():
                    continue
                if os.getsid(int(pid)) != int(pid):
                    continue  # her rsync a moment before its exec: that one is hers to stop
                if f"\\nUid:\\t{os.getuid()}\\t" not in open(f"/proc/{pid}/status").read():
                    continue
            except OSError:
                continue
            seen = []
            for what in ("mem", "environ", "maps"):
                try:
                    open(f"/proc/{pid}/{what}", "rb").read(1)
                    seen.append(what)
                except OSError as e:
                    if what == "mem" and e.errno == 5:
                        seen.append(what)
            try:
                fds = os.listdir(f"/proc/{pid}/fd")
                seen.append("fd")
            except OSError:
                fds = []
            for fd in fds:
                try:
                    if "pipe" in os.readlink(f"/proc/{pid}/fd/{fd}"):
                        os.write(os.open(f"/proc/{pid}/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK),
                                 b'{"sheets": [], "error": "forged"}')
                        seen.append("pipe")
                except OSError:
                    pass
            if libc.ptrace(16, int(pid), 0, 0) == 0:
                os.waitpid(int(pid), 0x40000000)
                seen.append("ptrace")
                libc.ptrace(17, int(pid), 0, 0)
            try:
                # What has become rsync meanwhile is hers to debug.
                if word in open(f"/proc/{pid}/cmdline", "rb").read():
                    print(pid, *seen, file=found)
            except OSError:
                pass
    """


def pried(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def test_the_worker_cannot_be_debugged_read_or_spoken_for(course: Teaching) -> None:
    hold(course, "week01")
    log = HOME / "log"
    with (
        another_rsync("time.sleep(0.4); sys.exit(real())"),
        while_student("anna", PRY, str(log), "hubtui.workers"),
    ):
        answers = deliver(course, "week01", "anna", "bert")
    assert not answers["anna"].error, answers["anna"].error
    assert answers["anna"].sheets[0].counts == {"new": 2}
    lines = pried(log)
    assert lines, "it was found"
    assert {len(line.split()) for line in lines} == {1}, "and nothing of it was open"


def test_control_an_ordinary_process_of_hers_is_open_to_her(course: Teaching) -> None:
    log = HOME / "log"
    sleeper = as_student(
        "anna", "import os, time; os.setsid(); os.pipe(); time.sleep(30)  # her own"
    )
    try:
        with while_student("anna", PRY, str(log), "her own"):
            until(lambda: len(pried(log)) > 2)
    finally:
        sleeper.kill()
        sleeper.communicate()
    assert any({"mem", "fd", "pipe", "ptrace"} <= set(line.split()) for line in pried(log)), pried(
        log
    )


def test_an_rsync_that_she_turned_reaches_the_version_and_nothing_else(course: Teaching) -> None:
    """What the descriptor gives: the version being handed out; not what lies beside or above it."""
    course.sheet("week02", {"secret.md": "next week's solution"})
    hold(course, "week01")
    hold(course, "week02")
    before = canaries()
    course_store = look_at(store.root(course.server))
    code = f"""
    def tried(what, *words):
        try:
            return repr(what(*words))
        except OSError as e:
            return e.strerror
    at = f"/proc/self/fd/{{source}}"
    up = lambda path: os.open(path, os.O_RDONLY, dir_fd=source)
    root = {str(store.root(course.server))!r}
    log = open("{HOME}/log", "w")
    fds = sorted(f for f in os.listdir("/proc/self/fd") if int(f) > 2)
    print("fds", len([f for f in fds if os.path.exists(f"/proc/self/fd/{{f}}")]), file=log)
    print("here", sorted(os.listdir(source)), file=log)
    for path in ("../manifest.json", "..", "../..", "../../week02/1/files/secret.md"):
        print(path, tried(up, path), file=log)
    for path in ("/week01/1", "/week01/1/files/sheet.ipynb", "/week02/1/files/secret.md", ""):
        print(root + path, tried(os.listdir, root + path), file=log)
    print("write", tried(os.open, at + "/new", os.O_CREAT | os.O_WRONLY), file=log)
    print("over", tried(os.open, at + "/sheet.ipynb", os.O_WRONLY), file=log)
    print("chmod", tried(os.fchmod, source, 0o777), file=log)
    print("sudo", tried(os.setuid, 0), file=log)
    sys.exit(real())
    """
    with another_rsync(textwrap.dedent(code)):
        answer = deliver(course, "week01", "anna")["anna"]
    assert answer.sheets[0].counts == {"new": 2}
    said = dict(line.rsplit(" ", 1) for line in (HOME / "log").read_text().splitlines()[:1])
    lines = (HOME / "log").read_text().splitlines()
    assert lines[1] == "here ['data', 'sheet.ipynb']", "the control: this much is hers"
    assert int(said["fds"]) == 3, "source, staging and its own log"
    assert all(
        line.endswith(("Permission denied", "Operation not permitted")) for line in lines[2:]
    ), lines
    assert canaries() == before
    assert look_at(store.root(course.server)) == course_store


def test_a_classmate_reads_nothing_of_the_store_before_its_time_or_after(course: Teaching) -> None:
    hold(course, "week01")
    file = store.folder(course.server, "week01") / "1/files/sheet.ipynb"
    code = """
        import sys
        try:
            print(open(sys.argv[1]).read())
        except OSError as e:
            print(e.strerror)
        """

    def reads() -> bytes:
        return as_student("bert", code, str(file)).communicate()[0]

    assert reads() == b"Permission denied\n"
    course.push("week01")
    assert reads() == b"Permission denied\n"
    (file.parents[1]).chmod(0o755)
    assert reads() == b"one\n", "the control: the mode of N is what keeps her out"


FLOOD = """
line = b"No way \\x1b]0;owned\\x07 [red]x[/red] " * 2000
end = time.monotonic() + 1
while time.monotonic() < end:
    try:
        os.write(2, line)
    except OSError:
        pass
sys.exit(99)
"""


def test_endless_output_costs_no_memory_and_is_said_in_safe_words(course: Teaching) -> None:
    hold(course, "week01")
    most = 0

    def resident(pid: int) -> int:
        with contextlib.suppress(OSError, IndexError):
            return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
        return 0

    with another_rsync(FLOOD), ThreadPoolExecutor() as pool:
        answering = pool.submit(deliver, course, "week01", "anna", limit=20)
        while not answering.done():
            most = max([most, *(resident(pid) for pid in processes_of(20001, "hubtui.workers"))])
            time.sleep(0.02)
        anna = answering.result()["anna"]
    assert 0 < most < 64 << 20
    assert anna.sheets[0].counts == {"failed": 2}
    assert "rsync ended with 99" in anna.sheets[0].why
    assert all(each.isprintable() for each in (anna.sheets[0].why, anna.sheets[0].listed[0][2]))


def test_control_whoever_keeps_all_that_is_said_grows(course: Teaching) -> None:
    code = """
        import resource, subprocess, sys
        flood = "import os\\nfor _ in range(2000): os.write(2, b'x' * 65536)"
        subprocess.run([sys.executable, "-c", flood], stderr=subprocess.PIPE)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        """
    assert int(as_student("anna", code).communicate()[0]) > 64 << 10


# --- what is found in her home ------------------------------------------------------------------


def test_a_popt_file_of_hers_changes_nothing(course: Teaching) -> None:
    hold(course, "week01")
    write_as("anna", HOME / ".popt", "rsync alias --whole-file --whole-file --dry-run\n")
    target = HOME / "control"
    target.mkdir()
    own("anna", target)
    words = [str(RSYNC), "-t", "--whole-file", "/etc/hostname", f"{target}/"]
    subprocess.run(words, env={"HOME": str(HOME)}, user=20001, group=20001, check=True)
    assert not tree(target), "the control: a dry run, with the code of success"
    assert deliver(course, "week01", "anna")["anna"].sheets[0].counts == {"new": 2}
    assert set(tree(WEEK)) == set(FILES)


def our_folder(number: str = "1-1") -> Path:
    return WEEK / f".hubtui-{sha256(b'week01').hexdigest()[:8]}-{number}"


def test_folders_of_hers_with_our_name_keep_what_is_in_them(course: Teaching) -> None:
    hold(course, "week01")
    anna_has("week01")
    link(our_folder("2-1"), str(TREASURE))
    link(our_folder("3-1"), str(CLASSMATE / "private"))
    write_as("anna", our_folder("4-1"), "a file")
    mine = {our_folder("1-1"): "data", our_folder("5-1"): "sheet", WEEK / ".hubtui-mine": "empty"}
    for folder, below in mine.items():
        (folder / below).mkdir(parents=True)
        write_as("anna", folder / "notes.md", "my own")
        write_as("anna", folder / ".notes.md.AbCdE1", "")
        own("anna", folder, folder / below)
    hers, before = look_at(HOME), canaries()
    assert deliver(course, "week01", "anna")["anna"].sheets[0].counts == {"new": 2}
    assert canaries() == before
    after = look_at(HOME)
    assert {path for path in hers if path not in after} <= {
        str(folder / below) for folder, below in mine.items() if folder.name != ".hubtui-mine"
    }, "at most empty folders in what may be ours"
    assert all(after[path] == hers[path] for path in hers if path in after)


HOLD = """
    import fcntl, os, sys, time
    fds = [os.open(path, os.O_RDONLY) for path in sys.argv[1:]]
    for fd in fds:
        fcntl.flock(fd, fcntl.LOCK_EX)
    print("ready", flush=True)
    time.sleep(60)
    """


def test_locks_that_she_holds_keep_nobody_waiting(course: Teaching) -> None:
    hold(course, "week01")
    anna_has("week01")
    our_folder().mkdir()
    write_as("anna", our_folder() / "sheet.ipynb", "one")
    own("anna", our_folder())
    with while_student("anna", HOLD, str(HOME), str(TOP), str(WEEK), str(our_folder())):
        begun = time.monotonic()
        answer = deliver(course, "week01", "anna")["anna"]
        assert time.monotonic() - begun < 3
    assert answer.sheets[0].counts == {"new": 2}
    assert (our_folder() / "sheet.ipynb").read_text() == "one"
    deliver(course, "week01", "anna")
    assert not staging_of(HOME), "as soon as nobody holds it"


# --- two at once --------------------------------------------------------------------------------


def test_two_releases_at_once_are_one(course: Teaching) -> None:
    names = {f"part-{number}.txt": f"text {number}" for number in range(12)}
    course.sheet("week01", names)
    hold(course, "week01")
    wanted = {path: text.encode() for path, text in (FILES | names).items()}
    for _ in range(6):
        with desk(course) as one, desk(course) as two:
            asked = job(course, "anna", "week01")
            futures = [at.submit(asked) for at in (one, two, one, two)]
            answers = [future.result() for future in futures]
        for answer in answers:
            assert not answer.error
            assert set(answer.sheets[0].counts) <= {"new", "same"}, answer
        assert sum(a.sheets[0].counts.get("new", 0) for a in answers) == len(wanted)
        deliver(course, "week01", "anna")
        assert tree(WEEK) == wanted
        assert not staging_of(HOME)
        shutil.rmtree(TOP)


def test_two_corrections_at_once_are_one(course: Teaching) -> None:
    course.push("week01")
    course.sheet("week01", {"sheet.ipynb": "one, corrected"})
    hold(course, "week01")
    with desk(course) as one, desk(course) as two:
        asked = job(course, "anna", "week01", has=1)
        answers = [future.result() for future in [at.submit(asked) for at in (one, two) * 2]]
    assert all(set(answer.sheets[0].counts) <= {"replace", "same"} for answer in answers)
    assert tree(WEEK) == {"sheet.ipynb": b"one, corrected", "data/table.csv": b"1,2\n"}


# --- names --------------------------------------------------------------------------------------

STRANGE = ["#hash", ";semicolon", "-rf", "--delete", " lead and trail ", "'single", '"double', "*",
           "?", "[abc]", "~", "$(id)", "`id`", "a\\b", "a\\nb", "\\#012", "müller ü.ipynb", "{a,b}",
           "%41", ".hidden", "x" * 200, "a:b", "host::module", "1", "@", "+ name", "- name", "!",
           "-/#below", ".sheet.AbCdE1", "sheet.v2.ipynb", "é", "日本語.ipynb",
           "rsync:", "._x", "con", "a.b.c", ".git/config", "sub/.hidden/deep"]  # fmt: skip


def test_strange_names_arrive_as_they_are(course: Teaching) -> None:
    course.sheet("week01", {name: f"text of {name}" for name in STRANGE})
    ended = course.push("week01")
    assert ended["anna"].outcome is Outcome.DONE, ended["anna"].text
    wanted = FILES | {name: f"text of {name}" for name in STRANGE}
    for home in (HOME, CLASSMATE, OTHER):
        assert tree(home / "exercises/week01") == {p: t.encode() for p, t in wanted.items()}
    assert {e.outcome for e in course.push("week01").values()} == {Outcome.ALREADY}


def test_control_the_names_are_strange_enough_for_a_list_without_a_prefix(
    course: Teaching, tmp_path: Path
) -> None:
    course.sheet("week01", dict.fromkeys(STRANGE, "text"))
    words = [str(RSYNC), "--from0", "--files-from=-", f"{SOURCE}/week01/", f"{tmp_path}/"]
    subprocess.run(words, input="\0".join(STRANGE).encode(), check=False, stderr=subprocess.DEVNULL)
    assert "#hash" not in tree(tmp_path)


# --- much ---------------------------------------------------------------------------------------


def test_whoever_lacks_a_thousand_files_gets_all_of_them_later(course: Teaching) -> None:
    """A list that is cut must not make of what is lacking something that she deleted."""
    course.sheet("week01", {f"{number}.txt": "x" for number in range(900)})
    anna_has()
    TOP.chmod(0o500)
    first = course.push("week01")
    assert first["anna"].outcome is Outcome.FAILED
    TOP.chmod(0o700)
    again = course.push("week01")
    assert again["anna"].outcome is Outcome.DONE
    assert len(tree(WEEK)) == 902


def test_many_who_say_much_do_not_lock_up_the_desk(course: Teaching) -> None:
    """Answers come while questions still go out: neither may wait for the other."""
    course.sheet("week01", {f"{'name' * 30}-{number}.txt": "x" for number in range(500)})
    hold(course, "week01")
    anna_has()
    link(WEEK, "nowhere")
    asked = job(course, "anna", "week01", verb="look", lacking=("y" * 200,) * 200)
    with ThreadPoolExecutor() as pool, desk(course) as at:
        answering = pool.submit(at.all, {str(n): asked for n in range(150)})
        try:
            answers = answering.result(timeout=60)
        except TimeoutError:
            at.close()
            raise
    assert {answer.sheets[0].counts["blocked"] for answer in answers.values()} == {502}


def test_a_student_who_takes_too_long_is_ended_and_leaves_nothing_running(
    course: Teaching,
) -> None:
    hold(course, "week01")
    with another_rsync("subprocess.Popen(['sleep', '61']).wait()"):
        begun = time.monotonic()
        answers = deliver(course, "week01", "anna", limit=0.7)
        assert time.monotonic() - begun < 4
    assert "took longer" in answers["anna"].error
    until(lambda: not processes_of(20001))
