"""Names, addresses and secrets taken out of log lines, before they are kept.

What is kept says what happened, not to whom. Where it is not clear whether a word is a name or an
address, it goes: a line that lost a word too many still says what failed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from hubtui.names import shown

NAME, ADDRESS, MAIL, SECRET = "<name>", "<address>", "<mail>", "<secret>"
LONGEST = 300
"""Characters of a line that are kept."""

# Each begins at the start of a word where it could else be tried at each letter of a long one.
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_SECRETS = (
    # A header's whole rest: cookies are many, and a scheme stands before the token.
    (re.compile(r"(?i)((?:authorization|cookie)[\"']?\s*[=:]).*"), rf"\1 {SECRET}"),
    (re.compile(r"(?i)(xsrf cookie for )b?(['\"]).*?\2"), rf"\1{SECRET}"),
    (
        re.compile(
            r"(?i)((?:token|secret|passw\w*|xsrf|api_?key|session_?id)[\"']?\s*[=:]\s*[\"']?)"
            r"[^\s\"'&;,]+"
        ),
        rf"\1{SECRET}",
    ),
    (re.compile(r"(?i)([?&](?:code|state|key|ticket)=)[^\s\"'&;,]+"), rf"\1{SECRET}"),
    (re.compile(r"(?i)\b((?:bearer|basic|token) )[\w.~+/-]{8,}=*"), rf"\1{SECRET}"),
    (re.compile(r"[0-9a-fA-F]{20,}"), SECRET),
    (re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"), SECRET),
    # As secrets.token_urlsafe makes them; a long word of a program has no digits or one case.
    (re.compile(r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[a-z])(?=[\w-]*[A-Z])[\w-]{30,}=*", re.A), SECRET),
)
# Where JupyterHub, its proxy and systemd put a name, be it an account's or not.
_PLACES = (
    (re.compile(r"(/(?:users?|home|groups|user-redirect)/)[^/\s?#'\",;:)\]]+"), rf"\1{NAME}"),
    (re.compile(r"\([^\s()@]+@(?=[0-9a-fA-F.:]+\))"), rf"({NAME}@"),
    (re.compile(r"(?<!\S)\S+('s server\b)"), rf"{NAME}\1"),
    (re.compile(r"(jupyterhub-user-|\bjupyter-)(?!<)[\w.-]+(?=[\s.'\"/,)]|$)"), rf"\1{NAME}"),
    (re.compile(r"(logged (?:in|out): |[Ll]ogin for |state for )\S+"), rf"\1{NAME}"),
    (
        re.compile(r"(?<![\w-])([Uu]ser:? )(?!(?:for|in|is|with|from|to|and|logged)\b)[^\s<]\S*"),
        rf"\1{NAME}",
    ),
    (re.compile(r"(name not found: |username[\"']?\s*[=:] ?).*"), rf"\1{NAME}"),
)
_MAIL = re.compile(r"(?<![^\s@<>\"(),;:])[^\s@<>\"(),;:]+@[^\s@<>\"'(),;:=]+\.[^\s@<>\"'(),;:=]+")
_IPV4 = re.compile(r"(?<![\d.])(?!127\.|0\.0\.0\.0)\d{1,3}(?:\.\d{1,3}){3}(?!\d)")
_COLONS = re.compile(r"[0-9a-fA-F]*:[0-9a-fA-F:]*:[0-9a-fA-F:.]*")
_OWN = ("::1", "::", "::ffff:127.0.0.1")
_WORD = re.compile(r"[^\W_]+(?:[_.-]+[^\W_]+)*")
_JOINTS = re.compile(r"([_.-]+)")


def scrub(lines: Iterable[str], names: Collection[str] = ()) -> tuple[str, ...]:
    """The lines without account names, addresses, mail addresses and secrets; safe to show.

    ``names`` are taken out wherever they stand as words, in any case; others where JupyterHub
    writes names. Addresses of this machine alone (127.0.0.1, ::1) stay. Never raises.
    """
    known = _Names(names)
    return tuple(shown(_scrubbed(line, known), LONGEST) for line in lines)


def _scrubbed(line: str, names: _Names) -> str:
    line = _ESCAPES.sub("", line)
    for pattern, by in (*_SECRETS, *_PLACES):
        line = pattern.sub(by, line)
    line = _MAIL.sub(MAIL, line)
    line = _COLONS.sub(_of_colons, line)
    line = _IPV4.sub(ADDRESS, line)
    return names.taken_out(line)


def _of_colons(match: re.Match[str]) -> str:
    """An IPv6 or a MAC address; not a time, a module path or an address of this machine."""
    text = match[0]
    if text.strip(".") in _OWN:
        return text
    is_address = text.count(":") >= 4 or ("::" in text and any(c.isdigit() for c in text))
    return ADDRESS if is_address else text


class _Names:
    """Names as they are looked for: thousands of them cost no more than one."""

    def __init__(self, names: Collection[str]) -> None:
        self._words = set[tuple[str, ...]]()
        self._others = list[re.Pattern[str]]()
        for name in names:
            parts = tuple(part.lower() for part in _JOINTS.split(name) if _WORD.fullmatch(part))
            if not re.fullmatch(r"[\w.-]+", name):
                self._others.append(re.compile(re.escape(name), re.IGNORECASE))
            elif parts:
                self._words.add(parts)
        self._longest = max((len(parts) for parts in self._words), default=0)

    def taken_out(self, line: str) -> str:
        for other in self._others:
            line = other.sub(NAME, line)
        return _WORD.sub(self._without, line) if self._words else line

    def _without(self, word: re.Match[str]) -> str:
        """``jupyter-anna-b.service``: any run of its parts may be a name."""
        pieces = _JOINTS.split(word[0])  # part, joint, part, …
        parts = [piece.lower() for piece in pieces[::2]]
        at = 0
        while at < len(parts):
            for size in range(min(self._longest, len(parts) - at), 0, -1):
                if tuple(parts[at : at + size]) in self._words:
                    pieces[2 * at : 2 * (at + size) - 1] = [NAME, *[""] * (2 * size - 2)]
                    at += size - 1
                    break
            at += 1
        return "".join(pieces)
