"""The rows of the accounts pane: accounts, and what drifted that is no account; no screen here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from hubtui.clock import ago, moment, parse
from hubtui.course_accounts import CourseAccount
from hubtui.drift.records import Drift, Mends
from hubtui.findings import Severity
from hubtui.leaving import Leaving
from hubtui.names import shown
from hubtui.server.homes import Kind
from hubtui.tui.colours import BAD, GOOD, QUIET, WARN
from hubtui.tui.columns import Column
from hubtui.tui.look import Entry, Look, cell
from hubtui.units import megabytes

COLUMNS = (
    Column("name", "NAME", None),
    Column("uid", "UID", 6, drop_below=100, align="right"),
    Column("size", "SIZE", 7, drop_below=60, align="right"),
    Column("memory", "MEMORY", 7, align="right"),
    Column("server", "SERVER", 7),
    Column("active", "ACTIVE", 6, align="right"),
    Column("signup", "SIGN-UP", 10, drop_below=110),
    Column("note", "TO LOOK AT", None),
)
ORDERS = ("name", "memory", "size", "active", "note")
STYLES = {Severity.CRITICAL: BAD, Severity.WARNING: WARN, Severity.NOTE: ""}
"""Of a drift, by how bad it is."""
_HALF_GONE = "removal not finished"
_RANKS = {severity: place for place, severity in enumerate(Severity)}
_LEAVES, _FINE = len(_RANKS), len(_RANKS) + 1
_PROCESSES = 8


def rows(look: Look) -> dict[str, Entry]:
    """One for each account, and one for each name besides that something is to be said of."""
    found = {one.name: _of_account(look, one) for one in look.accounts}
    leaving = look.survey.leaving
    for name in (*look.strange, *leaving):
        if name not in found:
            found[name] = _of_nobody(look, name, leaving.get(name))
    return found


def summary(look: Look) -> Text:
    """What the list holds, in one line."""
    found = look.accounts
    running = sum(bool(one.server) for one in found)
    line = Text.assemble((f"{len(found)} account{'' if len(found) == 1 else 's'}", "bold"))
    line.append(f"  ·  {running} server{'' if running == 1 else 's'}")
    if memory := sum(one.memory for one in found):
        line.append(f", {megabytes(memory)}")
    there = {one.name for one in found}
    if odd := look.strange.keys() | (look.survey.leaving.keys() - there):
        worst = min(_worst(look.strange.get(name, ())) for name in odd)
        line.append(f"  ·  {len(odd)} to look at", BAD if worst == 0 else WARN)
    if leaving := len(look.survey.leaving.keys() & there):
        line.append(f"  ·  {leaving} leave{'s' if leaving == 1 else ''}")
    if look.live.sizes is not None:
        line.append(f"  ·  sizes {old(look.live.sizes.taken, look.survey.at)}", QUIET)
    return line


def old(then: datetime, at: datetime) -> str:
    """How old a measure is: ``3 h old``."""
    age = ago(then, at)
    return "just measured" if age == "now" else f"{age} old"


# --- one row --------------------------------------------------------------------------------------


def _of_account(look: Look, one: CourseAccount) -> Entry:
    name, strange = shown(one.name, limit=40), look.strange.get(one.name, ())
    leaves = look.survey.leaving.get(one.name)
    if leaves is not None and leaves.uid != one.account.uid:
        leaves = None
    active = ago(one.last_activity, look.survey.at) if one.last_activity else ""
    since = one.last_activity.timestamp() if one.last_activity else 0.0
    rank = _worst(strange) if strange else _LEAVES if leaves else _FINE
    note, style = _note(look, strange, leaves)
    return Entry(
        name=one.name,
        row=(
            cell(name, style if strange or leaves else ""),
            cell(str(one.account.uid), QUIET),
            cell(megabytes(one.size)),
            cell(megabytes(one.memory) if one.processes else ""),
            cell(one.server, GOOD if one.server == "running" else WARN),
            cell(active, QUIET),
            cell(one.sign_up, QUIET if one.sign_up == "authorised" else WARN),
            cell(note, style),
        ),
        search=f"{name} {one.server} {one.sign_up} {note}".lower(),
        sort=(
            (False, one.name),
            (-one.memory, one.name),
            (-(one.size or 0), one.name),
            (-since, one.name),
            (rank, one.name),
        ),
        detail=lambda: _detail(look, one, strange, leaves),
        ready=_is_safe(strange),
        odd=bool(strange),
    )


def _of_nobody(look: Look, name: str, leaves: Leaving | None) -> Entry:
    """Of a sign-up, a user of the hub, a home or a line: whatever is no course account."""
    strange = look.strange.get(name, ())
    said, style = _note(look, strange, None) if strange else (_HALF_GONE, WARN)
    nothing = cell("")
    label = shown(name, limit=60)
    return Entry(
        name=name,
        row=(cell(label, style), *[nothing] * 6, cell(said, style)),
        search=f"{label} {said}".lower(),
        sort=(
            *[(True, name)],
            *[(0, name)] * 3,
            (_worst(strange), name),
        ),
        detail=lambda: _detail_of_nobody(look, name, strange, leaves),
        ready=_is_safe(strange),
        odd=True,
    )


def _worst(strange: Sequence[Drift]) -> int:
    return min((_RANKS[one.severity] for one in strange), default=_RANKS[Severity.WARNING])


def _is_safe(strange: Sequence[Drift]) -> bool:
    return any(one.mends is Mends.SAFELY for one in strange)


def _note(look: Look, strange: Sequence[Drift], leaves: Leaving | None) -> tuple[str, str]:
    """What the last column says, and in which colour: the worst first, then who leaves."""
    said = [one.short or one.code for one in strange]
    if leaves is not None:
        said.insert(0, _goes(leaves, look.survey.at))
    if strange:
        return ", ".join(said), STYLES[min(strange, key=lambda o: _RANKS[o.severity]).severity]
    return ", ".join(said), QUIET


def _goes(leaves: Leaving, at: datetime) -> str:
    """``goes Wed 09 Dec``; once that is past, that its removal is due, or did not end."""
    goes = leaves.goes
    if leaves.at_once:
        return _HALF_GONE
    if goes <= at:
        return "due to go"
    here = goes.astimezone()
    return f"goes {here:%a %d %b}" if here.year == at.year else f"goes {here:%d %b %Y}"


# --- all there is to know of it -------------------------------------------------------------------


def _detail(
    look: Look, one: CourseAccount, strange: Sequence[Drift], leaves: Leaving | None
) -> Text:
    text = Text()
    text.append(f"{shown(one.name)}\n", "bold")
    _say_leaving(text, leaves, look.survey.at)
    _say_drift(text, strange)
    text.append(f"\nuid       {one.account.uid}\n", QUIET)
    mode = f"{one.home.mode:04o}" if one.home.mode else str(one.home.kind)
    if leaves is not None and one.home.kind is Kind.MISSING:
        mode = "put away"
    text.append(f"home      {shown(str(one.home.path))} ({mode})\n", QUIET)
    if one.size is not None and one.size_at is not None:
        age = old(one.size_at, look.survey.at)
        text.append(f"size      {megabytes(one.size)}, {age}\n", QUIET)
    text.append(f"roster    {'yes' if one.in_roster else 'no'}\n", QUIET)
    text.append(f"sign-up   {one.sign_up or 'none'}\n", QUIET)
    text.append(f"server    {one.server or 'not running'}\n", QUIET)
    if one.last_activity is not None:
        text.append(f"active    {moment(one.last_activity, look.survey.at)}\n", QUIET)
    for process in sorted(one.processes, key=lambda p: -p.memory)[:_PROCESSES]:
        what = "server" if process.is_server else "kernel" if process.is_kernel else process.name
        memory = megabytes(process.memory)
        text.append(f"\n{process.pid:>8}  {memory:>7}  {shown(what, limit=20)}")
    return text


def _detail_of_nobody(
    look: Look, name: str, strange: Sequence[Drift], leaves: Leaving | None
) -> Text:
    text = Text()
    text.append(f"{shown(name, limit=120)}\n", "bold")
    text.append("no account of this course\n", QUIET)
    if leaves is not None:
        begun = moment(parse(leaves.since), look.survey.at)
        text.append(f"\n! Its removal was begun ({begun}) and did not end.\n", WARN)
        text.append("x goes on with it.\n", "italic")
    _say_drift(text, strange)
    return text


def _say_leaving(text: Text, leaves: Leaving | None, at: datetime) -> None:
    if leaves is None:
        return
    if leaves.at_once:
        begun = moment(parse(leaves.since), at)
        text.append(f"\nIts removal was begun ({begun}), and is at work or did not end.\n")
        text.append("x goes on with it; u brings it back, where that still can be.\n", "italic")
        return
    goes = "is due to go" if leaves.goes <= at else f"goes {moment(leaves.goes, at)}"
    text.append(f"\nSwitched off {moment(parse(leaves.since), at)}; {goes}.\n")
    text.append("u brings it back as it was, x removes it now.\n", "italic")


def _say_drift(text: Text, strange: Sequence[Drift]) -> None:
    """Each sentence, and what the key does about it; what is done by hand, as its command."""
    for one in strange:
        text.append(f"\n! {one.text}\n", STYLES[one.severity])
        if one.mends is Mends.SAFELY:
            text.append("f mends it.\n", "italic")
        elif one.mends is Mends.CHOICE:
            text.append("f shows what can be done.\n", "italic")
        elif one.do:
            text.append(f"→ {one.do}\n", "italic")
