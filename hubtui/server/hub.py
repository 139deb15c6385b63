"""Where this course's hub is: its database, the uid that is believed, its API with the token."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from hubtui.course import Course
from hubtui.errors import HubError, HubForeign
from hubtui.server.listeners import expected_uid

if TYPE_CHECKING:
    from hubtui.server.hubapi import HubApi


def database_file(url: str) -> Path:
    """The SQLite file of a database URL. Raises HubForeign for another kind of database."""
    scheme, colon, rest = url.partition("://")
    if not colon:
        return Path(url)
    if scheme.partition("+")[0] != "sqlite":
        raise HubForeign(
            f"hub.database is {scheme}: hubtui reads the sign-ups of SQLite databases only. "
            "Approve them at /hub/authorize in the browser."
        )
    return Path(rest.partition("?")[0][1:])


def uid_of(course: Course) -> int:
    """The uid that the hub's listeners must have."""
    database: Path | None = None
    with contextlib.suppress(HubForeign):
        database = database_file(course.hub.database)
    return expected_uid(course.hub.uid, database)


def api(course: Course) -> HubApi:
    """The hub's API. Raises HubError where the token cannot be read."""
    from hubtui.server.hubapi import HubApi  # the minutely check takes no token along

    token = None
    if course.hub.token_file is not None:
        try:
            token = course.hub.token_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as e:
            why = e.strerror if isinstance(e, OSError) else "it is not plain text"
            raise HubError(
                f"The hub's token {course.hub.token_file} cannot be read: {why}. "
                "What a token is for and how to make one: hubtui doctor"
            ) from None
    return HubApi(url=course.hub.api, uid=uid_of(course), token=token)
