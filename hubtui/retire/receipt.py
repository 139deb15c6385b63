"""The receipt: what was removed, when, by whom, for each uid; what is kept; what is not covered.

``receipts/RUN.json`` and, for people, ``RUN.md``. No name of who is gone stands there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hubtui.clock import stamp
from hubtui.errors import StateError
from hubtui.events import Follower, What
from hubtui.plan import runs
from hubtui.plan.plans import Plan
from hubtui.retire import kept
from hubtui.retire.gone import Gone, Names, gone_of
from hubtui.retire.receipt_text import markdown
from hubtui.retire.records import Account, Kept, Leaver, Receipt, Retired
from hubtui.retire.words import leavers
from hubtui.server import Server
from hubtui.server.ledger import read_ledger
from hubtui.state import make_dir, read_document, replace_file, write_document


def path(state_dir: Path, run: str) -> Path:
    """The receipt of a run for people; beside it the same as ``.json``."""
    return state_dir / "receipts" / f"{run}.md"


def every(state_dir: Path) -> list[Receipt]:
    """All receipts, the oldest first. Raises StateError."""
    files = sorted((state_dir / "receipts").glob("[0-9]*.json"))
    found = (read_document(file, Receipt) for file in files)
    return [one for one in found if one is not None]


def read(state_dir: Path, run: str) -> Receipt | None:
    """The receipt of a run; None where it has none. Raises StateError."""
    return read_document(path(state_dir, run).with_suffix(".json"), Receipt)


def make(server: Server, plan: Plan, still_named: Sequence[str]) -> Receipt:
    """What a run removed, as its plan, its events and the records of the uids tell.

    ``still_named``: files of hubtui's in which a name is left. Raises StateError.
    """
    people = leavers(plan)
    gone = {one.uid for one in gone_of(plan, read_ledger(server.state))}
    names = Names(Gone(one.name, one.uid, "9999") for one in people)
    ends = _ends(server, plan.id)
    accounts = []
    for one in people:
        why = "" if one.uid in gone else ends.get(one.key) or "its turn did not come"
        accounts.append(_account(server, plan.id, one, names.out(why), is_gone=one.uid in gone))
    return Receipt(
        course=server.course.course,
        run=plan.id,
        by=plan.by,
        asked=plan.at,
        written=stamp(server.clock()),
        accounts=tuple(accounts),
        still_named=tuple(still_named),
        not_covered=tuple(not_covered(server)),
    )


def write(server: Server, receipt: Receipt) -> None:
    """Write it, or write it anew. Raises StateError."""
    place = path(server.state, receipt.run)
    make_dir(place.parent)
    write_document(place.with_suffix(".json"), receipt)
    try:
        replace_file(place, markdown(receipt).encode())
    except OSError as e:
        raise StateError(f"{place} cannot be written: {e.strerror}.") from e


def not_covered(server: Server) -> list[str]:
    """Where names and files of students may be that hubtui does not reach, in phrases."""
    rules, watchdog, hub = server.course.accounts, server.course.watchdog, server.course.hub
    log = f"the hub's log ({hub.log})" if hub.log else "the hub's log"
    if watchdog.logs:
        log += f", and those in {watchdog.logs}, which are kept for {watchdog.keep_days} days"
    found = [
        "backups and snapshots of this server, and copies of the archives",
        "/etc/passwd-, shadow-, group-, gshadow-, subuid- and subgid-: as these files were before "
        "their last change",
        "the system's journal, and what else is in /var/log, until it is rotated: logins, sudo, "
        "cron, mail",
        "the web server's logs, with names in addresses such as /user/NAME/",
        log,
        "free pages of the hub's database, until SQLite uses them again",
        f"incidents of the watchdog in {server.state / 'incidents'}: out of their log lines names "
        "were taken as they came",
        "files of theirs in folders of others, also where those were given to a group",
        "the tutor's own files and the sheets that were released",
    ]
    if rules.roster is not None:
        copies = ", ".join(str(copy) for copy in _copies(rules.roster))
        found.append(f"copies of the roster {rules.roster}" + (f": {copies}" if copies else ""))
    return found


def _account(server: Server, run: str, one: Leaver, why: str, *, is_gone: bool) -> Account:
    record = kept.of_run(server, one.uid, run)
    if record is None and is_gone:
        record = kept.read(server.state, one.uid)
    found = record or Retired(uid=one.uid, run=run, by="", begun="")
    return Account(
        uid=one.uid,
        removed=is_gone,
        why=why,
        ended=found.ended,
        files=found.files,
        bytes=found.bytes,
        steps=found.steps,
        archives=tuple(
            Kept(
                path=each.path,
                sha256=each.sha256,
                bytes=each.bytes,
                what=each.what,
                until=each.until,
            )
            for each in found.archives
            if not each.deleted
        ),
    )


def _ends(server: Server, run: str) -> dict[str, str]:
    """The last word on each subject."""
    events = Follower(runs.events_path(server.state, run)).new()
    return {event.subject: event.text for event in events if event.event is What.END}


def _copies(roster: Path) -> list[Path]:
    try:
        return sorted(roster.parent.glob(f"{roster.name}?*"))[:20]
    except OSError:
        return []
