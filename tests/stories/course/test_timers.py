"""``hubtui install timers`` under systemd and cron, and ``hubtui release schedule``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from hubtui.errors import CommandFailed
from hubtui.server import systemd as systemd_here
from hubtui.server.run import Result
from hubtui.setup.install import files
from hubtui.setup.install.timers import CRON, DUE, timers
from tests.course_on_disk import CONFIG, hubtui
from tests.release_on_disk import Teaching, teach
from tests.sandboxed import Machine, checkout_of_root


@pytest.fixture
def course(machine: Machine) -> Iterator[Teaching]:
    """Anna and a sheet; no timer yet."""
    with checkout_of_root():
        made = teach(machine, "anna")
        made.sheet("week01", {"sheet.ipynb": "one"})
        yield made
        CRON.unlink(missing_ok=True)


class Systemctl:
    """Answers as systemd would; ``broken``: the commands that fail."""

    def __init__(self, *broken: str) -> None:
        self.said: list[str] = []
        self.broken = broken

    def __call__(self, argv: Sequence[str], **_: object) -> Result:
        self.said.append(" ".join(argv))
        code = int(argv[1] in self.broken)
        return Result(argv=tuple(argv), code=code, out="", err="disabled" * code)


@pytest.fixture
def systemd(course: Teaching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Teaching:
    """The machine is run by systemd."""
    monkeypatch.setattr(systemd_here, "BOOTED", Path("/run"))
    return course


def test_systemd_gets_a_timer_that_is_enabled_and_looked_at(systemd: Teaching) -> None:
    run = Systemctl()
    found = timers(systemd.server, CONFIG)
    files.write(found, run)
    service, timer = (path for path in DUE.files if path != CRON)
    assert "-I -m hubtui due\n" in service.read_text()
    assert "OnCalendar=minutely\n" in timer.read_text()
    assert run.said == [
        "systemctl daemon-reload",
        "systemctl enable --now hubtui-due.timer",
        "systemctl is-enabled hubtui-due.timer",
        "systemctl is-active hubtui-due.timer",
    ]
    assert all(line.endswith("is as it should be.") for line in files.write(found, run))
    run = Systemctl("disable")
    done = files.remove([service, timer], run)
    assert len(done) == 2
    assert run.said == ["systemctl disable --now hubtui-due.timer", "systemctl daemon-reload"]
    assert not service.exists()


def test_a_timer_that_does_not_run_afterwards_is_an_error(systemd: Teaching) -> None:
    found = timers(systemd.server, CONFIG)
    with pytest.raises(CommandFailed, match=r"is-enabled .* says that it does not work"):
        files.write(found, Systemctl("is-enabled"))
    files.remove([path for path in DUE.files if path != CRON], Systemctl())


def test_a_configuration_elsewhere_is_named(course: Teaching) -> None:
    [file] = timers(course.server, Path("/srv/course.yaml")).files
    assert file.text.endswith(" -I -m hubtui --config /srv/course.yaml due\n")


def test_the_schedule_from_the_command_line(course: Teaching) -> None:
    words = ("release", "schedule", "week01", "tomorrow 08:00")
    refused = hubtui(*words, "--yes")
    assert refused.returncode == 1
    assert "sudo hubtui install timers" in refused.stderr
    assert hubtui("install", "timers", "--yes").returncode == 0
    assert hubtui("due").returncode == 0
    looked = hubtui(*words, "--dry-run")
    assert looked.stdout.startswith("Release week01 on ")
    assert hubtui("release", "schedule").stdout == "Nothing is scheduled.\n"
    assert hubtui(*words).returncode == 2  # nobody to ask
    done = hubtui(*words, "--yes")
    assert done.stdout.startswith("Scheduled: week01 on ")
    moved = hubtui("release", "schedule", "week01", "tomorrow", "09:30", "--as-of", "due", "--yes")
    assert "09:30" in moved.stdout
    listed = hubtui("release", "schedule", "--json")
    [row] = json.loads(listed.stdout)["schedule"]
    assert (row["id"], row["sheets"], row["state"]) == (
        "s2",
        [{"sheet": "week01", "version": None}],
        "waiting",
    )
    newer = hubtui("release", "schedule", "--newer", "week01", "--yes")
    assert newer.returncode == 1
    assert newer.stderr == "hubtui: week01 is read at the hour: it is the newer one anyway.\n"
    assert hubtui("release", "unschedule", "s2", "--yes").returncode == 0
    gone = hubtui("release", "unschedule", "s2", "--yes")
    assert (gone.returncode, gone.stderr) == (
        2,
        "hubtui: s2 is not scheduled; see: hubtui release schedule\n",
    )
    kinds = [entry["kind"] for entry in json.loads(hubtui("journal", "--json").stdout)["journal"]]
    assert kinds == ["schedule", "schedule", "unschedule"]
