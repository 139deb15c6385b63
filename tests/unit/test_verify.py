"""An archive against its tree: whatever differs is found, and what is the same is the same."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubtui.workers import tree
from hubtui.workers.drop import FOLDER
from hubtui.workers.verify import Different, compare

NAMES = st.binary(min_size=1, max_size=40).filter(
    lambda name: not {0, ord("/")} & set(name) and name not in (b".", b"..")
)


def archived(folder: Path) -> Path:
    """By the same words as hubtui's."""
    file = folder.with_name("archive.tar")
    subprocess.run(
        [
            *("tar", "--create", "--sparse", "--numeric-owner", "--acls", "--xattrs"),
            *("--xattrs-include=*", "--warning=no-file-ignored", "--file", str(file)),
            *("--directory", str(folder.parent), "--", folder.name),
        ],
        check=True,
    )
    return file


def against(file: Path, folder: Path) -> str:
    top = os.open(folder, FOLDER)
    try:
        with file.open("rb") as stream:
            return compare(stream, top, lambda name: name.partition("/")[2]).text
    finally:
        os.close(top)


def seen(folder: Path) -> str:
    top = os.open(folder, FOLDER)
    try:
        return tree.look(top).text
    finally:
        os.close(top)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A little of everything."""
    folder = tmp_path / "20001"
    (folder / "folder/inner").mkdir(parents=True)
    (folder / "work").write_text("work")
    (folder / "folder/more").write_bytes(os.urandom(3 << 20))
    (folder / "link").symlink_to("work")
    os.link(folder / "work", folder / "folder/same")
    os.mkfifo(folder / "fifo")
    (folder / "gaps").write_bytes(b"begin")
    with (folder / "gaps").open("r+b") as file:
        for at in (1 << 20, 1 << 30, 1 << 38):
            file.seek(at)
            file.write(b"island")
        file.truncate(1 << 40)
    return folder


def test_what_was_archived_has_the_sum_of_what_is_there(home: Path) -> None:
    assert against(archived(home), home) == seen(home)


def replace(home: Path) -> None:
    (home / "work").write_text("word")


def island(home: Path) -> None:
    with (home / "gaps").open("r+b") as file:
        file.seek(1 << 39)
        file.write(b"new")


def relink(home: Path) -> None:
    (home / "link").unlink()
    (home / "link").symlink_to("fifo")


def parted(home: Path) -> None:
    same = home / "folder/same"
    same.unlink()
    same.write_text("work")


def of_another_kind(home: Path) -> None:
    (home / "folder/inner").rmdir()
    (home / "folder/inner").write_text("")


def attribute(path: Path, key: bytes, value: bytes = b"") -> None:
    try:
        os.setxattr(path, key, value)
    except OSError as e:
        if e.errno == errno.ENOTSUP:
            pytest.skip("this filesystem has no extended attributes")
        raise


CHANGES: tuple[tuple[Callable[[Path], object], str], ...] = (
    (replace, "other content"),
    (island, "other content"),
    (relink, "another link"),
    (parted, "no link to the same file"),
    (of_another_kind, "another kind"),
    (lambda home: (home / "work").chmod(0o600), "mode"),
    (lambda home: os.utime(home / "folder/more", ns=(1, 2)), "time"),
    (lambda home: os.truncate(home / "folder/more", 5), "size"),
    (lambda home: attribute(home / "work", b"user.new"), "attributes"),
)


@pytest.mark.parametrize(("change", "why"), CHANGES)
def test_each_difference_is_found(home: Path, change: Callable[[Path], object], why: str) -> None:
    file = archived(home)
    times = {path: path.lstat().st_mtime_ns for path in (home, *home.rglob("*"))}
    change(home)
    for path, at in times.items():
        if os.path.lexists(path) and why != "time":
            os.utime(path, ns=(at, at), follow_symlinks=False)
    with pytest.raises(Different, match=why):
        against(file, home)


@pytest.mark.parametrize("lost", ["work", "folder/more", "link"])
def test_what_is_gone_is_found(home: Path, lost: str) -> None:
    file = archived(home)
    (home / lost).unlink()
    with pytest.raises((Different, FileNotFoundError)):
        against(file, home)


def test_what_is_not_in_the_archive_makes_another_sum(home: Path) -> None:
    file = archived(home)
    at = home.stat().st_mtime_ns
    (home / "late").write_text("")
    os.utime(home, ns=(at, at))
    assert against(file, home) != seen(home)


@pytest.mark.parametrize("cut", [0, 100, 512, 5000, 1 << 20])
def test_a_cut_archive_is_broken_or_holds_less(home: Path, cut: int) -> None:
    file = archived(home)
    os.truncate(file, cut)
    with contextlib.suppress(Different):
        assert against(file, home) != seen(home)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(names=st.lists(NAMES, max_size=8, unique=True), key=st.binary(min_size=1, max_size=20))
def test_any_name_is_archived_and_found_again(
    tmp_path_factory: pytest.TempPathFactory, names: list[bytes], key: bytes
) -> None:
    home = tmp_path_factory.mktemp("any") / "20001"
    home.mkdir()
    for name in names:
        path = home / os.fsdecode(name)
        path.write_bytes(name)
        if b"\0" not in key:
            attribute(path, b"user." + key, name)
    assert against(archived(home), home) == seen(home)


def test_removing_counts_what_it_removes_and_stops_at_nothing_else(
    home: Path, tmp_path: Path
) -> None:
    (tmp_path / "beside").write_text("stays")
    (home / "out").symlink_to(tmp_path / "beside")
    folder = os.open(tmp_path, FOLDER)
    *_, (files, size) = tree.remove(folder, home.name)
    os.close(folder)
    assert not home.exists()
    assert files == 10
    assert size >= 3 << 20
    assert (tmp_path / "beside").read_text() == "stays"
