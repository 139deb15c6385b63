"""What is kept of who is gone: records without names, and archives until their date."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from hubtui.clock import stamp
from hubtui.course import Accounts, Course, Hub
from hubtui.retire import kept
from hubtui.retire.kept import Keeping
from hubtui.retire.records import Archived
from hubtui.server import Server
from hubtui.server.run import run

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOW = Keeping(run="20261125-120000-abcdef", by="admin", days=90)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    described = Course(
        course="C", hub=Hub(database="/srv/hub.sqlite"), accounts=Accounts(group="all_user")
    )
    return Server(course=described, state=tmp_path / "state", run=run, clock=lambda: NOON)


@pytest.fixture
def archive(server: Server, tmp_path: Path) -> Archived:
    """One of ten bytes that goes after 90 days."""
    folder = tmp_path / "archives"
    folder.mkdir()
    file = folder / "20001-20261125-120000.tar.zst"
    file.write_bytes(b"0123456789")
    one = Archived(
        uid=20001,
        path=str(file),
        sha256="",
        bytes=10,
        files=1,
        made=stamp(NOON),
        until=kept.until(server, HOW),
        run=HOW.run,
        mount=kept.mount_of(folder),
    )
    kept.note_archive(server, one, HOW, files=1, bytes=5)
    return one


def later(server: Server, days: int) -> Server:
    return replace(server, clock=lambda: NOON + timedelta(days=days))


def noted(server: Server) -> Archived:
    record = kept.read(server.state, 20001)
    assert record is not None
    return record.archives[0]


def expired(server: Server) -> list[str]:
    return kept.expired(server, {one.path for one in kept.listed(server)})


def test_an_archive_goes_on_its_day_and_not_before(server: Server, archive: Archived) -> None:
    assert expired(later(server, 89)) == []
    assert Path(archive.path).exists()
    assert kept.listed(server) == [archive]
    assert expired(later(server, 90)) == []
    assert not Path(archive.path).exists()
    assert noted(server).deleted == "2027-02-23T12:00:00Z"
    assert kept.listed(server) == []
    assert expired(later(server, 91)) == []


def test_one_whose_disk_is_away_is_told_and_deleted_once_it_is_back(
    server: Server, archive: Archived
) -> None:
    away = msgspec.structs.replace(archive, mount="/mnt/usb")
    record = kept.begin(server, 20001, HOW)
    kept.write(server, msgspec.structs.replace(record, archives=(away,)))
    (told,) = expired(later(server, 90))
    assert told.endswith("2027-02-23, but its disk is not mounted: mount /mnt/usb.")
    assert noted(server).deleted == ""
    assert Path(archive.path).exists()


def test_one_that_somebody_deleted_is_noted_as_gone(server: Server, archive: Archived) -> None:
    Path(archive.path).unlink()
    assert expired(later(server, 90)) == []
    assert noted(server).deleted


@pytest.mark.parametrize("name", ["passwd", "20001.tar.zst", "a-20261125-120000.tar.zst"])
def test_nothing_else_is_ever_deleted(server: Server, archive: Archived, name: str) -> None:
    other = Path(archive.path).with_name(name)
    other.write_text("stays")
    record = kept.begin(server, 20001, HOW)
    one = msgspec.structs.replace(archive, path=str(other))
    kept.write(server, msgspec.structs.replace(record, archives=(one,)))
    (told,) = expired(later(server, 90))
    assert "is no archive of hubtui's" in told
    assert other.exists()


def test_only_a_whole_archive_of_the_same_run_counts(server: Server, archive: Archived) -> None:
    other = replace(HOW, run="20261126-120000-abcdef")
    assert kept.archive_of(server, 20001, HOW, "home") == archive
    assert kept.archive_of(server, 20001, HOW, "rest") is None
    assert kept.archive_of(server, 20001, other, "home") is None
    Path(archive.path).write_bytes(b"012345678")
    assert kept.archive_of(server, 20001, HOW, "home") is None
    assert kept.has_archive(server, 20001, HOW, "home")


def test_a_later_run_keeps_what_an_earlier_one_archived(server: Server, archive: Archived) -> None:
    other = replace(HOW, run="20261126-120000-abcdef")
    record = kept.begin(server, 20001, other)
    assert record.archives == (archive,)
    assert not kept.has_archive(server, 20001, other, "home")
    kept.note(server, 20001, other, "strays", "no strays")
    assert kept.is_noted(server, 20001, other, "strays")
    assert not kept.is_noted(server, 20001, HOW, "strays")
    assert [each.uid for each in kept.every(server.state)] == [20001]
