"""``hubtui init``: a course.yaml from what is found here, each value with where it came from."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Sequence
from pathlib import Path

from hubtui import course
from hubtui.errors import HubtuiError, Refused
from hubtui.names import shown
from hubtui.reads import reading
from hubtui.setup.answers import Answers, lines_of
from hubtui.setup.discover import Discovery, Found
from hubtui.state import sync_folder
from hubtui.trust import SAFE_PLACE
from hubtui.yamlfile import scalar

TOKEN = Path("/etc/hubtui/token")
NO_ANSWERS = Answers()
_MOST_NAMES = 200
_DATABASE = "sqlite:////srv/jupyterhub/jupyterhub.sqlite"


def text_of(found: Discovery, answers: Answers = NO_ANSWERS) -> str:
    """The file. What was not found stands in it as a comment that says what to fill in."""
    return "\n".join(
        [
            "# Written by `hubtui init` from what was found on this server. Each value says where",
            "# it came from; read it once, then run: hubtui doctor",
            "",
            "# The name that the screen shows.",
            f"course: {scalar(f'Course on {socket.gethostname()}')}",
            "",
            "hub:",
            *_value("url", found.url, "https://jupyter.example.org"),
            *_value("api", found.api),
            *_value("proxy", found.proxy),
            *_token(),
            *_value("database", found.database, _DATABASE, must=True),
            *_config(found),
            *(_value("uid", found.hub_uid) if found.hub_uid.value else []),
            *(_value("log", found.hub_log) if found.hub_log.value else []),
            "",
            "accounts:",
            *_value("group", found.group),
            *_value("homes", found.homes),
            *_value("uids", found.uids, "20000-29999"),
            *_staff(found.staff),
            *_value("roster", found.roster, "/root/resources/accounts.txt"),
            "",
            *_release(found),
            *_watchdog(found.logs),
            "",
            *lines_of(answers),
            "",
        ]
    )


def check_place(path: Path) -> None:
    """Raise Refused where there is something already, or where others could exchange folders."""
    if os.path.lexists(path):
        raise Refused(
            f"{shown(str(path))} exists, and hubtui init never overwrites; "
            "see what it would write with: hubtui init --print"
        )
    if os.geteuid() == 0 and (flaw := reading.flaw_of_rest(path)):
        raise Refused(f"As root hubtui does not write to {shown(str(path))}: {flaw}.")


def write(path: Path, text: str) -> None:
    """Write the whole file or nothing, 0644, never over another one. Raises Refused."""
    folder = path.parent
    temp = folder / f".{path.name}.{secrets.token_hex(4)}"
    try:
        if not folder.exists():
            folder.mkdir(parents=True)
            folder.chmod(0o755)
        fd = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fchmod(fd, 0o644)
                os.fsync(fd)
            os.link(temp, path)  # unlike a rename it fails where there is one meanwhile
        finally:
            temp.unlink()
        sync_folder(folder)
    except FileExistsError:
        raise Refused(f"{shown(str(path))} exists, and is never overwritten.") from None
    except OSError as e:
        raise HubtuiError(f"{shown(str(path))} cannot be written: {e.strerror}.") from e


def summary(found: Discovery, path: Path) -> list[str]:
    """What was taken for what, and what to do next, to be read by a person."""
    staff = [f"{name} ({why})" for name, why in found.staff.items()]
    lines = [
        f"Course accounts: {_listed(found.students)}",
        f"Staff, never changed: {_listed(staff)}",
    ]
    others = [f"{n} ({why})" for n, why in found.left.items() if n not in found.staff]
    if others:
        lines.append(f"In the roster or the group, but no course accounts: {_listed(others)}")
    if found.unseen:
        lines.append(f"Sign-ups and the hub's admins were not looked at: {found.unseen}")
    else:
        lines.append(f"Sign-ups in the hub's database: {len(found.sign_ups)}")
    if found.database.value is None:
        lines.append(f"Fill in hub.database in {shown(str(path))}, without it nothing can be read.")
    try:
        course.load(path)
    except HubtuiError as e:
        lines.append(f"As root it will not be used yet: {e}")
    option = "" if path == SAFE_PLACE else f" --config {shown(str(path))}"
    lines.append(
        f"Next: read the file, add the tutors to accounts.staff, run: hubtui{option} doctor"
    )
    return lines


def _listed(names: Sequence[str]) -> str:
    if not names:
        return "none"
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{len(names)}: {', '.join(map(shown, names[:_MOST_NAMES]))}{more}"


# --- the file's parts ----------------------------------------------------------------------------


def _value(key: str, found: Found, example: str = "", *, must: bool = False) -> list[str]:
    """A comment and the value; without one the example, commented out unless it must be there."""
    where = shown(found.where)
    if found.value is not None and found.value.isprintable():
        return [f"  # {where}", f"  {key}: {scalar(found.value)}"]
    mark = "" if must else "# "
    return [f"  # NOT FOUND ({where}): fill this in", f"  {mark}{key}: {example}"]


def _token() -> list[str]:
    if TOKEN.exists():
        return ["  # it is there", f"  token_file: {TOKEN}"]
    return ["  # there is none yet; hubtui install makes one", f"  # token_file: {TOKEN}"]


def _config(found: Discovery) -> list[str]:
    """Which configuration was read, and what of it could not be."""
    config = found.config
    if config is None:
        return ["  # no configuration of a hub was found: the addresses above are the defaults"]
    path = shown(str(config.path))
    if config.trouble:
        return [f"  # the hub's configuration could not be read: {shown(config.trouble)}"]
    lines = [f"  # read as text, not executed: {path}"]
    lines += [
        f"  # {shown(name)} could not be read from line {line}: no plain value"
        for name, line in sorted(config.unread.items(), key=lambda item: item[1])
        if name.startswith("JupyterHub.") or name.endswith(".admin_users")
    ]
    lines += [f"  # line {line} sets more, or reads another file" for line in config.elsewhere]
    return lines


def _staff(staff: dict[str, str]) -> list[str]:
    why = [f"  #   {name}: {shown(reason)}" for name, reason in staff.items()]
    head = "  # never changed or removed; add the tutors"
    return [head, *why, f"  staff: [{', '.join(map(scalar, staff))}]"]


def _release(found: Discovery) -> list[str]:
    if found.source.value is None or not found.source.value.isprintable():
        return []
    lines = ["release:", *_value("source", found.source)]
    if found.tutors:
        names = ", ".join(map(scalar, found.tutors))
        lines += ["  # the source lies in this home", f"  tutors: [{names}]"]
    return [*lines, ""]


def _watchdog(logs: Found) -> list[str]:
    return ["watchdog:", *_value("logs", logs)] if logs.value else []
