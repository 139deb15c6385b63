"""``hubtui install token``: a token for hubtui, and the hub's configuration that knows it.

The configuration is changed only after the hub's own Python has loaded the changed one, and found
the token in it. Nothing is restarted: until the hub's next start the token waits (``waiting``).
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hubtui import state
from hubtui.errors import HubError, Refused
from hubtui.names import shown
from hubtui.reads import reading
from hubtui.reads.reading import Flaw
from hubtui.server import Server, hubtoken
from hubtui.server import hub as hubs
from hubtui.server.hubapi import SCOPES
from hubtui.server.hubtoken import Made
from hubtui.setup.install import course_line, hub_load, hub_snippet, hub_unit
from hubtui.setup.install.hub_load import HubPython, Loaded
from hubtui.setup.install.others_files import as_sentence, kept, put, read
from hubtui.setup.install.stages import Stage
from hubtui.watchdog import known

TOKEN = Path("/etc/hubtui/token")


@dataclass(frozen=True)
class Way:
    """All that has to be known before anything is changed."""

    token: Path
    config: Path
    """The hub's configuration as it is named; where that is a link, the file behind it changes."""
    python: HubPython
    probe: str = ""
    """The account that tries out the hub before an exam: the token may start it."""

    def added(self, text: bytes) -> bytes:
        """The hub's configuration with the block."""
        return hub_snippet.added(text, self.token, self.probe)

    @property
    def owner(self) -> tuple[int, int]:
        """Whose the token is: who runs the hub has to read it."""
        launch = self.python.launch
        return (launch.uid, launch.gid) if launch.uid else (0, 0)


def way(server: Server) -> Way:
    """How the hub is started, and where its configuration is.

    Raises Refused where that is not known, or where others than root could change it.
    """
    pid = hub_unit.listening(server)
    if pid is not None:
        launch = hub_load.launch_of(pid)
        seen = known.seen(pid, server.clock())
    else:
        seen = known.read(server.state)
        if seen is None:
            raise Refused("No hub listens where course.yaml says (hub.api): start it first.")
        launch = seen.launch
    config = seen.config if seen else None
    if config is None or not config.exists():
        raise Refused(
            "The hub was started without a configuration file: jupyterhub --generate-config makes "
            "one, and -f names it."
        )
    if flaw := reading.flaw(config):
        raise Refused(
            f"{flaw}, so as root hubtui does not change the hub's configuration there: "
            f"{_mend(flaw, config, launch.uid)}"
        )
    course = server.course
    return Way(
        token=course.hub.token_file or TOKEN,
        config=config,
        python=hub_load.python_of(launch),
        probe=course.exam.probe or "",
    )


def _mend(flaw: Flaw, config: Path, uid: int) -> str:
    """What makes it root's own. A hub without root keeps its folder, for it writes there."""
    then = "where the hub is started (jupyterhub -f)"
    if reading.flaw(config, also=(uid,)) is not None:
        return flaw.mend(then=then)
    return f"move it into a folder of root's such as /etc/jupyterhub, and name the new place {then}"


def is_taken(server: Server) -> bool:
    """Whether the hub that runs takes a token for all that is needed that it has from elsewhere."""
    if server.course.hub.token_file is None or hubtoken.read(server.state) is not None:
        return False
    try:
        api = hubs.api(server.course)
        if api.version().startswith(("0.", "1.")):
            api.users()
            return True
        return not api.missing_scopes()
    except HubError:
        return False


def stages(server: Server, found: Way) -> list[Stage]:
    """What installing does, in order."""
    return [TokenMade(server, found), BlockIn(server, found), LineIn(server, found.token)]


def lines(found: Way) -> Iterator[str]:
    """What is written, to be read before saying yes."""
    uid = found.owner[0]
    yield f"{found.token}, {reading.owner(uid)} 0600: a random token, never shown"
    yield f"at the end of {shown(str(found.config))}:"
    text = found.added(b"").decode()
    yield from (f"    {line}" for line in text.splitlines())
    yield f"The hub takes it after its next restart, which is up to you: {hubtoken.RESTART}"


class TokenMade(Stage):
    """The token, readable for the hub's user alone."""

    kind = "token made"

    def __init__(self, server: Server, found: Way) -> None:
        self.server, self.found = server, found
        self.made = False
        self.noted: Made | None = None

    def say(self) -> str:
        """The file."""
        return f"make the token {self.found.token}, open to {self._owner} alone"

    @property
    def _owner(self) -> str:
        return reading.owner(self.found.owner[0])

    def done(self) -> bool:
        """Whether it is there, as it shall be."""
        try:
            status = self.found.token.lstat()
        except FileNotFoundError:
            return False
        wanted = (stat.S_IFREG | 0o600, *self.found.owner)
        return (status.st_mode, status.st_uid, status.st_gid) == wanted

    def do(self) -> Iterator[str]:
        """Make it, or close the one that is there. Raises Refused, CommandFailed."""
        path, owner = self.found.token, self.found.owner
        if flaw := reading.flaw_of_rest(path.parent):
            raise Refused(f"As root hubtui does not write to {path}: {flaw}.")
        with as_sentence(path):
            if os.path.lexists(path):
                if not stat.S_ISREG(path.lstat().st_mode):
                    raise Refused(f"{path} is no file: move it away, then start again.")
                os.chown(path, *owner)
                path.chmod(0o600)
                yield f"{path} is closed."
                return
            token = secrets.token_hex(32)
            self.noted = hubtoken.read(self.server.state)
            _note(self.server, self.found, sha256=hubtoken.digest(token))
            self.made = True
            state.replace_file(path, f"{token}\n".encode(), mode=0o600, owner=owner)
        yield f"{path} is written."

    def undo(self) -> str:
        """Remove the one that was made here."""
        if not self.made:
            return ""
        self.found.token.unlink(missing_ok=True)
        _note_again(self.server, self.noted)
        return f"{self.found.token} is removed"


class BlockIn(Stage):
    """The block at the end of the hub's configuration."""

    kind = "hub's configuration"

    def __init__(self, server: Server, found: Way) -> None:
        self.server, self.found = server, found
        self.before: bytes | None = None
        self.noted: Made | None = None

    def say(self) -> str:
        """The file, and how it is tried."""
        return f"add the token to {self.found.config}, once the hub's own Python has loaded that"

    def done(self) -> bool:
        """Whether the block is there, as this hubtui writes it."""
        text = read(self.found.config)
        return (
            hub_snippet.is_in(text)
            and hub_snippet.block(self.found.token, self.found.probe) in text
        )

    def do(self) -> Iterator[str]:
        """Try it, keep the old one, put it in place. Raises Refused, CommandFailed."""
        config = self.found.config
        before = read(config)
        after = self.found.added(before)
        self._judge(self.found.python.load(config, after))
        yield "the hub's own Python has loaded it, and found the token"
        yield f"the file as it was: {kept(config, before, self.server.clock())}"
        self._remember()
        self.noted = hubtoken.read(self.server.state)
        _note(self.server, self.found)
        self.before = before
        put(config, after)

    def _remember(self) -> None:
        """How the hub runs: the restart that it needs now may come before the first check."""
        pid = hub_unit.listening(self.server)
        if pid is not None and known.read(self.server.state) is None:
            known.remember(self.server.state, pid, self.server.clock())

    def _judge(self, loaded: Loaded) -> None:
        """Raise Refused unless the hub would know exactly this token, and what it is for."""
        config = shown(str(self.found.config))
        if len(loaded.services) > 1 or loaded.roles > 1:
            raise Refused(
                f"{config} has a service or a role named hubtui already: take it out, or name its "
                "token in course.yaml below hub: token_file"
            )
        token = self.found.token.read_text("ascii", "replace").strip()
        if loaded.services != ((hubtoken.digest(token), loaded.version < (2, 0)),):
            raise Refused(
                f"{config} would not give hubtui its token: something else decides about "
                "c.JupyterHub.services, perhaps a .json file beside it."
            )
        if loaded.version >= (2, 0) and not set(SCOPES) <= set(loaded.scopes):
            raise Refused(
                f"{config} would give hubtui no rights: something else decides about "
                "c.JupyterHub.load_roles, perhaps a .json file beside it."
            )

    def undo(self) -> str:
        """Put back what was there before."""
        if self.before is None:
            return ""
        put(self.found.config, self.before)
        _note_again(self.server, self.noted)
        return f"{self.found.config} is as it was"


class LineIn(Stage):
    """``hub: token_file`` in course.yaml."""

    kind = "course.yaml"

    def __init__(self, server: Server, token: Path) -> None:
        self.server, self.token = server, token
        self.before: bytes | None = None

    def say(self) -> str:
        """The line."""
        return f"name it in {self.server.course.file}: token_file: {self.token}"

    def done(self) -> bool:
        """Whether it is there: read anew, for somebody may have changed the file."""
        from hubtui import course

        return course.load(self.server.course.file).hub.token_file is not None

    def do(self) -> Iterator[str]:
        """Add it. Raises Refused with the line."""
        file = self.server.course.file
        before = read(file)
        after = course_line.added(before, self.token, shown(str(file)))
        yield f"the file as it was: {kept(file, before, self.server.clock())}"
        self.before = before
        put(file, after)

    def undo(self) -> str:
        """Take it out."""
        if self.before is None:
            return ""
        put(self.server.course.file, self.before)
        return f"{self.server.course.file} is as it was"


def _note(server: Server, found: Way, sha256: str | None = None) -> None:
    """Keep what was done; the digest of a token that was made earlier stays."""
    before = hubtoken.read(server.state)
    kept_ = before.sha256 if before and before.token == str(found.token) else ""
    made = Made(
        at=server.clock(),
        token=str(found.token),
        sha256=kept_ if sha256 is None else sha256,
        config=str(found.config),
    )
    state.make_dir(server.state, 0o711)
    state.write_document(server.state / hubtoken.FILE, made)


def _note_again(server: Server, before: Made | None) -> None:
    """What was noted before counts again."""
    if before is None:
        (server.state / hubtoken.FILE).unlink(missing_ok=True)
    else:
        state.write_document(server.state / hubtoken.FILE, before)
