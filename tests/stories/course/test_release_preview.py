"""Preview equals outcome, over homes of every kind; and both are what the rules say.

The rules are written here once more, by what a person would call each file, and not by how a
worker finds out.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubtui.release.desk import Answer, Desk
from tests.hostile_home import desk, hold, job, look_at, own
from tests.release_on_disk import Teaching, teach, write_as
from tests.sandboxed import Machine

NAMES = [f"student{number}" for number in range(12)]
FIRST = {
    "sheet.ipynb": "first words",
    "twin.txt": "aaaa",
    "data/table.csv": "1,2\n",
    "data/deep/old.csv": "3,4\n",
}
SECOND = {
    "sheet.ipynb": "first words, corrected",
    "twin.txt": "bbbb",
    "data/table.csv": "1,2\n",
    "data/deep/old.csv": "3,4,5\n",
    "data/added.txt": "new",
}
MTIME = 1_700_000_000
"""Of every file of both versions: the same size and time say nothing of ``twin.txt``."""


class At(NamedTuple):
    """What stands at one path."""

    what: str
    beside: bool = False
    """Whether something has the name of the copy beside it as well."""


class Home(NamedTuple):
    """One home, and what is known of it."""

    files: dict[str, At]
    data: str
    """What the folder ``data`` is."""
    top: str
    """What the folder of the sheet is."""
    had: int
    """The version in the ledger, 0 for none."""
    lacking: frozenset[str]
    serving: bool
    again: bool


KINDS = ("missing", "first", "second", "touched", "changed", "same size", "link", "dangling",
         "folder", "pipe", "closed", "closed first")  # fmt: skip
FOLDERS = ("plain", "plain", "plain", "missing", "file", "link", "read-only", "closed")
homes = st.builds(
    Home,
    files=st.fixed_dictionaries(
        {path: st.builds(At, st.sampled_from(KINDS), st.booleans()) for path in SECOND}
    ),
    data=st.sampled_from(FOLDERS),
    top=st.sampled_from(FOLDERS),
    had=st.sampled_from((0, 1, 1, 1, 2)),
    lacking=st.frozensets(st.sampled_from(sorted(SECOND)), max_size=2),
    serving=st.booleans(),
    again=st.booleans(),
)


# --- making one ---------------------------------------------------------------------------------


def make(name: str, home: Home) -> None:
    top = Path("/home", name, "exercises/week01")
    own_folder(name, top.parent)
    if home.top in ("file", "link"):
        _blocked(name, top, home.top)
        return
    if home.top == "missing":
        return
    own_folder(name, top)
    for path, at in home.files.items():
        if path.startswith("data/") and home.data not in ("plain", "read-only", "closed"):
            continue
        for folder in reversed((top / path).relative_to(top).parents[:-1]):
            own_folder(name, top / folder)
        _file(name, top / path, at.what, path)
        if at.beside:
            write_as(name, top / beside(path), "something beside")
    if home.data in ("file", "link"):
        _blocked(name, top / "data", home.data)
    for folder, what in ((top / "data", home.data), (top, home.top)):
        if what in ("read-only", "closed") and folder.is_dir():
            folder.chmod(0o500 if what == "read-only" else 0)


def own_folder(name: str, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    own(name, folder)


def _blocked(name: str, place: Path, what: str) -> None:
    if what == "file":
        write_as(name, place, "a file")
    else:
        place.symlink_to("/home")
        own(name, place)


def beside(path: str) -> str:
    return {"sheet.ipynb": "sheet.v2.ipynb", "twin.txt": "twin.v2.txt"}.get(
        path, path.replace(".", ".v2.")
    )


def _file(name: str, place: Path, what: str, path: str) -> None:
    copy = {"first": FIRST.get(path), "closed first": FIRST.get(path), "second": SECOND[path]}
    if what == "missing":
        return
    if what in ("link", "dangling"):
        place.symlink_to("/etc/hostname" if what == "link" else "nowhere")
    elif what == "folder":
        place.mkdir()
    elif what == "pipe":
        os.mkfifo(place)
    else:
        text = copy.get(what) or ("x" * len(SECOND[path]) if what == "same size" else "my own")
        if what == "touched":
            text = FIRST.get(path, SECOND[path])
        write_as(name, place, text)
        if what in ("first", "second", "closed first"):
            os.utime(place, (MTIME, MTIME))
        if what.startswith("closed"):
            place.chmod(0)
    own(name, place)


# --- the rules ----------------------------------------------------------------------------------


def expected(path: str, home: Home) -> str:
    """What is to become of one file of the second version, by the table."""
    gone = home.had > 0 and path in (FIRST if home.had == 1 else SECOND)
    gone = gone and path not in home.lacking and not home.again
    if home.top in ("file", "link", "closed"):
        return "blocked"
    writable = home.top != "read-only"
    if home.top == "missing":
        return "deleted" if gone else "new"
    if path.startswith("data/"):
        if home.data in ("file", "link", "closed"):
            return "blocked"
        if home.data == "missing":
            return "deleted" if gone else ("new" if writable else "blocked")
        if path.count("/") == 1:
            writable = writable and home.data != "read-only"
    return of_a_file(path, home, gone=gone, writable=writable)


def of_a_file(path: str, home: Home, *, gone: bool, writable: bool) -> str:
    at = home.files[path]
    if at.what == "missing":
        return "deleted" if gone else ("new" if writable else "blocked")
    if at.what in ("link", "dangling", "folder", "pipe"):
        return "blocked"
    corrected = FIRST.get(path) not in (None, SECOND[path])
    text = {"first": "first", "touched": "first", "second": "second"}.get(at.what, "own")
    if path == "data/added.txt" and text == "first":  # there was none: hers
        text = "second" if at.what == "touched" else "own"
    if text == "second" or (text == "first" and not corrected):
        return "same"
    # One that was delivered and closed by her is as good as her own, except that its size and
    # time are those of the only content there ever was.
    if at.what == "closed first" and path == "data/table.csv":
        return "same"
    if text == "first":
        if home.serving:
            return put_beside(at, writable=writable)
        return "replace" if writable else "blocked"
    news = home.had == 1 and corrected
    news = news or (home.had > 0 and path in home.lacking and path in given_then(home))
    return put_beside(at, writable=writable) if news else "kept"


def given_then(home: Home) -> dict[str, str]:
    return FIRST if home.had == 1 else SECOND


def put_beside(at: At, *, writable: bool) -> str:
    if at.beside:
        return "kept"
    return "beside" if writable else "blocked"


# --- the story ----------------------------------------------------------------------------------


@pytest.fixture
def taught(machine: Machine) -> Iterator[tuple[Teaching, Desk]]:
    """Two versions, twelve students, one process that hands out."""
    course = teach(machine, *NAMES)
    for files in (FIRST, SECOND):
        course.sheet("week01", files)
        for path in files:
            os.utime(Path("/home/tutor/exercises/week01", path), (MTIME, MTIME))
        hold(course, "week01")
    with desk(course) as at:
        yield course, at


def ask(course: Teaching, at: Desk, verb: str, class_: dict[str, Home]) -> dict[str, Answer]:
    return at.all(
        {
            name: job(
                course,
                name,
                "week01",
                verb="look" if verb == "look" else "deliver",
                has=home.had,
                lacking=tuple(home.lacking),
                again=home.again,
                beside=home.serving,
            )
            for name, home in class_.items()
        }
    )


def afterwards(home: Home, answer: Answer) -> Home:
    """What the ledger knows once it was handed out."""
    lacking = {path for path, state, _ in answer.sheets[0].listed if state == "blocked"}
    return home._replace(had=2, lacking=frozenset(lacking), again=False)


IDLE = {"same", "kept", "deleted", "blocked"}


def test_preview_equals_outcome_equals_the_rules_and_twice_is_once(
    taught: tuple[Teaching, Desk],
) -> None:
    course, at = taught
    seen: Counter[str] = Counter()

    @settings(
        max_examples=60,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(homes, min_size=len(NAMES), max_size=len(NAMES)))
    def check(chosen: list[Home]) -> None:
        class_ = dict(zip(NAMES, chosen, strict=True))
        for name, home in class_.items():
            shutil.rmtree(Path("/home", name, "exercises"), ignore_errors=True)
            make(name, home)
        before = {name: look_at(Path("/home", name)) for name in NAMES}
        looks = ask(course, at, "look", class_)
        for name in NAMES:
            assert look_at(Path("/home", name)) == before[name], "looking changes nothing"
        given_ = ask(course, at, "deliver", class_)
        later = {name: afterwards(home, given_[name]) for name, home in class_.items()}
        after = {name: look_at(Path("/home", name)) for name in NAMES}
        for name, home in class_.items():
            rules = {path: expected(path, home) for path in SECOND}
            assert looks[name].sheets[0].counts == dict(Counter(rules.values())), (home, rules)
            assert given_[name].sheets[0].counts == looks[name].sheets[0].counts, home
            seen.update(rules.values())
            replaced = {
                f"/home/{name}/exercises/week01/{path}"
                for path, state in rules.items()
                if state == "replace"
            }
            for path, was in before[name].items():
                assert path in replaced or after[name][path] == was, (home, path)
            for path, state in rules.items():
                place = Path("/home", name, "exercises/week01")
                if state in ("new", "replace"):
                    assert (place / path).read_text() == SECOND[path]
                elif state == "beside":
                    assert (place / beside(path)).read_text() == SECOND[path]
        again = ask(course, at, "look", later)
        for name, home in later.items():
            assert not again[name].sheets[0].why, "nothing of ours is left"
            assert set(again[name].sheets[0].counts) <= IDLE, home
        twice = ask(course, at, "deliver", later)
        for name in NAMES:
            assert twice[name].sheets[0].counts == again[name].sheets[0].counts
        assert {name: look_at(Path("/home", name)) for name in NAMES} == after, "twice is once"

    check()
    assert set(seen) == {"new", "same", "replace", "beside", "kept", "deleted", "blocked"}
