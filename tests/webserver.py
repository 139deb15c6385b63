"""Real web servers in front of a hub, with a certificate authority of the tests' own."""

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
from typing import NamedTuple

import trustme

NAME = "hub.example.test"
PROGRAM = Path("/usr/sbin/apache2")
NGINX = next(
    (
        path
        for path in (
            Path(__file__).parents[1] / ".venv/nginx/usr/sbin/nginx",  # as bin/setup puts it
            Path("/usr/sbin/nginx"),
        )
        if path.exists()
    ),
    None,
)
_MODULES = (
    "mpm_event authz_core alias dir env headers setenvif socache_shmcb ssl rewrite proxy "
    "proxy_http proxy_wstunnel"
).split()
_APACHE = """\
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
Listen {tls}
Listen {plain}
Include {site_file}
"""
_APACHE_SITE = """\
<VirtualHost *:{tls_port}>
  ServerName {name}
  SSLEngine on
  SSLCertificateFile {certificate}
  ProxyPreserveHost On
  RequestHeader set X-Forwarded-Proto https
  {site}
</VirtualHost>
<VirtualHost *:{plain_port}>
  ServerName {name}
  Redirect permanent / {url}/
</VirtualHost>
"""
_NGINX = """\
user www-data;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  map $http_upgrade $connection_upgrade {{ default upgrade; "" close; }}
  include {site_file};
}}
"""
_NGINX_SITE = """\
server {{
  listen {tls} ssl;
  server_name {name};
  ssl_certificate {certificate};
  ssl_certificate_key {certificate};
  location / {{
    {site}
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-Proto https;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
  }}
}}
server {{
  listen {plain};
  server_name {name};
  return 301 {url}$request_uri;
}}
"""


class Place(NamedTuple):
    """Where a web server listens, with TLS and without."""

    address: str
    tls: int
    plain: int

    @classmethod
    def free(cls) -> Place:
        """Two free ports of 127.0.0.1."""
        return cls("127.0.0.1", free_port(), free_port())


class WebServer:
    """One web server below ``folder``, called by NAME. The kinds say how it is configured."""

    main_text, site_text = "", ""
    """Its own configuration and a site's, to be filled in."""

    def __init__(
        self, folder: Path, place: Place | None = None, site_file: Path | None = None
    ) -> None:
        """Make the folder and the authority; nothing runs yet.

        ``site_file``: where the site stands, as a distribution would have it.
        """
        self.folder = folder
        folder.mkdir(parents=True)
        folder.chmod(0o755)
        self.place = place or Place.free()
        self.tls, self.plain = self.place.tls, self.place.plain
        self.site_file = site_file or folder / "site.conf"
        self.url = f"https://{NAME}" + (f":{self.tls}" if self.tls != 443 else "")
        self.plain_url = f"http://{NAME}" + (f":{self.plain}" if self.plain != 80 else "")
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
        words = {
            "folder": self.folder,
            "name": NAME,
            "url": self.url,
            "workers": workers,
            "tls": f"{self.place.address}:{self.tls}",
            "plain": f"{self.place.address}:{self.plain}",
            "tls_port": self.tls,
            "plain_port": self.plain,
            "certificate": self.folder / "certificate.pem",
            "site_file": self.site_file,
            "site": site,
            "modules": self.modules(),
        }
        config = self.folder / "server.conf"
        config.write_text(self.main_text.format(**words))
        self.site_file.write_text(self.site_text.format(**words))
        self._process = subprocess.Popen(self.command(config), stdin=subprocess.DEVNULL)
        _until(lambda: self._listens(self.tls) and self._listens(self.plain), self.log)

    def command(self, config: Path) -> list[str | Path]:
        """What runs it in the foreground."""
        raise NotImplementedError

    def modules(self) -> str:
        """Lines that load what it needs."""
        return ""

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

    def _listens(self, port: int) -> bool:
        with (
            contextlib.suppress(OSError),
            socket.create_connection((self.place.address, port), 1),
        ):
            return True
        return False


class Apache(WebServer):
    """Debian's Apache, the program alone."""

    main_text, site_text = _APACHE, _APACHE_SITE

    def command(self, config: Path) -> list[str | Path]:
        """What runs it in the foreground."""
        return [PROGRAM, "-f", config, "-D", "FOREGROUND"]

    def modules(self) -> str:
        """Lines that load what it needs."""
        return "".join(
            f"LoadModule {one}_module /usr/lib/apache2/modules/mod_{one}.so\n" for one in _MODULES
        )


class Nginx(WebServer):
    """Debian's nginx, the program alone."""

    main_text, site_text = _NGINX, _NGINX_SITE

    def command(self, config: Path) -> list[str | Path]:
        """What runs it in the foreground."""
        assert NGINX is not None, "nginx is missing: bin/setup dev"
        return [NGINX, "-e", self.folder / "error.log", "-c", config, "-g", "daemon off;"]


@contextlib.contextmanager
def apache(folder: Path) -> Iterator[Apache]:
    """An Apache whose name leads to it, here alone; at the end it is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    with name_leads_to("127.0.0.1"):
        found = Apache(folder)
        try:
            yield found
        finally:
            found.stop()


@contextlib.contextmanager
def name_leads_to(address: str) -> Iterator[None]:
    """NAME has this address, on this machine alone."""
    hosts = Path("/etc/hosts")
    before = hosts.read_text()
    hosts.write_text(f"{before}\n{address} {NAME}\n")
    try:
        yield
    finally:
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


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def _until(what: Callable[[], bool], why: Callable[[], str]) -> None:
    until = time.monotonic() + 20
    while not what():
        assert time.monotonic() < until, why()
        time.sleep(0.05)
