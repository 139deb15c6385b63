"""The one line that install adds to course.yaml: where the token is. All else stays, byte for byte.

Text in, text out.
"""

from __future__ import annotations

import re
from pathlib import Path

from hubtui import yamlfile
from hubtui.errors import ConfigError, Refused
from hubtui.names import shown

MARK = b"  # written by hubtui install token\n"
_PLACEHOLDER = re.compile(rb" +# token_file:")
_KEY = re.compile(rb"( +)[a-z_]+ *:")


def added(text: bytes, token: Path, file: str) -> bytes:
    """The same with ``hub: token_file``, which it must lack; below init's own hint where that is.

    Raises ConfigError: no YAML. Refused with the line to add: it is not written as usual.
    """
    before = yamlfile.parse(text, file)
    lines = text.splitlines(keepends=True)
    at = before.lines.get(("hub",), 0)
    keys = sorted(line for place, line in before.lines.items() if place[:1] == ("hub",))
    first = next((line for line in keys if line > at), 0)
    match = _KEY.match(lines[first - 1]) if first else None
    if match is None:
        raise _by_hand(token, file)
    hint = (n for n in range(at, keys[-1]) if _PLACEHOLDER.match(lines[n]))
    where = next(hint, at - 1) + 1
    new = b"".join([*lines[:where], match[1] + _line(token) + MARK, *lines[where:]])
    try:
        after = yamlfile.parse(new, file).tree
    except ConfigError:
        raise _by_hand(token, file) from None
    hub = before.tree["hub"]
    if not isinstance(hub, dict) or after != before.tree | {
        "hub": hub | {"token_file": str(token)}
    }:
        raise _by_hand(token, file)
    return new


def removed(text: bytes) -> bytes:
    """The same without that line."""
    return b"".join(line for line in text.splitlines(keepends=True) if not line.endswith(MARK))


def _line(token: Path) -> bytes:
    return f"token_file: {token}".encode()


def _by_hand(token: Path, file: str) -> Refused:
    return Refused(
        f"{file} is written in a way that hubtui does not change: add below hub: the line "
        f"token_file: {shown(str(token))}; then start again."
    )
