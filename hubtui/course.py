"""course.yaml: what a course is, in its own words. The commented example lies beside the README.

A value that is not given has the default of its field here; the descriptions are what the
sentences about mistakes say, and what the reference is made from.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from hubtui import limits, trust, yamlfile
from hubtui.errors import ConfigError
from hubtui.names import shown
from hubtui.schema import fit, sentence, wrong
from hubtui.trust import SAFE_PLACE
from hubtui.values import (
    AbsolutePath,
    AccountName,
    AccountNames,
    Command,
    HookUrl,
    Limits,
    Moment,
    OwnUrl,
    Patterns,
    Text,
    UidRange,
    Url,
)
from hubtui.yamlfile import Place

VARIABLE = "HUBTUI_CONFIG"
LARGEST = 1_000_000  # bytes
STATE_DIR = Path("/var/lib/hubtui")

# --- the records --------------------------------------------------------------------------------


class Hub(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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


class Accounts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Unix accounts of the course."""

    group: Annotated[AccountName, Meta(description="the Unix group of the course such as all_user")]
    homes: AbsolutePath = Path("/home")
    uids: Annotated[
        UidRange, Meta(description="a range such as 20000-29999, within 1000-59999")
    ] = UidRange(first=20_000, last=29_999)
    staff: AccountNames = ()
    roster: AbsolutePath | None = None
    archive: AbsolutePath | None = None


class Release(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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
    solutions: Patterns = ("solution*", "*[-_ ]solution*", "*loesung*", "*lösung*")

    @property
    def folder(self) -> str:
        """The folder below each home: `target`, or the source's own name."""
        return self.target or self.source.name


class Watchdog(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What watches the hub."""

    logs: AbsolutePath | None = None
    keep_days: Annotated[int, Meta(ge=1, le=3650, description="days, from 1 to 3650")] = 5
    probe_timeout: Annotated[float, Meta(ge=0.1, le=60, description="seconds, from 0.1 to 60")] = (
        10.0
    )
    grace: Annotated[int, Meta(ge=0, le=3600, description="seconds, from 0 to 3600")] = 120


class ExamDate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One exam, in the course's own time zone."""

    from_: Moment = msgspec.field(name="from")
    to: Moment
    students: (
        Annotated[int, Meta(ge=1, le=100_000, description="how many students will come")] | None
    ) = None
    sheet: Annotated[Text, Meta(description="the name of a sheet")] | None = None


class Exam(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the course is examined, and the account that tries it out before."""

    probe: AccountName | None = None
    dates: Annotated[
        tuple[ExamDate, ...], Meta(description="a list of exams, each with from and to")
    ] = ()


class Notify(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is called, and how. Without any of these nobody is."""

    mail: (
        Annotated[
            str,
            Meta(
                pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+=~-]*(?:@[A-Za-z0-9.-]+)?\Z",
                description="a mail address such as admin@example.org",
            ),
        ]
        | None
    ) = None
    command: (
        Annotated[Command, Meta(description="a command such as [/usr/local/bin/call, admin]")]
        | None
    ) = None
    webhook: HookUrl | None = None


class Machine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The server itself."""

    elsewhere: Annotated[
        tuple[Text, ...],
        Meta(description="a list of what others look after such as [backup, disk_mail]"),
    ] = ()


class Course(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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
    state_dir: AbsolutePath = STATE_DIR
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
        if not _is_there(named):
            raise ConfigError(f"{by} names {shown(named, 200)}, which does not exist")
        return Path(named)
    places = [SAFE_PLACE] if as_root else [Path("course.yaml"), SAFE_PLACE]
    for place in places:
        if _is_there(place):
            return place
    if SAFE_PLACE.parent.is_dir() and not os.access(SAFE_PLACE.parent, os.X_OK):
        raise ConfigError(f"{SAFE_PLACE.parent} is open to root alone; start hubtui with sudo")
    ignored = f" (as root ./course.yaml and ${VARIABLE} are not read)" if as_root else ""
    looked = " and ".join(str(place) for place in places)
    raise ConfigError(
        f"There is no {looked}{ignored}; write one with hubtui init, or name one with --config"
    )


def _is_there(path: str | Path) -> bool:
    try:
        return os.path.lexists(path)
    except ValueError:  # a NUL in it
        return False


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
    if kind is Path and isinstance(found, str) and found.isprintable():
        path = Path(found)
        if path.is_absolute() and path.parent != path and ".." not in path.parts:
            return path
    raise ValueError


def _beyond_types(course: Course) -> Iterator[tuple[Place, str | None]]:
    """Places that are wrong although each value is well-formed, with what is expected there."""
    if course.accounts.group in _POWERFUL:
        yield ("accounts", "group"), "a group of the course's own such as all_user"
    if course.timezone is not None and not _is_zone(course.timezone):
        yield ("timezone",), None
    for name, (warning, critical) in course.limits.items():
        if name not in limits.KNOWN:
            yield ("limits", name), f"as its name one of {', '.join(limits.KNOWN)}"
        elif critical != warning and (critical < warning) is not limits.KNOWN[name].low:
            known = limits.KNOWN[name]
            more = "lower" if known.low else "higher"
            example = f"[{known.warning:g}, {known.critical:g}]"
            yield ("limits", name), f"two numbers, the second {more}, such as {example}"
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
        ("release.source", course.release.source if course.release else None, True),
        ("watchdog.logs", course.watchdog.logs, True),
    )
    for key, path, is_folder in everything:
        if path is not None:
            yield key, path, is_folder
