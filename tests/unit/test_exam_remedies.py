"""What helps where memory is short: only what fits this machine."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from hubtui.errors import CommandFailed
from hubtui.exam import probe, remedies
from hubtui.server import machine, processes
from hubtui.server.machine import Filesystem
from hubtui.server.processes import Process

GIB = 2**30
DISK = Filesystem(
    path="/",
    free=40 * GIB,
    total=50 * GIB,
    inodes_free=10**6,
    inodes_total=2 * 10**6,
    read_only=False,
)
Small = Callable[..., None]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Small:
    """A machine without swap, its / on ext4; a test says what is otherwise."""

    def make(swap: int = 0, kind: str = "ext4", disk: Filesystem = DISK) -> None:
        numbers = replace(machine.numbers(), swap_total=swap, swap_free=swap)
        monkeypatch.setattr(machine, "numbers", lambda: numbers)
        monkeypatch.setattr(machine, "filesystem", lambda _: disk)
        monkeypatch.setattr(remedies, "_root_filesystem", lambda: kind)
        monkeypatch.setattr(remedies, "_SWAP_FILE", Path("/no-such-swapfile"))

    return make


def swap_file(short: int) -> list[tuple[str, str]]:
    return list(remedies._swap_file(short))


def test_a_swap_file_for_good(small: Small, tmp_path: Path) -> None:
    small()
    ((text, command),) = swap_file(3 * GIB + 1)
    assert "4 GB" in text
    assert command == (
        "fallocate -l 4G /no-such-swapfile && chmod 600 /no-such-swapfile && "
        "mkswap /no-such-swapfile && swapon /no-such-swapfile && "
        r"printf '\n%s\n' '/no-such-swapfile none swap sw 0 0' >> /etc/fstab"
    )
    fstab = tmp_path / "fstab"
    fstab.write_text("/dev/sda1 / ext4 defaults 0 1")  # without a newline at its end
    last = command.rpartition(" && ")[2].replace("/etc/fstab", str(fstab))
    subprocess.run(["sh", "-c", last], check=True)
    assert fstab.read_text().splitlines()[-1] == "/no-such-swapfile none swap sw 0 0"


@pytest.mark.parametrize(
    "otherwise",
    [
        {"swap": GIB},
        {"kind": "btrfs"},
        {"kind": "overlay"},
        {"disk": replace(DISK, free=3 * GIB)},
        {"disk": replace(DISK, read_only=True)},
    ],
)
def test_none_where_there_is_one_or_it_would_not_work(
    small: Small, otherwise: dict[str, Any]
) -> None:
    small(**otherwise)
    assert swap_file(GIB) == []


def test_lines_for_the_hub_are_added_as_they_are_behind_a_last_line(tmp_path: Path) -> None:
    config, line = tmp_path / "jupyter hub.py", 'c.X.y = {"a": "it\'s"}'
    config.write_text("c.X.z = 1")  # without a newline: the hub would not start with both in one
    subprocess.run(["sh", "-c", remedies.appending(config, line)], check=True)
    assert config.read_text() == f"c.X.z = 1\n{line}\n"


@pytest.mark.parametrize("token", ["", "two words", "a\r\nHost: elsewhere", "ä"])
def test_a_token_that_would_end_its_line_is_none(
    monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    server = Process(
        pid=1,
        uid=20900,
        name="jupyterhub-sing",
        command="jupyterhub-singleuser",
        memory=0,
        started=0,
    )
    monkeypatch.setattr(processes, "of", lambda _: [server])
    monkeypatch.setattr(processes, "environment", lambda _: {"JUPYTERHUB_API_TOKEN": token})
    with pytest.raises(CommandFailed, match="was given no token"):
        probe._token(20900)


def test_the_token_is_not_shown() -> None:
    from hubtui.server.listeners import place_of

    place = place_of("https://hub.example.test", "hub.url", 0)
    assert "s3cret" not in repr(probe.ProbeServer(place, "/user/probe", "s3cret", is_public=True))
