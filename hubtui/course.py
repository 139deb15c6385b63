"""course.yaml: what a course is, in its own words. The commented example lies beside the README.

A value that is not given has the default of its field here; the descriptions are what the
sentences about mistakes say, and what the reference is made from.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from hubtui import trust, yamlfile
from hubtui.errors import ConfigError
from hubtui.names import shown
from hubtui.schema import fit, sentence, wrong
from hubtui.trust import SAFE_PLACE
from hubtui.yamlfile import Place

VARIABLE = "HUBTUI_CONFIG"
LARGEST = 1_000_000  # bytes

# --- what a value may be ------------------------------------------------------------------------

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_LOOPBACK = rf"(?:127(?:\.{_BYTE}){{3}}|\[::1\])"
_PORT = r"(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
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
        pattern=rf"^(?:http://{_LOOPBACK}|https://{_HOST}){_PORT}(?:/[!\"$->@-~]*)?\Z",
        description="http://127.0.0.1:PORT/… (localhost by its number) or an https address",
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


# --- the records --------------------------------------------------------------------------------


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all parts of a course.yaml have in common."""


class Hub(Section):
    """The JupyterHub of the course."""

    database: Annotated[
        str,
        Meta(
            pattern=r"^(?:/[^\x00-\x1f]+|sqlite:////[^\x00-\x1f]+|(?!sqlite)[a-z0-9+]+://\S+)\Z",
            description="the hub's database such as sqlite:////srv/jupyterhub/jupyterhub.sqlite",
        ),
    ]
    url: Url | None = None  # what students open
    api: OwnUrl = "http://127.0.0.1:8081/hub/api"
    proxy: OwnUrl = "http://127.0.0.1:8000"
    token_file: AbsolutePath | None = None
    restart: Annotated[
        Literal["auto"] | Command,
        Meta(description="auto, or a command such as [systemctl, restart, jupyterhub]"),
    ] = "auto"
    uid: (
        Annotated[int, Meta(ge=0, lt=2**32 - 1, description="the uid that the hub runs as")] | None
    ) = None
    log: AbsolutePath | None = None


class Accounts(Section):
    """The Unix accounts of the course."""

    group: Annotated[AccountName, Meta(description="the Unix group of the course such as all_user")]
    homes: AbsolutePath = Path("/home")
    uids: Annotated[
        UidRange, Meta(description="a range such as 20000-29999, within 1000-59999")
    ] = UidRange(first=20_000, last=29_999)
    staff: AccountNames = ()
    roster: AbsolutePath | None = None
    archive: AbsolutePath | None = None


class Release(Section):
    """Where exercises come from and go to."""

    source: AbsolutePath
    target: (
        Annotated[
            str,
            Meta(
                pattern=r"^(?!.*(?:^|/)\.{1,2}(?:/|\Z))(?!-)[^/\x00-\x1f\x7f]+(?:/[^/\x00-\x1f\x7f]+)*\Z",
                description="a folder below each home such as exercises",
            ),
        ]
        | None
    ) = None
    exclude: Patterns = (".ipynb_checkpoints",)
    tutors: AccountNames = ()
    store: AbsolutePath | None = None
    solutions: Patterns = ("solution*", "*loesung*")

    @property
    def folder(self) -> str:
        """The folder below each home: `target`, or the source's own name."""
        return self.target or self.source.name


class Watchdog(Section):
    """What watches the hub."""

    logs: AbsolutePath | None = None
    keep_days: Annotated[int, Meta(ge=1, le=3650, description="days, from 1 to 3650")] = 5
    probe_timeout: Annotated[float, Meta(ge=0.1, le=60, description="seconds, from 0.1 to 60")] = (
        10.0
    )
    grace: Annotated[int, Meta(ge=0, le=3600, description="seconds, from 0 to 3600")] = 120


class ExamDate(Section):
    """One exam, in the course's own time zone."""

    from_: Moment = msgspec.field(name="from")
    to: Moment
    students: (
        Annotated[int, Meta(ge=1, le=100_000, description="how many students will come")] | None
    ) = None
    sheet: Annotated[Text, Meta(description="the name of a sheet")] | None = None


class Exam(Section):
    """When the course is examined, and the account that tries it out before."""

    probe: AccountName | None = None
    dates: Annotated[
        tuple[ExamDate, ...], Meta(description="a list of exams, each with from and to")
    ] = ()


class Notify(Section):
    """Who is called, and how. Without any of these nobody is."""

    mail: (
        Annotated[
            str,
            Meta(
                pattern=r"^[A-Za-z0-9_][!-?A-~]*(?:@[A-Za-z0-9.-]+)?\Z",
                description="a mail address such as admin@example.org",
            ),
        ]
        | None
    ) = None
    command: (
        Annotated[Command, Meta(description="a command such as [/usr/local/bin/call, admin]")]
        | None
    ) = None
    webhook: Url | None = None


class Machine(Section):
    """The server itself."""

    elsewhere: Annotated[
        tuple[Text, ...],
        Meta(description="a list of what others look after such as [backup, disk_mail]"),
    ] = ()


Bound = Annotated[float, Meta(ge=0, le=1e15)]
Limits = Annotated[
    dict[str, tuple[Bound, Bound]],
    Meta(description="for each name two numbers, warning and critical, such as [20, 10]"),
]


class Course(Section):
    """One course on one machine, as its course.yaml says."""

    course: Annotated[
        str,
        Meta(min_length=1, max_length=200, description="the course's name such as Statistics 1"),
    ]
    hub: Hub
    accounts: Accounts
    release: Release | None = None
    watchdog: Watchdog = Watchdog()
    exam: Exam = Exam()
    notify: Notify = Notify()
    machine: Machine = Machine()
    limits: Limits = {}
    state_dir: AbsolutePath = Path("/var/lib/hubtui")
    timezone: (
        Annotated[Text, Meta(description="a time zone of this machine such as Europe/Berlin")]
        | None
    ) = None

    file: Path = SAFE_PLACE  # where this was read from
    lines: dict[str, int] = {}  # "hub.token_file" → its line there


_NO_KEYS = frozenset({"file", "lines"})
# A primary group that opens more than the course to whoever is in it.
_POWERFUL = frozenset(
    {"root", "sudo", "adm", "admin", "wheel", "disk", "shadow", "docker", "lxd", "kmem", "staff"}
)


# --- finding and reading ------------------------------------------------------------------------


def find(option: str | None, environ: Mapping[str, str], *, as_root: bool | None = None) -> Path:
    """Which course.yaml to use: `option` (--config), $HUBTUI_CONFIG, ./course.yaml,
    /etc/hubtui/course.yaml; as root the first and the last alone, for the others are the choice
    of whoever can set a variable or fill a folder.

    Raises ConfigError where the named one is missing, or where there is none.
    """
    if as_root is None:
        as_root = os.geteuid() == 0
    named, by = option, "--config"
    if named is None and not as_root:
        named, by = environ.get(VARIABLE) or None, f"${VARIABLE}"
    if named is not None:
        if not os.path.lexists(named) if "\0" not in named else True:
            raise ConfigError(f"{by} names {shown(named, 200)}, which does not exist")
        return Path(named)
    places = [SAFE_PLACE] if as_root else [Path("course.yaml"), SAFE_PLACE]
    for place in places:
        if os.path.lexists(place):
            return place
    if SAFE_PLACE.parent.is_dir() and not os.access(SAFE_PLACE.parent, os.X_OK):
        raise ConfigError(f"{SAFE_PLACE.parent} is open to root alone; start hubtui with sudo")
    ignored = f" (as root ./course.yaml and ${VARIABLE} are not read)" if as_root else ""
    looked = " and ".join(str(place) for place in places)
    raise ConfigError(
        f"There is no {looked}{ignored}; write one with hubtui init, or name one with --config"
    )


def load(path: Path, *, as_root: bool | None = None) -> Course:
    """The course that `path` describes. The files that it names need not exist.

    Raises ConfigError: file, line, key, what was found, what is expected. As root (None: whether
    this process is) also for a file that anybody but root could have written, see `trust.read`.
    """
    if as_root is None:
        as_root = os.geteuid() == 0
    data = trust.read(path, limit=LARGEST, trusted=as_root)
    file = shown(str(path), 200)
    written = yamlfile.parse(data, file)
    course = fit(written, Course, file, made=_made, hidden=_NO_KEYS)
    if troubles := [
        wrong(written, Course, place, expected) for place, expected in _beyond_types(course)
    ]:
        raise sentence(written, file, troubles)
    lines = {yamlfile.dotted(place): line for place, line in written.lines.items() if place}
    return msgspec.structs.replace(course, file=path.absolute(), lines=lines)


def _made(kind: type, found: Any) -> Any:
    """Text as one of the types that msgspec does not know; ValueError becomes its sentence."""
    if kind is Path and isinstance(found, str):
        path = Path(found)
        if path.is_absolute() and len(path.parts) > 1 and ".." not in path.parts:
            if found.isprintable():
                return path
    raise ValueError


def _beyond_types(course: Course) -> Iterator[tuple[Place, str | None]]:
    """Places that are wrong although each value is well-formed, with what is expected there."""
    if course.accounts.group in _POWERFUL:
        yield ("accounts", "group"), "a group of the course's own such as all_user"
    if course.timezone is not None and not _is_zone(course.timezone):
        yield ("timezone",), None
    for at, exam in enumerate(course.exam.dates):
        place: Place = ("exam", "dates", at)
        begin, end = _moment(exam.from_), _moment(exam.to)
        if begin is None:
            yield (*place, "from"), None
        if end is None or (begin is not None and end <= begin):
            yield (*place, "to"), f"a date and time after {exam.from_}"


def _is_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _moment(text: str) -> float | None:
    from datetime import datetime

    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def missing_files(course: Course) -> list[str]:
    """A sentence for each file or folder that `course` names and that is not there.

    What may not be looked at (the token, without root) is not called missing.
    """
    sentences = []
    for key, path, is_folder in _named(course):
        try:
            there = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            flaw = "does not exist"
        except OSError:
            continue
        else:
            import stat

            if stat.S_ISDIR(there.st_mode) == is_folder:
                continue
            flaw = "is not a folder" if is_folder else "is a folder, not a file"
        line = f", line {course.lines[key]}" if key in course.lines else ""
        sentences.append(
            f"{shown(str(course.file), 200)}{line}: {key} names {shown(str(path), 200)}, "
            f"which {flaw}"
        )
    return sentences


def _named(course: Course) -> Iterator[tuple[str, Path, bool]]:
    hub, accounts = course.hub, course.accounts
    sqlite = hub.database.removeprefix("sqlite:///").partition("?")[0]
    everything = (
        ("hub.token_file", hub.token_file, False),
        ("hub.database", Path(sqlite) if sqlite.startswith("/") else None, False),
        ("hub.log", hub.log, False),
        ("accounts.homes", accounts.homes, True),
        ("accounts.roster", accounts.roster, False),
        ("release.source", course.release and course.release.source, True),
        ("watchdog.logs", course.watchdog.logs, True),
    )
    for key, path, is_folder in everything:
        if path is not None:
            yield key, path, is_folder
