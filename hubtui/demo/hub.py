"""A real JupyterHub for the demo and the stories: one folder, free ports of 127.0.0.1, no Node.

The settings and the versions that work together were measured: JupyterHub 5 with
nativeauthenticator 1.3 and the Python port of configurable-http-proxy. A hub answers 2–8 s after
its start.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from hubtui.errors import HubDown, HubError, Refused
from hubtui.server.hubapi import scopes_of

PATIENCE = 10.0  # seconds for the hub to end by itself

_CONFIG = """\
# A hub for trying hubtui: never a model for a real one.
c = get_config()  # noqa: F821
c.JupyterHub.bind_url = {url!r}
c.JupyterHub.hub_ip = "127.0.0.1"
c.JupyterHub.hub_port = {hub_port}
c.JupyterHub.db_url = {database!r}
c.JupyterHub.cookie_secret_file = {cookie_secret!r}
c.JupyterHub.log_level = "INFO"
c.ConfigurableHTTPProxy.command = {proxy_command!r}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.ConfigurableHTTPProxy.pid_file = {proxy_pid!r}
c.JupyterHub.cleanup_servers = {cleanup}
c.JupyterHub.cleanup_proxy = {cleanup}

c.JupyterHub.authenticator_class = "native"
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"admin"}}
c.NativeAuthenticator.open_signup = False
c.NativeAuthenticator.ask_email_on_signup = True

c.JupyterHub.spawner_class = {spawner!r}
c.Spawner.cmd = [{server_command!r}]
c.Spawner.args = {server_args!r}
c.Spawner.default_url = "/lab"
c.Spawner.start_timeout = c.Spawner.http_timeout = 90
{more}
with open({token_file!r}) as token:
    c.JupyterHub.services = [{{"name": "hubtui", "api_token": token.read().strip()}}]
c.JupyterHub.load_roles = [
    {{"name": "hubtui", "services": ["hubtui"], "scopes": {scopes!r}}}
]
"""


class EmbeddedHub:
    """One hub below ``folder``, to be started and stopped as often as wanted, on the same ports."""

    def __init__(
        self,
        folder: Path,
        *,
        single_uid: bool = False,
        homes: Path = Path("/home"),
        outlive: bool = True,
        scripts: Path | None = None,
        proxy_command: Sequence[str] = (),
        probe: str = "",
    ) -> None:
        """Choose ports and write the configuration; nothing runs yet.

        ``single_uid``: all servers run as the hub's own user, with homes below ``homes``.
        ``outlive``: students' servers and the proxy survive the hub's end, as a course wants it.
        ``scripts``: where JupyterHub's programs are, if not beside this Python. ``proxy_command``:
        where that is not the Python port. ``probe``: the account that hubtui's token may make and
        start. Raises Refused where JupyterHub is not there.
        """
        self.folder = folder
        self.config = folder / "jupyterhub_config.py"
        self.log = folder / "jupyterhub.log"
        self.token_file = folder / "hubtui.token"
        self.database_file = folder / "jupyterhub.sqlite"
        self.database = f"sqlite:///{self.database_file}"
        public, proxy, hub = _free_ports(3)
        self.url = f"http://127.0.0.1:{public}"
        self.proxy_api = f"http://127.0.0.1:{proxy}"
        self.api = f"http://127.0.0.1:{hub}/hub/api"
        self._program = _script("jupyterhub", scripts)
        self._proxy_pid = folder / "proxy.pid"
        self._process: subprocess.Popen[bytes] | None = None
        # The database is created world-readable, with password hashes in it.
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        _private(self.token_file, secrets.token_hex(32))
        self.config.write_text(
            _CONFIG.format(
                url=self.url,
                hub_port=hub,
                proxy_port=proxy,
                database=self.database,
                cookie_secret=str(folder / "cookie_secret"),
                proxy_command=list(proxy_command) or [_script("configurable-http-proxy", scripts)],
                proxy_pid=str(self._proxy_pid),
                cleanup=not outlive,
                spawner="simple" if single_uid else "jupyterhub.spawner.LocalProcessSpawner",
                server_command=_script("jupyterhub-singleuser", scripts),
                server_args=["--allow-root"] if single_uid and os.geteuid() == 0 else [],
                more=f"c.SimpleLocalProcessSpawner.home_dir_template = {f'{homes}/{{username}}'!r}"
                if single_uid
                else "",
                token_file=str(self.token_file),
                scopes=list(scopes_of(probe)),
            ),
            encoding="utf-8",
        )

    @property
    def token(self) -> str:
        """The service token of hubtui."""
        return self.token_file.read_text().strip()

    @property
    def command(self) -> list[str]:
        """What starts it, in ``folder``."""
        return [self._program, "--config", str(self.config)]

    @property
    def pid(self) -> int | None:
        """The hub's process while it runs."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    def start(self, output: int | None = None) -> None:
        """Start the hub in a session of its own; it takes seconds to answer.

        ``output``: a descriptor that it writes to instead of its log.
        """
        # A file, never a pipe: servers that outlive the hub go on writing.
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log if output is None else output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_up(
        self, timeout: float = 60, on_wait: Callable[[float], None] | None = None
    ) -> float:
        """Wait for hub and proxy to answer; returns the seconds that took.

        ``on_wait`` is told the seconds waited so far, a few times a second. Raises HubDown when
        the hub ended or did not answer in time, with the last line of its log.
        """
        start = time.monotonic()
        while True:
            waited = time.monotonic() - start
            if _answers(f"{self.api}/") and _answers(f"{self.url}/hub/signup"):
                return waited
            if self.pid is None:
                raise HubDown(f"The demo's hub ended at its start: {self._last_line()}")
            if waited > timeout:
                raise HubDown(f"The demo's hub did not answer in {timeout:g} s; see {self.log}.")
            if on_wait is not None:
                on_wait(waited)
            time.sleep(0.2)

    def stop(self) -> None:
        """End the hub and its proxy, and wait for that. Students' servers are left alone."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        with contextlib.suppress(OSError, ValueError):
            proxy = int(self._proxy_pid.read_text())
            # The pid may be another's by now: only what still runs the proxy is ended.
            if b"configurable" in Path(f"/proc/{proxy}/cmdline").read_bytes():
                os.kill(proxy, signal.SIGTERM)

    def authorise(self, name: str) -> None:
        """Approve the one pending sign-up of this name, as an admin does by hand; by SQL.

        Raises HubError unless exactly one row waits.
        """
        with contextlib.closing(sqlite3.connect(self.database_file, isolation_level=None)) as db:
            db.execute("begin immediate")
            changed = db.execute(
                "update users_info set is_authorized=1 where username=? and is_authorized is not 1",
                (name,),
            ).rowcount
            db.execute("commit" if changed == 1 else "rollback")
        if changed != 1:
            raise HubError(f"{changed} pending sign-ups are named {name!r}, not one.")

    def _last_line(self) -> str:
        lines = self.log.read_text(errors="replace").split("\n") if self.log.exists() else []
        said = [line for line in lines if line.strip()]
        return said[-1].strip() if said else "it said nothing"


def _script(name: str, folder: Path | None) -> str:
    # The scripts rather than `python -m`: a hub is found by the name of its process.
    found = shutil.which(name, path=str(folder or sysconfig.get_path("scripts")))
    if found is None:
        where = folder or "beside this Python"
        raise Refused(f"{name} is not installed {where}: pip install 'hubtui[demo]'")
    return found


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _private(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, f"{text}\n".encode())
    finally:
        os.close(handle)


def _answers(url: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
