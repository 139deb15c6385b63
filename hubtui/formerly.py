"""Names of those who are gone: kept only as HMAC under a key of root's, for a year.

So a sign-up of such a name can be told ("was here before") without anybody being named.
``formerly.key`` (32 random bytes, 0600) and ``formerly.json``.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from hubtui.clock import parse, stamp
from hubtui.errors import StateError
from hubtui.state import make_dir, read_document, replace_file, write_document

KEPT = timedelta(days=365)
_SIZE = 32


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who was here."""

    hidden: str
    """HMAC-SHA256 of the name, in hexadecimal."""
    uid: int
    at: str
    """When the account went."""


class GoneList(msgspec.Struct, frozen=True, kw_only=True):
    """``formerly.json``."""

    format: int = 1
    gone: tuple[Gone, ...] = ()


def path(state_dir: Path) -> Path:
    """Where the list is kept."""
    return state_dir / "formerly.json"


def key_path(state_dir: Path) -> Path:
    """Where the key is."""
    return state_dir / "formerly.key"


def hidden(state_dir: Path, name: str) -> str:
    """The name as HMAC; makes the key where there is none. Raises StateError."""
    return _hidden(_key(state_dir, make=True) or b"", name)


def read_formerly(state_dir: Path) -> Formerly:
    """Who was here before. Raises StateError."""
    record = read_document(path(state_dir), GoneList)
    gone = {one.hidden: one for one in record.gone} if record else {}
    return Formerly(_key(state_dir, make=False) if gone else None, gone)


class Formerly:
    """Answers whether a name was here before."""

    def __init__(self, key: bytes | None = None, gone: Mapping[str, Gone] | None = None) -> None:
        self._key, self._gone = key, gone or {}

    def __len__(self) -> int:
        return len(self._gone)

    def of(self, name: str) -> Gone | None:
        """Who had this name, None where nobody did."""
        return self._gone.get(_hidden(self._key, name)) if self._key else None


def note(state_dir: Path, name: str, uid: int, at: datetime) -> None:
    """Somebody is gone; once for each uid. Call it under the accounts' lock. Raises StateError."""
    record = read_document(path(state_dir), GoneList) or GoneList()
    one = Gone(hidden=hidden(state_dir, name), uid=uid, at=stamp(at))
    rest = tuple(each for each in record.gone if each.uid != uid)
    write_document(path(state_dir), GoneList(gone=(*rest, one)))


def prune(state_dir: Path, at: datetime) -> None:
    """Forget who went more than a year ago; the key, too, once nobody is left."""
    record = read_document(path(state_dir), GoneList)
    if record is None:
        return
    rest = tuple(each for each in record.gone if at - parse(each.at) < KEPT)
    if len(rest) != len(record.gone):
        write_document(path(state_dir), GoneList(gone=rest))
    if not rest:
        key_path(state_dir).unlink(missing_ok=True)


def _hidden(key: bytes, name: str) -> str:
    return hmac.new(key, name.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()


def _key(state_dir: Path, *, make: bool) -> bytes | None:
    file = key_path(state_dir)
    try:
        key = file.read_bytes()
    except FileNotFoundError:
        if not make:
            return None
        key = os.urandom(_SIZE)
        make_dir(state_dir, 0o711)
        try:
            replace_file(file, key)
        except OSError as e:
            raise StateError(f"{file} cannot be written: {e.strerror}.") from e
    except OSError as e:
        raise StateError(f"{file} cannot be read: {e.strerror}.") from e
    if len(key) != _SIZE:
        raise StateError(f"{file} is not a key of hubtui: move it away, and a new one is made.")
    return key
