"""A real Apache in front of a hub, with a certificate authority of the tests' own."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

NAME = "hub.example.test"
PROGRAM = Path("/usr/sbin/apache2")
_MODULES = (
    "mpm_event authz_core alias dir env headers setenvif socache_shmcb ssl proxy proxy_http "
    "proxy_wstunnel"
).split()
_CONFIG = """\
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
ServerName {name}
User www-data
Group www-data
{modules}
ServerLimit 1
StartServers 1
ThreadsPerChild {workers}
MaxRequestWorkers {workers}
Listen 127.0.0.1:{tls}
Listen 127.0.0.1:{plain}
<VirtualHost *:{tls}>
  SSLEngine on
  SSLCertificateFile {folder}/certificate.pem
  ProxyPreserveHost On
  RequestHeader set X-Forwarded-Proto https
  {site}
</VirtualHost>
<VirtualHost *:{plain}>
  Redirect permanent / https://{name}:{tls}/
</VirtualHost>
"""


class Apache:
    """One Apache below ``folder`` on two free ports of 127.0.0.1, called by NAME."""

    def __init__(self, folder: Path) -> None:
        """Make the folder and the authority; nothing runs yet."""
        self.folder = folder
        folder.mkdir(parents=True)
        folder.chmod(0o755)
        self.tls, self.plain = _free_port(), _free_port()
        self.url, self.plain_url = f"https://{NAME}:{self.tls}", f"http://{NAME}:{self.plain}"
        self.ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(self.ca_file)
        self._process: subprocess.Popen[bytes] | None = None

    def serve(
        self, site: str, *, workers: int = 25, certificate: trustme.LeafCert | None = None
    ) -> None:
        """Start anew with these lines for the site, and wait until it listens."""
        self.stop()
        self._write(certificate or self.certificate())
        config = self.folder / "apache.conf"
        modules = (
            f"LoadModule {one}_module /usr/lib/apache2/modules/mod_{one}.so\n" for one in _MODULES
        )
        config.write_text(
            _CONFIG.format(
                folder=self.folder,
                name=NAME,
                modules="".join(modules),
                workers=workers,
                tls=self.tls,
                plain=self.plain,
                site=site,
            )
        )
        self._process = subprocess.Popen(
            [PROGRAM, "-f", config, "-D", "FOREGROUND"], stdin=subprocess.DEVNULL
        )
        _until(lambda: _listens(self.tls) and _listens(self.plain), self.log)

    def stop(self) -> None:
        """End it, with whatever its workers do."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def certificate(self, name: str = NAME, days: float = 90) -> trustme.LeafCert:
        """One of the authority's, for ``name``, that ends in so many days."""
        now = datetime.now(UTC)
        begin, end = now - timedelta(days=100), now + timedelta(days=days)
        return self.ca.issue_cert(name, not_before=begin, not_after=end)

    def log(self) -> str:
        """Its error log."""
        path = self.folder / "error.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def _write(self, certificate: trustme.LeafCert) -> None:
        path = self.folder / "certificate.pem"
        path.touch(0o600)
        path.write_bytes(certificate.private_key_and_cert_chain_pem.bytes())


@contextlib.contextmanager
def apache(folder: Path) -> Iterator[Apache]:
    """An Apache whose name leads to it, here alone; at the end it is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    hosts = Path("/etc/hosts")
    before = hosts.read_text()
    hosts.write_text(f"{before}\n127.0.0.1 {NAME}\n")
    found = Apache(folder)
    try:
        yield found
    finally:
        found.stop()
        hosts.write_text(before)


@contextlib.contextmanager
def backend(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A program behind Apache: each connection is given to ``answer`` in a thread; its port."""
    held: list[socket.socket] = []

    def serve(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                held.append(client)
                threading.Thread(target=quietly, args=(client,), daemon=True).start()

    def quietly(client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            answer(client)
            client.shutdown(socket.SHUT_RDWR)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            for client in held:
                client.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _until(what: Callable[[], bool], why: Callable[[], str]) -> None:
    until = time.monotonic() + 20
    while not what():
        assert time.monotonic() < until, why()
        time.sleep(0.05)
