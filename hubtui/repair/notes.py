"""What to read before saying yes to a repair: what it does not undo, and what goes on."""

from __future__ import annotations

from collections.abc import Sequence

from hubtui.drift.records import Code
from hubtui.names import shown
from hubtui.repair.records import Repair
from hubtui.retire.records import KEEP_DAYS
from hubtui.server import Server, hubdb


def notes(server: Server, subject: Repair) -> Sequence[str]:
    """Sentences about one repair."""
    who, has_token = shown(subject.name, limit=60), server.course.hub.token_file is not None
    ends = subject.choice == "discard"
    if subject.choice == "archive":
        return [f"The archive is kept for {KEEP_DAYS} days; then hubtui due deletes it."]
    match subject.code:
        case Code.NO_HOME:
            return [f"What {who} had there is gone: only a backup has it. The home begins anew."]
        case Code.NOT_AUTHORISED if not ends:
            return [
                f"A browser of {who} that is still logged in can start the server again: the "
                "choice discard ends that, too."
            ]
        case Code.POWERFUL:
            return [f"What runs as {who} now keeps the group until it ends."]
        case Code.HUB_USER_ALONE | Code.HUB_USER_LETS_IN if _serving(server, subject):
            return [f"A server of {who} runs: it is stopped, and what is not saved is lost."]
    if ends and not has_token:
        return [
            f"Without a token a browser that is logged in as {who} stays so: "
            "sudo hubtui install token"
        ]
    return []


def _serving(server: Server, subject: Repair) -> bool:
    users = hubdb.hub_users(server.course.hub.database)
    return any(user.name == subject.name and user.servers for user in users)
