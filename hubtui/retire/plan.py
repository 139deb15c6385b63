"""The plan that retires accounts: at once, or first switched off until a date.

    check → note → log-in off → server asked to stop → locked → fenced → processes ended
    → archived → strays → home → account → group → hub user → roster → uid → farewell

Until a date only the first line is done. The home is fenced there already: a browser that is still
open would start the server again, though its student cannot log in any more. One that asks for a
server all the time keeps the hub from deleting its user as long as it waits for each (30 s without
a home); without an account each fails at once, so the hub's user goes after that.

The home goes before the account: its uid is not free while a file of it is left. What is lost by a
kill is never more than the step at hand, and the next run finds where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from hubtui import leaving, typed
from hubtui.clock import stamp
from hubtui.errors import HubtuiError, Refused
from hubtui.leaving import Leaving, WasAuthorised
from hubtui.names import shown
from hubtui.plan import plans
from hubtui.plan.plans import Plan, new_plan
from hubtui.plan.steps import Chain, Step
from hubtui.retire import ending, kept, steps
from hubtui.retire.archive import Archive, folder_of, need_folder
from hubtui.retire.checks import Ground, either, home_of, need_token
from hubtui.retire.closing import closing_chain
from hubtui.retire.ending import Noted
from hubtui.retire.fence import Fence, is_nowhere
from hubtui.retire.home import RemoveHome
from hubtui.retire.records import KEEP_DAYS, Closing, Leaver
from hubtui.retire.strays import SweepStrays
from hubtui.retire.words import leavers
from hubtui.server import Server, processes, sizes
from hubtui.server.shadow import Shadow, read_shadow
from hubtui.students import Survey, complete


def retire_plan(
    server: Server,
    seen: Survey,
    names: Sequence[str],
    *,
    until: datetime | None = None,
    keep_days: int = KEEP_DAYS,
    archive: Path | None = None,
) -> Plan:
    """A plan that removes these accounts; with ``until`` it only switches them off until then.

    Raises Refused with the reasons where one of them must not, or cannot, be removed, or where
    archives cannot be kept; HubtuiError where that cannot be known.
    """
    wanted = list(dict.fromkeys(names))
    complete(seen)
    need_token(server)
    if until is not None and until <= server.clock():
        raise Refused("The day on which they go has to come yet.")
    if why := refusals(server, seen, wanted):
        raise Refused(" · ".join(why.values()))
    shadow = read_shadow()
    serving = processes.serving()
    found = [_leaver(server, seen, shadow, serving, name) for name in wanted]
    subjects: list[msgspec.Struct] = [*_measured(server, found)]
    if subjects and until is None:
        subjects.append(Closing())
    plan = new_plan(
        "retire",
        _title(server, wanted, until),
        subjects,
        server.clock(),
        course=server.course.course,
        until=stamp(until) if until else "",
        keep_days=keep_days,
        archive=str(archive or ""),
    )
    how = kept.keeping(plan)
    if folder_of(server, how) != server.state / "archives":  # which is made when it is needed
        need_folder(server, how)
    return plan


def _title(server: Server, names: Sequence[str], until: datetime | None) -> str:
    from hubtui.when import zone_of

    one = f"account {shown(names[0], limit=60)}" if len(names) == 1 else ""
    who = one or f"{len(names)} accounts"
    if until is None:
        return f"Remove {who}"
    return f"Switch off {who} until {until.astimezone(zone_of(server.course)):%Y-%m-%d}"


def refusals(server: Server, seen: Survey, names: Sequence[str]) -> dict[str, str]:
    """Of these names those that must not, or cannot, be removed, each with the reason."""
    ground = Ground(server, seen)
    found = {name: ground.refusal(name) for name in names if not _half_gone(seen, name)}
    return {name: why for name, why in found.items() if why}


def retire_chains(server: Server, plan: Plan) -> list[Chain]:
    """A chain for each leaver; the last one forgets the names and writes the receipt."""
    found = leavers(plan)
    chains = [_chain(server, plan, subject) for subject in found]
    closes = len(found) < len(plan.subjects)
    return [*chains, closing_chain(server, plan)] if closes else chains


def _chain(server: Server, plan: Plan, subject: Leaver) -> Chain:
    how = kept.keeping(plan)
    noted = partial(Noted, server, subject, how)
    chain: list[Step] = [
        steps.Check(server, subject, plan.id),
        steps.NoteLeaving(server, subject, _note(server, plan, subject)),
        *(steps.LogInOff(server, subject, one) for one in subject.authorised),
        steps.AskToStop(server, subject),
        steps.Lock(server, subject),
        Fence(server, subject, how),
        steps.EndAll(server, subject),
    ]
    if not plan.params["until"]:
        chain += [
            noted(Archive(server, subject, how)),
            SweepStrays(server, subject, how),
            noted(RemoveHome(server, subject, how)),
            noted(ending.RemoveAccount(server, subject)),
            noted(ending.RemoveGroup(server, subject)),
            noted(steps.DeleteHubUser(server, subject)),
            noted(ending.RosterOut(server, subject)),
            noted(ending.RetireUid(server, subject)),
            ending.Farewell(server, subject, how),
        ]
    return Chain(subject=subject.key, steps=chain, uid=subject.uid, notes=_notes(server, subject))


def _note(server: Server, plan: Plan, subject: Leaver) -> Leaving:
    """For leaving.json. What was so before it was switched off the first time stays noted."""
    before = leaving.read_leaving(server.state).get(subject.name)
    known = before is not None and before.uid == subject.uid
    return Leaving(
        name=subject.name,
        uid=subject.uid,
        since=before.since if before is not None and known else plan.at,
        until=plan.params["until"] or plan.at,
        run=plan.id,
        keep_days=plan.params["keep_days"],
        archive=plan.params["archive"],
        authorised=subject.authorised,
        was_locked=subject.was_locked,
        expires=subject.expires,
    )


def _notes(server: Server, subject: Leaver) -> list[str]:
    notes = []
    if subject.inode == 0:
        record = kept.read(server.state, subject.uid)
        is_kept = record is not None and any(one.what == "home" for one in record.archives)
        notes.append("its home is archived and gone already" if is_kept else "there is no home")
    if subject.server:
        notes.append("its server runs: what is not saved there is lost")
    return notes


def _half_gone(seen: Survey, name: str) -> bool:
    """Whether its removal was begun, and the account is gone already."""
    entry = seen.leaving.get(name)
    return (
        entry is not None
        and name not in seen.accounts.by_name
        and entry.uid not in seen.accounts.by_uid
    )


def _leaver(
    server: Server, seen: Survey, shadow: dict[str, Shadow], serving: set[int], name: str
) -> Leaver:
    if _half_gone(seen, name):
        return _as_before(server, seen.leaving[name])
    account = seen.accounts.by_name[name]
    entry = seen.leaving.get(name)
    if entry is not None and entry.uid != account.uid:
        entry = None
    rows = [sign_up for sign_up in seen.sign_ups if sign_up.name == name]
    now = tuple(WasAuthorised(id=s.id, digest=s.digest) for s in rows if s.authorised)
    line = shadow.get(name)
    device, inode = either(server, account)
    return Leaver(
        key=name,
        name=name,
        uid=account.uid,
        gid=account.gid,
        home=str(account.home),
        device=device,
        inode=inode,
        sign_ups=tuple(WasAuthorised(id=s.id, digest=s.digest) for s in rows),
        authorised=tuple(dict.fromkeys((*(entry.authorised if entry else ()), *now))),
        hub_user=name in seen.users,
        was_locked=entry.was_locked if entry else line is not None and line.locked,
        expires=entry.expires if entry else line.expires if line else "",
        leaving=entry.run if entry else "",
        server=account.uid in serving,
    )


def _as_before(server: Server, entry: Leaving) -> Leaver:
    """Who it was, from the plan that began to remove it. Raises Refused where that is gone."""
    try:
        before = plans.load(server.state, entry.run)
    except HubtuiError as e:
        raise Refused(f"{shown(entry.name)} is half removed, and its plan is gone: {e}") from e
    for each in before.subjects:
        if (each.get("name"), each.get("uid")) == (entry.name, entry.uid):
            leaver = msgspec.structs.replace(typed.convert(each, Leaver), leaving=entry.run)
            if is_nowhere(server, leaver):  # in an archive of the earlier run
                leaver = msgspec.structs.replace(leaver, device=0, inode=0)
            return leaver
    raise Refused(f"{shown(entry.name)} is half removed, and plan {before.id} does not name it.")


def _measured(server: Server, found: Sequence[Leaver]) -> list[Leaver]:
    """The same with the files and bytes of their homes, as far as du can tell."""
    homes = {one.uid: home for one in found if (home := home_of(server, one)) is not None}
    counts = sizes.count(server.run, list(homes.values())) if homes else {}
    measured = []
    for one in found:
        files, size = counts.get(homes.get(one.uid, Path()), (None, None))
        measured.append(msgspec.structs.replace(one, files=files, bytes=size))
    return measured
