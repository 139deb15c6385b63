"""How this course's hub is reached: its API with the token, believed only from its own uid."""

from __future__ import annotations

import contextlib
from pathlib import Path

from hubtui.course import Course
from hubtui.errors import HubError, HubForeign
from hubtui.server.hubapi import HubApi
from hubtui.server.hubdb import database_file
from hubtui.server.listeners import expected_uid


def uid_of(course: Course) -> int:
    """The uid that the hub's listeners must have."""
    database: Path | None = None
    with contextlib.suppress(HubForeign):
        database = database_file(course.hub.database)
    return expected_uid(course.hub.uid, database)


def api(course: Course) -> HubApi:
    """The hub's API. Raises HubError where the token cannot be read."""
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
