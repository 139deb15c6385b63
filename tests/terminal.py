"""A terminal of our own, in which a full-screen program runs while we look at it from outside.

The program gets a fresh pty and the answers that xterm gives. Each chunk it writes is kept with
its time of arrival (monotonic clock) and only drawn, by pyte, when somebody looks: drawing costs
more than most programs do, and must not hold up the reading.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Self

import psutil
import pyte

KEYS = {
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "space": " ",
}
QUIET_S = 0.12  # silence that ends what a key press sets off
# One control of the terminal: CSI with its parts, else a string (OSC, DCS, APC, PM), else two bytes
CONTROL = re.compile(
    rb"\x1b(?:\[(?P<private>[<=>?]?)(?P<args>[0-9;:]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    rb"|\](?P<osc>[0-9]+);?(?P<value>[^\x07\x1b]*)(?:\x07|\x1b\\)"
    rb"|[P_^X][^\x1b]*\x1b\\|[ -/]+[0-~]|[0-OQ-WYZ\\`-~])"
)
UNFINISHED = re.compile(rb"\x1b(?:\[[<=>? -/0-9;:]*|[\]P_^X][^\x07\x1b]*\x1b?|[ -/]*)\Z")
MODES = {
    b"1": "application cursor keys",
    b"1000": "mouse",
    b"1002": "mouse drag",
    b"1003": "mouse move",
    b"1004": "focus reports",
    b"1049": "alternate screen",
    b"2004": "bracketed paste",
    b"2048": "in-band resize",
}


class _Screen(pyte.Screen):
    """pyte's screen, without answers of its own."""

    def write_process_input(self, data: str) -> None:
        pass


class Terminal:
    """A program running in a terminal of `size` columns and rows; a context manager."""

    def __init__(self, command: Sequence[str], size: tuple[int, int] = (120, 40)) -> None:
        columns, rows = size
        self._ours, self._theirs = os.openpty()
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._cooked = termios.tcgetattr(self._theirs)[3]
        self._screen = _Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._rest = b""
        self._drawn = 0
        self.chunks: list[tuple[float, int, bytes]] = []  # when, bytes read, what pyte may see
        self.modes: set[str] = set()
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command,
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
            env=_environment(),
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._tree():
            with contextlib.suppress(psutil.Error):
                process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self._theirs)

    def read(self, seconds: float) -> bool:
        """Wait for one chunk, at most that long; whether there was one."""
        if not select.select([self._ours], [], [], max(seconds, 0))[0]:
            return False
        data = os.read(self._ours, 65536)
        now = time.monotonic()
        visible = self._split(data)
        self.chunks.append((now, len(data), visible))
        return True

    def _split(self, data: bytes) -> bytes:
        """Answer and take note of the controls; what pyte understands is left."""
        data = self._rest + data
        held = UNFINISHED.search(data)
        data, self._rest = (data[: held.start()], held[0]) if held else (data, b"")
        return CONTROL.sub(self._control, data)

    def _control(self, control: re.Match[bytes]) -> bytes:
        private, final, args = control["private"], control["final"], control["args"]
        if private == b"?" and final in (b"h", b"l") and not control["between"]:
            for mode in args.split(b";"):
                name = "hidden cursor" if mode == b"25" else MODES.get(mode)
                if name:
                    on = (final == b"h") != (mode == b"25")
                    (self.modes.add if on else self.modes.discard)(name)
        elif final == b"u" and private in (b">", b"<"):
            (self.modes.add if private == b">" else self.modes.discard)("kitty keys")
        elif reply := _reply(control):
            os.write(self._ours, reply)
        known = final and not control["between"] and private in (b"", b"?") and final not in b"cntu"
        return control[0] if known and not (private and final == b"m") else b""

    def draw(self) -> Iterator[float]:
        """Draw chunk by chunk what came since; yields the time of each."""
        while self._drawn < len(self.chunks):
            when, _, visible = self.chunks[self._drawn]
            self._drawn += 1
            self._stream.feed(visible)
            yield when

    @property
    def text(self) -> str:
        """What is on the screen, one line a row."""
        for _ in self.draw():
            pass
        return "\n".join(line.rstrip() for line in self._screen.display)

    def wait_for(self, mark: str, seconds: float = 30) -> float:
        """When (milliseconds after the start) the mark was on the screen; TimeoutError if never."""
        pattern = re.compile(mark)
        end = time.monotonic() + seconds
        going = True
        while going:
            going = self.process.poll() is None and time.monotonic() < end
            while self.read(0.01) and time.monotonic() < end:
                pass
            for when in self.draw():
                if pattern.search("\n".join(self._screen.display)):
                    return (when - self.started) * 1000
        raise TimeoutError(f"{mark!r} never came up; the screen was:\n{self.text}")

    def first_ms(self) -> tuple[float, float]:
        """When the first byte came, and the first character that is no control and no blank."""
        texts = (when for when, _, data in self.chunks if CONTROL.sub(b"", data).strip())
        return (self.chunks[0][0] - self.started) * 1000, (next(texts) - self.started) * 1000

    def bytes_until(self, milliseconds: float) -> int:
        """How much it had written by then."""
        return sum(n for when, n, _ in self.chunks if (when - self.started) * 1000 <= milliseconds)

    def pass_time(self, seconds: float) -> int:
        """Let it run that long; how many bytes it wrote."""
        first, end = len(self.chunks), time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.read(left)
        return sum(size for _, size, _ in self.chunks[first:])

    def press(self, key: str, seconds: float = 3) -> tuple[float, int]:
        """Send a key: a name of KEYS or plain characters. Milliseconds to the last byte, bytes."""
        first, sent = len(self.chunks), time.monotonic()
        os.write(self._ours, KEYS.get(key, key).encode())
        if self.read(seconds):
            while self.read(QUIET_S):
                pass
        came = self.chunks[first:]
        last = came[-1][0] if came else sent
        return (last - sent) * 1000, sum(size for _, size, _ in came)

    def rss_mb(self) -> float:
        """Memory of all its processes."""
        return self._sum(lambda process: process.memory_info().rss) / 2**20

    def cpu_seconds(self) -> float:
        """What all its processes, and those they waited for, computed so far."""
        return self._sum(lambda process: sum(process.cpu_times()[:4]))

    def _sum(self, of: Callable[[psutil.Process], float]) -> float:
        total = 0.0
        for process in self._tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                total += of(process)
        return total

    def finish(self, how: str, seconds: float = 5) -> tuple[int | None, float, tuple[str, ...]]:
        """End it by keys or a signal's name; exit code, milliseconds, modes left on."""
        begun = time.monotonic()
        if how.startswith("SIG"):
            self.process.send_signal(signal.Signals[how])
        else:
            os.write(self._ours, KEYS.get(how, how).encode())
        while self.process.poll() is None and time.monotonic() < begun + seconds:
            self.read(0.005)
        took = (time.monotonic() - begun) * 1000
        while self.read(0.02):
            pass
        left = set(self.modes)
        flags = termios.ECHO | termios.ICANON | termios.ISIG
        if (termios.tcgetattr(self._theirs)[3] ^ self._cooked) & flags:
            left.add("raw tty")
        return self.process.returncode, took, tuple(sorted(left))

    def _tree(self) -> list[psutil.Process]:
        try:
            process = psutil.Process(self.process.pid)
            return [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def _environment() -> dict[str, str]:
    """Ours without what changes how Python or a terminal program starts (bytecode is written)."""
    unwanted = ("PYTHON", "TEXTUAL", "COLUMNS", "LINES", "TMUX", "STY", "NO_COLOR", "COV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return kept | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}


def _reply(control: re.Match[bytes]) -> bytes:
    """What xterm answers to a query; nothing to all else."""
    if control["osc"] in (b"10", b"11") and control["value"] == b"?":
        colour = b"ffff/ffff/ffff" if control["osc"] == b"10" else b"0000/0000/0000"
        return b"\x1b]%s;rgb:%s\x1b\\" % (control["osc"], colour)
    asked = (control["private"], control["args"], control["between"], control["final"])
    match asked:
        case (b"", b"" | b"0", b"", b"c"):
            return b"\x1b[?62;22c"
        case (b">", b"" | b"0", b"", b"c"):
            return b"\x1b[>41;354;0c"
        case (b"", b"5", b"", b"n"):
            return b"\x1b[0n"
        case (b"", b"6", b"", b"n"):
            return b"\x1b[1;1R"
        case (b"?", mode, b"$", b"p"):
            return b"\x1b[?%s;0$y" % mode
    return b""
