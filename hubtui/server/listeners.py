"""Who listens at an address of this machine, and whether it may be believed.

Students have shells here: beside root's 127.0.0.1:8081 anybody can bind ::1, 127.0.0.2 or, when the
hub is down, the port itself, and what connects there hands over its token (seen in a run). The
kernel says whose socket it is, in /proc/net/tcp and tcp6. The name of a process says nothing:
anybody can call a program `jupyterhub`.
"""

from __future__ import annotations

import io
import ipaddress
import os
import pwd
import socket
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from hubtui.errors import ConfigError, HubDown, HubForeign, HubImpostor
from hubtui.names import shown

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_TABLES = ("tcp", "tcp6")
_ANY = "0.0.0.0"  # noqa: S104 - compared, not bound
_ESTABLISHED, _LISTEN = 0x01, 0x0A  # include/net/tcp_states.h
_FIRST_PERSON = 1000  # below it are the accounts of the system: no student has such a uid


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """A socket in state LISTEN. `address` is numeric; IPv4 in IPv6 is written as IPv4."""

    address: str
    port: int
    uid: int
    inode: int


class Place(msgspec.Struct, frozen=True):
    """Where to ask. `believe` is the uid of who must listen there; None: a certificate vouches."""

    tls: bool
    host: str
    port: int
    path: str
    believe: int | None

    @property
    def name(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class _Row(msgspec.Struct, frozen=True):
    local: tuple[str, int]
    remote: tuple[str, int]
    state: int
    uid: int
    inode: int


def parse(text: str) -> list[Listener]:
    """The listeners in the text of /proc/net/tcp or tcp6; what is no such row is skipped."""
    return [_listener(row) for row in _rows(text) if row.state == _LISTEN]


def listeners(address: str, port: int) -> list[Listener]:
    """All who listen at exactly this numeric address or at a wildcard that includes it."""
    return [_listener(row) for row in _listening(_read(port, address), address)]


def believed(address: str, port: int, uid: int, *, client: tuple[str, int] | None = None) -> None:
    """Returns if all who listen there have this uid.

    Call it after connecting and before sending: a look before would be of another moment. `client`
    is our own end of the connection; with it the socket that accepted us is looked at as well, so
    that nobody can accept, stop listening and leave the port to the hub.

    Raises:
        HubDown: nobody listens there (any more), or this machine has no such tables.
        HubImpostor: somebody else does.
    """
    rows = _read(port, address, client)
    # Not yet accepted means uid 0 and no inode: then the connection is still the listener's.
    accepted = [row for row in rows if _is_other_end(row, (address, port), client) and row.inode]
    listening = _listening(rows, address)
    if not listening:
        raise HubDown(f"Nobody listens on port {port} of {address}: the hub went away.")
    # Who listens may leave its connections to workers of a system account, as nginx does.
    strangers = [row.uid for row in listening if row.uid != uid]
    strangers += [row.uid for row in accepted if row.uid != uid and row.uid >= _FIRST_PERSON]
    if strangers:
        raise HubImpostor(_impostor(address, port, strangers[0], uid))


def expected_uid(configured: int | None, database: Path | None) -> int:
    """The uid that the hub's listener must have.

    `configured` is `hub.uid` of course.yaml. Without it, it is the owner of the hub's SQLite file,
    because the hub itself made that file; but only if no other than that owner and root can write
    in the file's folder or in one above it, for who can write there can put a file of their own in
    its place. (Group-writable and sticky folders such as /tmp do not count as safe.) Otherwise 0:
    if that is wrong, hubtui refuses a true hub and says so; it never believes a false one.
    """
    if configured is not None:
        return configured
    if database is None:
        return 0
    try:
        path = database.resolve(strict=True)
        owner = path.stat().st_uid
        folders = [folder.stat() for folder in path.parents]
    except (OSError, RuntimeError):  # RuntimeError: a loop of links, before Python 3.13
        return 0
    others_write = stat.S_IWGRP | stat.S_IWOTH
    own = all(at.st_uid in (0, owner) and not at.st_mode & others_write for at in folders)
    return owner if own else 0


def place_of(url: str, key: str, uid: int) -> Place:
    wrong = f"{key} in course.yaml is {shown(url, 120)}, but must be "
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ConfigError(wrong + "a web address.") from error
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
        raise ConfigError(wrong + "http://ADDRESS:PORT or https://NAME without a user.")
    if parts.query or parts.fragment or not (url.isascii() and url.isprintable()) or " " in url:
        raise ConfigError(wrong + "an address without spaces, ? and #.")
    tls, loopback = parts.scheme == "https", False
    with suppress(ValueError):
        address = ipaddress.ip_address(host)
        address = getattr(address, "ipv4_mapped", None) or address
        host, loopback = str(address), address.is_loopback and "%" not in host
    if not tls and not loopback:
        raise ConfigError(
            wrong + "a numeric address of this machine alone, such as http://127.0.0.1:8081, or "
            "https: a name may lead to somebody else's port."
        )
    return Place(
        tls=tls,
        host=host,
        port=port or (443 if tls else 80),
        path=parts.path.rstrip("/"),
        believe=uid if loopback else None,
    )


def connected(place: Place, within: float) -> socket.socket:
    sock = socket.create_connection((place.host, place.port), timeout=left(within))
    try:
        if place.believe is not None:
            if sock.getpeername()[:2] != (place.host, place.port):
                raise ConnectionAbortedError
            client = sock.getsockname()[:2]
            believed(place.host, place.port, place.believe, client=client)
        if place.tls:
            import ssl

            sock.settimeout(left(within))
            return ssl.create_default_context().wrap_socket(sock, server_hostname=place.host)
    except BaseException:
        sock.close()
        raise
    return sock


def left(within: float) -> float:
    left = within - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class Wire(io.RawIOBase):
    """The reading end of a socket, limited in bytes, and in time as a whole, not per read.

    It stands in for the socket that HTTPResponse makes a file of.
    """

    def __init__(self, sock: socket.socket, within: float, place: Place, room: int) -> None:
        self._sock, self._within, self._place = sock, within, place
        self._room = room

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._sock.settimeout(left(self._within))
        got = self._sock.recv_into(buffer)
        self._room -= got
        if self._room < 0:
            raise HubForeign(f"The answer of {self._place.name} is longer than any hub's.")
        return got


def _impostor(address: str, port: int, found: int, expected: int) -> str:
    try:
        name = f" ({shown(pwd.getpwuid(found).pw_name)})"
    except KeyError:
        name = ""
    hint = f" If that is your hub, set hub.uid: {found}." if 0 < found < _FIRST_PERSON else ""
    return (
        f"Port {port} of {address} is held by uid {found}{name}, not by the hub's uid {expected}: "
        f"the token was not sent. Look: ss -ltnp 'sport = :{port}'{hint}"
    )


def _listener(row: _Row) -> Listener:
    address, port = row.local
    return Listener(address=address, port=port, uid=row.uid, inode=row.inode)


def _listening(rows: list[_Row], address: str) -> list[_Row]:
    """Who gets the connections to ``address``.

    A listener on :: gets those of IPv4 too, unless it asked not to, which can't be seen here. But
    beside a listener for IPv4 the kernel lets only one be that asked not to: anybody can, on the
    hub's own port, and gets none of its connections.
    """
    at = [row for row in rows if row.state == _LISTEN]
    if ":" in address:
        return [row for row in at if row.local[0] in (address, "::")]
    ipv4 = [row for row in at if row.local[0] in (address, _ANY)]
    return ipv4 or [row for row in at if row.local[0] == "::"]


def _is_other_end(row: _Row, server: tuple[str, int], client: tuple[str, int] | None) -> bool:
    return row.state == _ESTABLISHED and row.local == server and row.remote == client


def _read(port: int, address: str, client: tuple[str, int] | None = None) -> list[_Row]:
    """The rows of this local port. The tables are those of our own network namespace.

    The kernel takes 5 ms for one on a machine with much memory. So that of IPv6 is read only where
    that of IPv4 does not have both, who listens at ``address`` and who accepted ``client``: of
    those of IPv6 then none gets a connection, and no other socket has these two ends.
    """
    rows: list[_Row] = []
    for table in _TABLES:
        try:
            text = Path("/proc/net", table).read_text("ascii", "replace")
        except FileNotFoundError:  # tcp6: a kernel without IPv6
            continue
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise HubDown(
                f"Who listens on port {port} can't be seen: /proc/net/{table}: {reason}."
            ) from error
        mark = f":{port:04X} "
        rows += _rows("\n".join(line for line in text.splitlines() if mark in line), port)
        ends = client is None or any(_is_other_end(row, (address, port), client) for row in rows)
        if ends and _listening(rows, address):
            break
    return rows


def _rows(text: str, port: int | None = None) -> Iterator[_Row]:
    for line in text.splitlines():
        try:
            # sl local remote st tx:rx tr:when retrnsmt uid timeout inode …
            _, local, remote, state, _, _, _, uid, _, inode, *_ = line.split()
            row = _Row(_end(local), _end(remote), int(state, 16), int(uid), int(inode))
        except (ValueError, OSError):  # the heading, half a line, anything else
            continue
        if port is None or row.local[1] == port:
            yield row


def _end(text: str) -> tuple[str, int]:
    """``0100007F:1F91`` → ``("127.0.0.1", 8081)``: words of 32 bits in the machine's own order."""
    digits, port = text.split(":")
    raw = bytes.fromhex(digits)
    if sys.byteorder == "little":
        raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    if len(raw) == 16 and raw.startswith(b"\0" * 10 + b"\xff\xff"):
        raw = raw[12:]
    family = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, raw), int(port, 16)
