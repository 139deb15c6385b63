"""The hub's database: NativeAuthenticator's sign-ups, and what the hub knows of its users.

Measured on JupyterHub 1.2–5 with NativeAuthenticator 0.0.5–1.3: an open read transaction of ours
freezes the whole hub for five seconds and gives its next write a 500, and so does a cursor that
was not read to its end. Hence: one connection per operation, ``fetchall()``, close; reads with
``mode=ro``; only ``users_info`` is ever written, under BEGIN IMMEDIATE, with the row count checked.

Ids are re-used by SQLite, and rows carry no date: a sign-up is addressed by id, name *and* the
password hash that was there when it was shown.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote

import msgspec

from hubtui.errors import ChangedSinceShown, HubDown, HubError, HubForeign, HubLocked
from hubtui.server.hub import database_file

_READ_WAIT = 0.5
_WRITE_WAIT = 5.0
"""Seconds to wait for a lock of the hub's; its own busy time-out is 5 s as well."""

_NEEDED = {"id", "username", "password", "is_authorized"}


class SignUp(msgspec.Struct, frozen=True, kw_only=True):
    """One row of ``users_info``, without its secrets."""

    id: int
    name: str
    email: str
    authorised: bool
    digest: str
    """sha256 of the password hash: which sign-up this is, whatever becomes of id and name."""
    two_factor: bool


class UserRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub's own tables say of somebody who has logged in at least once."""

    name: str
    admin: bool
    last_activity: datetime | None
    servers: int
    """Servers that the hub believes to be running or starting."""


@contextlib.contextmanager
def _connect(url: str, *, write: bool) -> Iterator[sqlite3.Connection]:
    path = database_file(url)
    if not path.is_file():
        raise HubDown(f"The hub's database {path} does not exist; is hub.database right?")
    mode = "rw" if write else "ro"
    connection = None
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode={mode}",
            uri=True,
            timeout=_WRITE_WAIT if write else _READ_WAIT,
            isolation_level=None,  # no transaction that we did not write down
        )
        yield connection
    except sqlite3.OperationalError as e:
        text = str(e)
        if "locked" in text or "busy" in text:
            raise HubLocked(
                f"The hub's database is locked by another program; hubtui tries again ({path})."
            ) from e
        raise HubError(f"The hub's database {path} cannot be used: {text}.") from e
    except sqlite3.DatabaseError as e:
        raise HubForeign(f"{path} is not a healthy SQLite database: {e}.") from e
    finally:
        if connection is not None:
            connection.close()


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in connection.execute(f"pragma table_info({table})").fetchall()}


def _users_info(connection: sqlite3.Connection, url: str) -> set[str]:
    columns = _columns(connection, "users_info")
    if missing := _NEEDED - columns:
        what = (
            f"has a table users_info without {', '.join(sorted(missing))}"
            if columns
            else "has no table users_info"
        )
        raise HubForeign(
            f"The database {database_file(url)} {what}: "
            "hubtui needs a hub with NativeAuthenticator."
        )
    return columns


def sign_ups(url: str) -> list[SignUp]:
    """All rows of ``users_info``, oldest first. Raises HubError and its kin."""
    with _connect(url, write=False) as connection:
        columns = _users_info(connection, url)
        email = "email" if "email" in columns else "''"
        two_factor = "has_2fa" if "has_2fa" in columns else "0"
        rows = connection.execute(
            "select id, username, password, is_authorized, "  # noqa: S608 - columns from above
            f"{email}, {two_factor} from users_info order by id"
        ).fetchall()
    return [
        SignUp(
            id=id_,
            name=_text(name),
            email=_text(email),
            authorised=authorised == 1,
            digest=digest_of(password),
            two_factor=bool(has_2fa),
        )
        for id_, name, password, authorised, email, has_2fa in rows
    ]


def find(url: str, id_: int, name: str, digest: str) -> SignUp | None:
    """The row of exactly this sign-up, None where it is gone or another took its place."""
    rows = sign_ups(url)
    return next((s for s in rows if (s.id, s.name, s.digest) == (id_, name, digest)), None)


def hub_users(url: str) -> list[UserRow]:
    """Who has ever logged in, with last activity and running servers; no token needed."""
    with _connect(url, write=False) as connection:
        if not {"id", "name", "admin", "last_activity"} <= _columns(connection, "users"):
            raise HubForeign(f"The database {database_file(url)} has no table of hub users.")
        # Counted in one pass: spawners has no index on user_id, and a count per user would keep
        # the transaction open for seconds in a large hub.
        servers = "select 0 as user_id, 0 as running"
        if {"user_id", "server_id"} <= _columns(connection, "spawners"):
            servers = (
                "select user_id, count(*) as running from spawners"
                " where server_id is not null group by user_id"
            )
        rows = connection.execute(
            "select u.name, u.admin, u.last_activity, coalesce(s.running, 0) from users u"  # noqa: S608
            f" left join ({servers}) s on s.user_id = u.id order by u.name"
        ).fetchall()
    return [
        UserRow(name=_text(name), admin=bool(admin), last_activity=_time(at), servers=count)
        for name, admin, at, count in rows
    ]


def authorise(url: str, sign_up: SignUp) -> None:
    """Authorise exactly this pending sign-up; the hub sees it at its next log-in."""
    _write_row(url, sign_up, "update users_info set is_authorized = 1 where {row} and {pending}")


def take_back(url: str, sign_up: SignUp) -> None:
    """Make an authorised sign-up pending again: blocks new log-ins, not a session that is open."""
    _write_row(
        url, sign_up, "update users_info set is_authorized = 0 where {row} and is_authorized = 1"
    )


def discard(url: str, sign_up: SignUp) -> None:
    """Delete exactly this pending sign-up."""
    _write_row(url, sign_up, "delete from users_info where {row} and {pending}")


def set_password(url: str, sign_up: SignUp, hashed: bytes) -> None:
    """Replace the password hash of exactly this sign-up (bcrypt, as NativeAuthenticator does)."""
    _write_row(url, sign_up, "update users_info set password = ? where {row}", hashed)


def _write_row(url: str, sign_up: SignUp, sql: str, *values: object) -> None:
    """One statement on one row, in one short transaction. Raises ChangedSinceShown."""
    with _connect(url, write=True) as connection:
        _users_info(connection, url)
        connection.execute("begin immediate")
        try:
            found = connection.execute(
                "select password from users_info where id = ? and username = ?",
                (sign_up.id, sign_up.name),
            ).fetchall()
            passwords = [password for (password,) in found if digest_of(password) == sign_up.digest]
            done = 0
            if len(passwords) == 1:
                row = "id = ? and username = ? and password = ?"
                done = connection.execute(
                    sql.format(row=row, pending="is_authorized is not 1"),
                    (*values, sign_up.id, sign_up.name, passwords[0]),
                ).rowcount
            if done != 1:
                raise ChangedSinceShown("The sign-up is no longer as it was shown.")
            connection.execute("commit")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("rollback")
            raise


def digest_of(password: object) -> str:
    """sha256 of a password hash as it stands in the table (bytes; text in odd databases)."""
    data = password if isinstance(password, bytes) else str(password).encode("utf-8", "replace")
    return sha256(data).hexdigest()


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def _time(value: object) -> datetime | None:
    """SQLAlchemy writes naive UTC: ``2026-11-22 23:52:14.000000``."""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def stamp_of(url: str) -> tuple[int, ...]:
    """Changes whenever the database may have changed: cheap to ask twice a second."""
    path = database_file(url)
    signs: list[int] = []
    for name in (path, path.with_name(path.name + "-wal")):
        try:
            stat = name.stat()
        except OSError:
            signs += (0, 0, 0)
        else:
            signs += (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return tuple(signs)
