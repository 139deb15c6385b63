"""Whether a time service keeps the clock, and how far off it may be: adjtimex(2).

In a container the clock is the host's, and nobody in here can do anything about it.
"""

from __future__ import annotations

from pathlib import Path

from hubtui.server import systemd

_SERVICES = ("systemd-timesyncd", "chrony", "chronyd", "ntp", "ntpd", "ntpsec", "openntpd")
_ENABLED = Path("/etc/systemd/system")
_OF_SYSTEMD = Path("/run/systemd/container")
"""Written by systemd where it is started in one."""
_CONTAINER = (_OF_SYSTEMD, Path("/run/.containerenv"), Path("/.dockerenv"))
"""The same by podman and docker, where no systemd runs either."""
_UNSYNCHRONISED = 0x0040  # STA_UNSYNC, include/uapi/linux/timex.h
_MOST = 16.0


def in_container() -> bool:
    """Whether clock and swap are the host's."""
    return any(mark.exists() for mark in _CONTAINER)


def service() -> str:
    """The time service that systemd starts here; empty where none is meant to run."""
    if not systemd.is_running() or _OF_SYSTEMD.exists():
        return ""
    wanted = (path.stem for path in _ENABLED.glob("*.wants/*.service"))
    return next((name for name in wanted if name in _SERVICES), "")


def off_by() -> float | None:
    """Seconds by which the clock may be wrong at most, 16 where nobody keeps it.

    None: this kernel does not say.
    """
    import ctypes

    class Timex(ctypes.Structure):
        """The head of struct timex; the kernel writes more behind it."""

        _fields_ = [
            ("modes", ctypes.c_uint),
            ("offset", ctypes.c_long),
            ("freq", ctypes.c_long),
            ("maxerror", ctypes.c_long),
            ("esterror", ctypes.c_long),
            ("status", ctypes.c_int),
            ("rest", ctypes.c_byte * 512),
        ]

    clock = Timex()
    if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(clock)) < 0:
        return None
    return _MOST if clock.status & _UNSYNCHRONISED else min(_MOST, clock.maxerror / 1e6)
