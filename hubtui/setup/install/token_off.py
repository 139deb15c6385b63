"""``hubtui uninstall token``: the hub's configuration as it was, then no token.

The hub starts at each moment of it: the block out of the configuration first, and a block without
its token would keep no hub from starting either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from hubtui import state
from hubtui.errors import HubtuiError, Refused
from hubtui.server import Server, hubtoken
from hubtui.server.hubtoken import Made
from hubtui.setup.install import course_line, hub_load, hub_snippet, hub_unit, token
from hubtui.setup.install.hub_load import HubPython
from hubtui.setup.install.others_files import as_sentence, put, read
from hubtui.setup.install.stages import Stage
from hubtui.watchdog import known


def stages_back(server: Server) -> list[Stage]:
    """What uninstalling does: first the configuration, last what is noted of it.

    Empty where there is nothing of it. Raises StateError.
    """
    made = hubtoken.read(server.state)
    found: list[Stage] = []
    if (config := _config(server, made)) is not None:
        found.append(BlockOut(server, config))
    if made is not None:
        found.append(TokenGone(made))
    course = read(server.course.file)
    if course_line.removed(course) != course:
        found.append(LineOut(server.course.file))
    return [*found, Forgotten(server)] if made is not None else found


def _config(server: Server, made: Made | None) -> Path | None:
    """Where the block is: as it was noted; else that of the hub which runs, if it has one."""
    if made is not None:
        return Path(made.config)
    with suppress(HubtuiError):
        config = token.way(server).config
        return config if hub_snippet.is_in(read(config)) else None
    return None


class BlockOut(Stage):
    """The hub's configuration without the block."""

    kind = "hub's configuration"

    def __init__(self, server: Server, config: Path) -> None:
        self.server, self.config = server, config
        self.before: bytes | None = None

    def say(self) -> str:
        """The file."""
        return f"take the token out of {self.config}"

    def done(self) -> bool:
        """Whether it is out."""
        return not self.config.exists() or not hub_snippet.is_in(read(self.config))

    def do(self) -> Iterator[str]:
        """Cut it. Raises Refused: the hub would not start without it."""
        before = read(self.config)
        after = hub_snippet.removed(before)
        python = _python(self.server)
        if python is None:
            yield "the hub does not run: its Python was not asked"
        else:
            python.load(self.config, after)
            yield "the hub's own Python has loaded it"
        self.before = before
        put(self.config, after)

    def undo(self) -> str:
        """Put it back."""
        if self.before is None:
            return ""
        put(self.config, self.before)
        return f"the token is in {self.config} again"


class TokenGone(Stage):
    """No token, where install made it."""

    kind = "token gone"

    def __init__(self, made: Made) -> None:
        self.path, self.sha256 = Path(made.token), made.sha256
        self.before: tuple[bytes, tuple[int, int]] | None = None

    def say(self) -> str:
        """The file."""
        return f"remove the token {self.path}"

    def done(self) -> bool:
        """Whether it is gone, or another one than was made."""
        try:
            text = self.path.read_text("ascii", "replace").strip()
        except FileNotFoundError:
            return True
        return hubtoken.digest(text) != self.sha256

    def do(self) -> Iterator[str]:
        """Remove it."""
        with as_sentence(self.path):
            status = self.path.stat()
            self.before = (self.path.read_bytes(), (status.st_uid, status.st_gid))
            self.path.unlink()
        yield f"{self.path} is removed."

    def undo(self) -> str:
        """Put it back."""
        if self.before is None:
            return ""
        text, owner = self.before
        state.replace_file(self.path, text, mode=0o600, owner=owner)
        return f"{self.path} is there again"


class LineOut(Stage):
    """course.yaml without the line that install added."""

    kind = "course.yaml"

    def __init__(self, file: Path) -> None:
        self.file = file
        self.before: bytes | None = None

    def say(self) -> str:
        """The file."""
        return f"take token_file out of {self.file}"

    def done(self) -> bool:
        """Whether it is out."""
        text = read(self.file)
        return course_line.removed(text) == text

    def do(self) -> Iterator[str]:
        """Take it out."""
        yield from ()
        self.before = read(self.file)
        put(self.file, course_line.removed(self.before))

    def undo(self) -> str:
        """Put it back."""
        if self.before is None:
            return ""
        put(self.file, self.before)
        return f"{self.file} is as it was"


class Forgotten(Stage):
    """What was noted of the token, last."""

    kind = "token forgotten"

    def __init__(self, server: Server) -> None:
        self.file = server.state / hubtoken.FILE

    def say(self) -> str:
        """The file."""
        return f"remove {self.file}"

    def done(self) -> bool:
        """Whether it is gone."""
        return not self.file.exists()

    def do(self) -> Iterator[str]:
        """Remove it."""
        yield from ()
        self.file.unlink()


def _python(server: Server) -> HubPython | None:
    pid = hub_unit.listening(server)
    try:
        seen = known.read(server.state)
        launch = hub_load.launch_of(pid) if pid else seen.launch if seen else None
        return hub_load.python_of(launch) if launch else None
    except Refused:
        return None
