"""A tutor's Monday: ``hubtui`` typed in a terminal of the tutor's own, with the real sudo."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile_home import another_rsync, until
from tests.release_on_disk import SOURCE, Teaching, tree, write_as
from tests.sandboxed import Machine
from tests.terminal import Terminal
from tests.tutors_way_in import way_in

CLASS = ["anna", "bert", *(f"c{number:02}" for number in range(12))]
HELD = Path("/srv/held")
"""Where each rsync says that it has begun, and waits for ``go``."""
AS_TUTOR = ["setpriv", "--reuid=tutor", "--regid=tutor", "--init-groups", "--reset-env", "--"]
SLOW = f"""
open("{HELD}/" + str(os.getuid()), "w").close()
while not os.path.exists("{HELD}/go"):
    time.sleep(0.02)
sys.exit(real())
"""


@pytest.fixture
def course(machine: Machine, tmp_path: Path) -> Iterator[Teaching]:
    """A class, and two sheets that nobody has yet."""
    shutil.rmtree(HELD, ignore_errors=True)
    HELD.mkdir()
    HELD.chmod(0o1777)
    with way_in(machine, tmp_path / "bin", *CLASS) as made:
        made.sheet("week01", {"sheet.ipynb": "as previewed"})
        made.sheet("week02", {"sheet.ipynb": "two"})
        yield made


def hubtui() -> Terminal:
    return Terminal([*AS_TUTOR, sys.executable, "-I", "-m", "hubtui"], (80, 24))


def who_has(sheet: str) -> dict[str, bytes]:
    """What lies in the homes, by student."""
    files = {name: tree(Path("/home", name, "exercises")) for name in CLASS}
    name = f"{sheet}/sheet.ipynb"
    return {student: found[name] for student, found in files.items() if name in found}


def test_what_a_tutor_saw_in_the_preview_is_what_is_handed_out(course: Teaching) -> None:
    with hubtui() as screen:
        screen.wait_for("week01 +not released")
        assert "sign-ups" not in screen.text
        screen.press("down")
        screen.press("p")
        screen.wait_for("Release week01 to 14 students")
        write_as("tutor", SOURCE / "week01/sheet.ipynb", "half a sentence, typed meanwh")
        screen.press("tab")
        screen.press("enter")
        screen.wait_for("14 of 14 done")
        assert who_has("week01") == dict.fromkeys(CLASS, b"as previewed")
        screen.press("escape")
        screen.wait_for("week01 +1 changed")
        assert screen.finish("q")[::2] == (0, ())


def test_a_tutor_can_stop_it_and_give_the_rest_later(course: Teaching) -> None:
    with another_rsync(SLOW), hubtui() as screen:
        screen.wait_for("week02 +not released")
        screen.press("home")
        screen.press("enter")  # everything new
        screen.wait_for("Release 2 sheets to 14 students")
        screen.press("tab")
        screen.press("enter")
        screen.wait_for("· copying")
        until(lambda: len(list(HELD.iterdir())) == 8)  # as many as are at work
        screen.press("c")
        screen.wait_for("Stops before the next student; the 8 in progress are finished first")
        (HELD / "go").touch()
        screen.wait_for("8 of 14 done · 6 cancelled")
        assert "nothing by itself" in screen.text
        assert len(who_has("week01")) == len(who_has("week02")) == 8
        screen.press("r")  # try the rest again
        screen.wait_for("Release 2 sheets to 6 students")
        screen.press("tab")
        screen.press("enter")
        screen.wait_for("6 of 6 done")
        assert set(who_has("week01")) == set(who_has("week02")) == set(CLASS)


def test_without_the_rule_it_says_whom_to_ask(course: Teaching) -> None:
    Path("/etc/sudoers.d/hubtui-tutor").unlink()
    with hubtui() as screen:
        screen.wait_for("sudo does not let you release")
        assert screen.finish("q")[::2] == (0, ())
