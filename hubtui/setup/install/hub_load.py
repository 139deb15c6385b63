"""What a configuration says to the hub itself: its own Python loads it, as the hub's user.

In the hub's folder and environment, with a time limit. It is the one place where the hub's
configuration is executed, as the hub does it at its next start; all else reads it as text.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

import msgspec

from hubtui import state, typed
from hubtui.errors import CommandFailed, Refused
from hubtui.names import shown
from hubtui.reads import reading
from hubtui.server import hubprocess
from hubtui.server.hubprocess import Launch
from hubtui.setup.install.others_files import as_sentence
from hubtui.watchdog import byhand

LIMIT = 60.0  # seconds; a hub that takes longer to read its settings is stuck

_PROGRAM = """\
import sys
folder, candidate, config, out = sys.argv[1:]
if "" in sys.path:
    sys.path[sys.path.index("")] = folder
import hashlib, json, os, traceback
said = {}
try:
    from jupyterhub import version_info
    from traitlets.config.loader import Config, ConfigFileNotFound
    from traitlets.config.loader import JSONFileConfigLoader, PyFileConfigLoader
    said["version"] = list(version_info[:2])
    where, name = os.path.split(config)
    found = Config()
    found.merge(PyFileConfigLoader(os.path.basename(candidate), path=where).load_config())
    try:
        beside = os.path.splitext(name)[0] + ".json"
        found.merge(JSONFileConfigLoader(beside, path=where).load_config())
    except ConfigFileNotFound:
        pass
    def items(name):
        value = found.JupyterHub.get(name, [])
        return value.get_value([]) if hasattr(value, "get_value") else value
    for service in items("services"):
        if service.get("name") == "hubtui":
            token = str(service.get("api_token", ""))
            digest = hashlib.sha256(token.encode()).hexdigest()
            said.setdefault("services", []).append([digest, bool(service.get("admin"))])
    for role in items("load_roles"):
        if role.get("name") == "hubtui":
            said["roles"] = said.get("roles", 0) + 1
        if "hubtui" in role.get("services", ()):
            said.setdefault("scopes", []).extend(role.get("scopes", ()))
except BaseException as error:
    said["error"] = traceback.format_exception_only(type(error), error)[-1].strip()
    lines = [at[1] for at in traceback.extract_tb(sys.exc_info()[2]) if at[0] == candidate]
    if isinstance(error, SyntaxError) and error.filename == candidate:
        lines = [error.lineno]
    said["line"] = lines[-1] if lines else 0
with os.fdopen(int(out), "w") as file:
    json.dump(said, file)
os._exit(0)
"""


class Loaded(msgspec.Struct, frozen=True):
    """What was found about hubtui, or why nothing was."""

    version: tuple[int, int] = (0, 0)
    services: tuple[tuple[str, bool], ...] = ()
    """Of each service of that name the SHA-256 of its token, and whether it is an admin's."""
    roles: int = 0
    """How many roles have that name."""
    scopes: tuple[str, ...] = ()
    error: str = ""
    line: int = 0


@dataclass(frozen=True)
class HubPython:
    """How the hub is started here: enough to load its configuration as it does."""

    argv: tuple[str, ...]
    folder: str
    """Where the hub's own script lies: the first place from which it imports."""
    launch: Launch

    def load(self, config: Path, text: bytes) -> Loaded:
        """Load ``text`` in place of ``config``, from a file beside it.

        Raises Refused with its own error and line, CommandFailed.
        """
        candidate = config.with_name(f".{config.name}.hubtui")
        status = config.stat()
        try:
            with as_sentence(candidate):
                owner, mode = (status.st_uid, status.st_gid), stat.S_IMODE(status.st_mode)
                state.replace_file(candidate, text, mode=mode, owner=owner)
            return self._load(candidate, config)
        finally:
            candidate.unlink(missing_ok=True)

    def _load(self, candidate: Path, config: Path) -> Loaded:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
            words = (self.folder, str(candidate), str(config), str(out.fileno()))
            code = self._run([*self.argv, "-c", _PROGRAM, *words], out, said)
            out.seek(0)
            try:
                loaded = typed.decode(out.read(), Loaded)
            except msgspec.DecodeError:
                why = _last(said) or f"exit code {code}"
                raise CommandFailed(f"The hub's own Python does not load it: {why}.") from None
        if loaded.error:
            where = (
                f"{shown(str(config))}, line {loaded.line}" if loaded.line else shown(str(config))
            )
            raise Refused(
                f"{where}: {shown(loaded.error, 200)}. The hub would not start with that."
            )
        return loaded

    def _run(self, argv: list[str], out: IO[bytes], said: IO[bytes]) -> int:
        launch = self.launch
        try:
            process = subprocess.Popen(
                argv,
                cwd=launch.cwd,
                env=launch.environment,
                user=launch.uid,
                group=launch.gid,
                extra_groups=launch.groups,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                pass_fds=(out.fileno(),),
                start_new_session=True,
            )
        except OSError as e:
            raise CommandFailed(f"The hub's own Python does not start: {e.strerror}.") from e
        try:
            return process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            raise CommandFailed(
                f"The hub's own Python did not load its configuration within {LIMIT:.0f} s."
            ) from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def python_of(launch: Launch) -> HubPython:
    """The Python that this hub was started with. Raises Refused: it is not known, or not safe."""
    program, *rest = byhand.command(launch)
    options = list(_options(rest))
    script = rest[len(options)] if len(rest) > len(options) else ""
    if not Path(program).name.startswith(("python", "pypy")):
        raise Refused(f"The hub runs by {shown(program)}: with which Python is not to be seen.")
    if launch.uid == 0 and (flaw := reading.flaw(Path(program))):
        raise Refused(f"The hub's Python is not started by root: {flaw}.")
    folder = str(Path(launch.cwd, script).parent) if "/" in script else launch.cwd
    return HubPython(argv=(program, *options), folder=folder, launch=launch)


def launch_of(pid: int) -> Launch:
    """How a hub that runs was started. Raises Refused."""
    if hubprocess.in_container(pid):
        raise Refused("The hub runs in a container: its configuration is changed there, by hand.")
    launch = hubprocess.launch(pid)
    if launch is None:
        raise Refused(f"How the hub's process {pid} was started can be seen by root alone.")
    return launch


def _options(words: list[str]) -> Iterator[str]:
    """Options of the interpreter itself, such as -I, before what it runs."""
    rest = iter(words)
    for word in rest:
        if not word.startswith("-") or word in ("-m", "-c", "-"):
            return
        yield word
        if word in ("-W", "-X"):
            yield from islice(rest, 1)


def _last(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read(1 << 20).decode("utf-8", "replace").split("\n")
    return shown(next((line.strip() for line in reversed(lines) if line.strip()), ""), 200)
