"""The block at the end of the hub's configuration by which the hub knows hubtui's token.

Text in, text out: nothing here touches a file. What is in the lists already stays in them, and a
token that is missing, or may not be read, never keeps the hub from starting. The block runs in the
hub's Python, 3.5 or later, so it is written for that.
"""

from __future__ import annotations

from pathlib import Path

from hubtui.errors import Refused
from hubtui.server.hubapi import scopes_of

BEGIN = b"# >>> hubtui: written by hubtui install token; hubtui uninstall token takes it out\n"
END = b"# <<< hubtui\n"
_BEGINS, _ENDS = b"# >>> hubtui", b"# <<< hubtui"
_NO_NEWLINE = b"# (The line above had no newline at its end.)\n"

_BLOCK = """\
def _hubtui(config):
    import sys

    from jupyterhub import version_info

    try:
        with open({path!r}) as file:
            token = file.read().strip()
        if len(token) < 8:  # with that the hub would not start
            raise ValueError("it is too short")
    except (OSError, ValueError) as error:
        print("hubtui has no access to this hub, its token:", error, file=sys.stderr)
        return

    def add(name, entry):
        found = config.JupyterHub[name]
        if isinstance(found, (list, tuple)):
            config.JupyterHub[name] = list(found) + [entry]
        else:  # not set before: traitlets adds it to the default
            found.append(entry)

    service = {{"name": "hubtui", "api_token": token}}
    if version_info < (2,):
        service["admin"] = True  # there are no roles
    else:
        scopes = "{scopes}".split()
        add("load_roles", {{"name": "hubtui", "services": ["hubtui"], "scopes": scopes}})
    add("services", service)


_hubtui(get_config())
del _hubtui
"""


def block(token: Path, probe: str = "") -> bytes:
    """The lines between the marks; ``probe``: the account that tries out the hub before an exam.

    Raises Refused for a path that is no plain text.
    """
    if not str(token).isascii() or not str(token).isprintable():
        raise Refused(f"{token!r} is no path for a token: choose one of plain letters.")
    return _BLOCK.format(path=str(token), scopes=" ".join(scopes_of(probe))).encode("ascii")


def added(text: bytes, token: Path, probe: str = "") -> bytes:
    """The configuration with the block as its last lines, and nowhere else. Raises Refused."""
    text = removed(text)
    joint = b"" if not text or text.endswith(b"\n") else b"\n"
    note = _NO_NEWLINE if joint else b""
    return text + joint + BEGIN + note + block(token, probe) + END


def removed(text: bytes) -> bytes:
    """The configuration without it, byte for byte as before. Raises Refused: half a block."""
    before, block_, after = _parts(text)
    if block_ is None:
        return text
    if block_.startswith(_NO_NEWLINE) and not after:  # else two lines would become one
        before = before.removesuffix(b"\n")
    return before + after


def is_in(text: bytes) -> bool:
    """Whether there is one, of whatever version. Raises Refused: half a block."""
    return _parts(text)[1] is not None


def _parts(text: bytes) -> tuple[bytes, bytes | None, bytes]:
    """What is before, inside and after the block."""
    lines = text.splitlines(keepends=True)
    begins = [number for number, line in enumerate(lines) if line.startswith(_BEGINS)]
    ends = [number for number, line in enumerate(lines) if line.startswith(_ENDS)]
    if not begins and not ends:
        return text, None, b""
    if len(begins) != 1 or len(ends) != 1 or begins > ends:
        numbers = ", ".join(str(number + 1) for number in sorted([*begins, *ends]))
        raise Refused(
            f"hubtui's block in the hub's configuration is not whole (lines {numbers}): take its "
            "lines out by hand, then start again."
        )
    [first], [last] = begins, ends
    return (
        b"".join(lines[:first]),
        b"".join(lines[first + 1 : last]),
        b"".join(lines[last + 1 :]),
    )
