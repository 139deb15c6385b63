"""``hubtui init``: a course.yaml from what is found here, each value with where it came from."""

from __future__ import annotations

import os
from pathlib import Path

from hubtui.errors import HubtuiError, Refused
from hubtui.names import shown
from hubtui.setup.discover import Found, Server
from hubtui.state import replace_file
from hubtui.trust import SAFE_PLACE

TOKEN = Path("/etc/hubtui/token")


def text_of(found: Server) -> str:
    """The file. What was not found stands in it as a comment that says what to fill in."""
    config = found.config
    lines = [
        "# Written by `hubtui init` from what was found on this server. Read it once; then:",
        "#   hubtui doctor",
        "course: My course                  # the name that the screen shows",
        "hub:",
        *_line("url", found.url, "https://jupyter.example.org", must=True),
        *_line("api", found.api, ""),
    ]
    if TOKEN.exists():
        lines += [f"  token_file: {TOKEN}", "  # it is there"]
    else:
        lines += [f"  # token_file: {TOKEN}     # see: hubtui doctor"]
    lines += _line(
        "database", found.database, "sqlite:////srv/jupyterhub/jupyterhub.sqlite", must=True
    )
    if config is not None:
        lines.append(f"  # the hub's configuration: {shown(str(config.path))}")
        lines += [
            f"  # {name} could not be read from line {line}: it is not a plain value"
            for name, line in sorted(config.unread.items())
            if name in ("JupyterHub.db_url", "JupyterHub.hub_bind_url", "JupyterHub.hub_port")
        ]
    lines += [
        "accounts:",
        *_line("group", found.group, "all_user"),
        *_line("homes", found.homes, "/home"),
        *_line("uids", found.uids, "20000-29999"),
        f"  staff: [{', '.join(found.staff)}]",
        "  # admins of the hub and members of sudo, adm: never changed or removed. Add the tutors.",
        *_line("roster", found.roster, "/root/resources/accounts.txt"),
    ]
    if found.logs.value:
        lines += ["watchdog:", *_line("logs", found.logs, "")]
    return "\n".join(lines) + "\n"


def _line(key: str, found: Found, example: str, *, must: bool = False) -> list[str]:
    if found.value is not None:
        return [f"  {key}: {shown(found.value)}", f"  # {shown(found.where)}"]
    comment = f"  # {shown(found.where)}: fill this in"
    return [f"  {key}: {example}", comment] if must else [f"  # {key}: {example}", comment]


def write(path: Path, text: str) -> None:
    """Write the file as root alone may. Raises Refused where there is one already."""
    if os.path.lexists(path):
        raise Refused(f"{path} exists; hubtui init never overwrites. Look: hubtui init --print")
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if path == SAFE_PLACE:
            path.parent.chmod(0o755)
        replace_file(path, text.encode(), mode=0o644)
    except OSError as e:
        raise HubtuiError(f"{path} cannot be written: {e.strerror}.") from e


def summary(found: Server) -> list[str]:
    """What was taken for what, to be read by a person."""
    names = ", ".join(found.students[:12]) + (" …" if len(found.students) > 12 else "")
    staff = ", ".join(found.staff) or "nobody"
    return [
        f"Course accounts: {len(found.students)}{': ' + names if names else ''}",
        f"Staff, never changed: {staff}",
        f"Sign-ups in the hub's database: {len(found.sign_ups)}",
    ]
