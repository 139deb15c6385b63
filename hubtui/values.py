"""What a value of course.yaml may be, each with the words for what is expected in its place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_LOOPBACK = rf"(?:127(?:\.{_BYTE}){{3}}|\[::1\])"
_PORT = (
    r"(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}"
    r"|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
)
_PATH = r"(?:/[!-~]*)?"

Text = Annotated[str, Meta(min_length=1, description="a text")]
AbsolutePath = Annotated[Path, Meta(description="a path that begins with / and has no ..")]
Url = Annotated[
    str,
    Meta(
        pattern=rf"^https?://{_HOST}{_PORT}{_PATH}\Z",
        description="an address such as https://jupyter.example.org",
    ),
]
# hubtui sends its token there, so: this machine by number (`localhost` may be somebody else's
# ::1), or whatever a certificate vouches for.
OwnUrl = Annotated[
    str,
    Meta(
        pattern=rf"^(?:http://{_LOOPBACK}|https://{_HOST}){_PORT}(?:/[!$->@-~]*)?\Z",
        description="http://127.0.0.1:PORT/… (localhost by its number) or an https address",
    ),
]
# The same for what people are called by; a query is what some services know their callers by.
HookUrl = Annotated[
    str,
    Meta(
        pattern=rf"^(?:http://{_LOOPBACK}|https://{_HOST}){_PORT}(?:[/?][!$-~]*)?\Z",
        description="an https address such as https://ntfy.sh/my-course, or http://127.0.0.1:PORT/…",
    ),
]
AccountName = Annotated[
    str,
    Meta(
        pattern=r"^(?![0-9]+\Z)[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\Z",
        description="the name of a Unix account such as tutor",
    ),
]
AccountNames = Annotated[
    tuple[AccountName, ...], Meta(description="a list of Unix accounts such as [tutor, admin]")
]
Patterns = Annotated[
    tuple[Text, ...], Meta(description="a list of file patterns such as [.ipynb_checkpoints]")
]
Command = Annotated[list[Text], Meta(min_length=1)]
Moment = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}\Z",
        description="a date and time such as 2027-02-01 09:00",
    ),
]
Bound = Annotated[float, Meta(ge=0, le=1e15)]
Limits = Annotated[
    dict[str, tuple[Bound, Bound]],
    Meta(description="for each name two numbers, warning and critical, such as [20, 10]"),
]


class UidRange(Struct, frozen=True, kw_only=True):
    """The uids that hubtui may give to accounts it makes; both ends belong to it."""

    first: int
    last: int

    def __contains__(self, uid: object) -> bool:
        return isinstance(uid, int) and self.first <= uid <= self.last

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    @classmethod
    def parse(cls, text: str) -> UidRange | None:
        """``20000-29999``, or None where it is no range of uids for people.

        Debian's policy (9.2.2): 1000–59999 are for accounts of people, 60000–65535 for the system
        (65534 is nobody), above lie dynamic ones again.
        """
        if not (ends := re.fullmatch(r"([0-9]{1,10})\s*[-–]\s*([0-9]{1,10})", text, re.ASCII)):
            return None
        first, last = int(ends[1]), int(ends[2])
        sound = 1000 <= first <= last <= 59_999 or 65_536 <= first <= last < 2**31
        return cls(first=first, last=last) if sound else None
