"""Ends that are called: a sendmail of the sandbox's own, and web servers that answer or do not."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

SBIN = Path("/usr/sbin")
SENDMAIL = """\
#!/bin/sh
# Takes a mail as every sendmail does: the message on standard input, the address after --.
[ "$1 $2" = "-i --" ] || exit 64
read answer < {box}/answer
[ "$answer" = 0 ] || {{ echo "sendmail: the queue is full" >&2; exit "$answer"; }}
cat > {box}/$(date +%s%N).to.$3
"""


class Mailbox(NamedTuple):
    """Where the sandbox's sendmail puts what it got."""

    folder: Path

    def refuse(self, code: int) -> None:
        """What sendmail ends with from now on."""
        (self.folder / "answer").write_text(f"{code}\n")

    @property
    def mails(self) -> list[EmailMessage]:
        """What came, the oldest first."""
        found = sorted(self.folder.glob("*.to.*"))
        return [message_from_bytes(f.read_bytes(), policy=policy.default) for f in found]

    @property
    def subjects(self) -> list[str]:
        """What they are about, without the course."""
        return [mail["Subject"].partition("] ")[2] for mail in self.mails]


@contextlib.contextmanager
def sendmail(folder: Path) -> Iterator[Mailbox]:
    """A /usr/sbin that has a sendmail, and all that was there; in this mount namespace alone."""
    real, with_it, box = folder / "real", folder / "sbin", folder / "box"
    for made in (real, with_it, box):
        made.mkdir()
    (with_it / "sendmail").write_text(SENDMAIL.format(box=box))
    (with_it / "sendmail").chmod(0o755)
    for program in SBIN.iterdir():
        if program.name != "sendmail":
            (with_it / program.name).symlink_to(real / program.name)
    subprocess.run(["mount", "--bind", str(SBIN), str(real)], check=True)
    subprocess.run(["mount", "--bind", str(with_it), str(SBIN)], check=True)
    try:
        mailbox = Mailbox(box)
        mailbox.refuse(0)
        yield mailbox
    finally:
        subprocess.run(["umount", str(SBIN)], check=True)
        subprocess.run(["umount", str(real)], check=True)


class Post(NamedTuple):
    """One request."""

    path: str
    title: str
    text: str


class Web(NamedTuple):
    """A web server."""

    url: str
    posts: list[Post]


@contextlib.contextmanager
def web(
    status: int = 200, headers: dict[str, str] | None = None, tls: Path | None = None
) -> Iterator[Web]:
    """One that answers so, and keeps what it got. ``tls``: certificate and key in one file."""
    posts: list[Post] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            text = self.rfile.read(size).decode()
            posts.append(Post(self.path, self.headers["Title"], text))
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        scheme = "http" if tls is None else "https"
        yield Web(f"{scheme}://127.0.0.1:{server.server_port}/course?auth=1", posts)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def silence() -> Iterator[str]:
    """The address of something that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


def certificate(folder: Path) -> Path:
    """Certificate and key of 127.0.0.1 that nobody vouches for."""
    file = folder / "own.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    words += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    words += ["-keyout", str(file), "-out", str(folder / "cert.pem")]
    subprocess.run(words, check=True, capture_output=True)
    with file.open("a") as both:
        both.write((folder / "cert.pem").read_text())
    return file
