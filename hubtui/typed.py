"""JSON and trees of plain values as typed records, from several threads at once.

msgspec (seen in 0.22) prepares what it knows of a type at its first use, and ends the process with
a segmentation fault where two threads do so for the same record: so that is done by one at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar, overload

import msgspec

T = TypeVar("T")

_preparing = threading.Lock()
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


@overload
def decode(data: bytes | str, kind: type[T]) -> T: ...
@overload
def decode(data: bytes | str, kind: Any) -> Any: ...
def decode(data: bytes | str, kind: Any) -> Any:
    """One JSON value as a ``kind``. Raises msgspec.DecodeError, its ValidationError, and
    UnicodeDecodeError."""
    return _prepared(kind).decode(data)


def convert(
    value: Any,
    kind: type[T],
    *,
    strict: bool = True,
    dec_hook: Callable[[type, Any], Any] | None = None,
) -> T:
    """A tree of plain values as a ``kind``. Raises msgspec.ValidationError."""
    _prepared(kind)
    return msgspec.convert(value, kind, strict=strict, dec_hook=dec_hook)


def _prepared(kind: Any) -> msgspec.json.Decoder[Any]:
    found = _decoders.get(kind)
    if found is None:
        with _preparing:
            found = _decoders.setdefault(kind, msgspec.json.Decoder(kind))
    return found
