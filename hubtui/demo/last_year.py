"""Last year's students in the demo: three are switched off and go soon; of two others something
was forgotten, a home and a line in the roster.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path

from hubtui import changes, course
from hubtui.demo import teaching
from hubtui.errors import HubtuiError
from hubtui.plan import plans, runs
from hubtui.retire.plan import retire_plan
from hubtui.server import Server, server_of
from hubtui.state import write_document
from hubtui.students import survey

LEAVE = ("dusty-dodo", "mellow-moose", "quiet-quail")
HOME_ONLY = "vivid-vole"
LINE_ONLY = "early-bird"
FIRST_UID = 1020
"""Of those who leave; the home that was forgotten has the next one after them."""
_GRACE = timedelta(days=12)


def leave_behind(homes: Path, roster: Path) -> None:
    """A home whose account was removed by hand, and a line of somebody who never came."""
    home, uid = homes / HOME_ONLY, FIRST_UID + len(LEAVE)
    home.mkdir(mode=0o700)
    os.chown(home, uid, uid)
    put_work(home)
    with roster.open("a") as file:
        file.write("".join(f"{name}\n" for name in (*LEAVE, LINE_ONLY)))


def put_work(home: Path) -> None:
    """A notebook, and notes."""
    sheet = b'{"cells": [], "metadata": {}, "nbformat": 4}\n'
    notes = b"What I found in the archive\n"
    teaching.put(home, {"exercises/sheet-1.ipynb": sheet, "notes.txt": notes})


def switch_off(server: Server) -> None:
    """As the admin did at the end of the term: they go in twelve days. Raises HubtuiError."""
    until = server.clock() + _GRACE
    plan = retire_plan(server, survey(server), LEAVE, until=until)
    plans.save(server.state, plan)
    record = runs.RunRecord(id=plan.id, by=plan.by, at=plan.at)
    write_document(runs.record_path(server.state, plan.id), record)
    outcome = changes.carry_out(server, plan.id)
    if not outcome.good:
        raise HubtuiError(f"Last year's students are not switched off: {outcome}.")


def main() -> int:
    """``CONFIG``: in a process of its own, since a run leaves threads behind."""
    try:
        switch_off(server_of(course.load(Path(sys.argv[1]))))
    except HubtuiError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
