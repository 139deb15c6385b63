"""A year ends: accounts are switched off, brought back, removed; nothing of anybody else's goes."""

from __future__ import annotations

import dataclasses
import os
import pwd
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from hubtui import changes, course
from hubtui.demo.form import log_in, sign_up
from hubtui.demo.hub import EmbeddedHub
from hubtui.errors import Refused
from hubtui.events import Outcome
from hubtui.leaving import read_leaving
from hubtui.plan import plans, runs
from hubtui.plan.plans import Plan
from hubtui.retire.plan import refusals, retire_plan
from hubtui.retire.restore import restore_plan
from hubtui.server import Server, hubdb, server_of
from hubtui.state import write_document
from hubtui.students import survey
from tests.course_on_disk import CONFIG, ROSTER, TEXT, DATABASE, make_course

pytestmark = pytest.mark.hub
PASSWORD = "correct horse battery"


@pytest.fixture
def server(machine: object, hub: EmbeddedHub) -> Server:
    make_course()
    text = TEXT.replace(f"sqlite:///{DATABASE}", hub.database)
    text = text.replace("  url: http://127.0.0.1:8000\n", f"  url: {hub.url}\n  api: {hub.api}\n  token_file: {hub.token_file}\n")
    CONFIG.write_text(text)
    subprocess.run(["groupadd", "--gid", "20000", "--", "all_user"], check=True)
    return server_of(course.load(CONFIG))


def carry_out(server: Server, plan: Plan) -> Outcome:
    plans.save(server.state, plan)
    write_document(runs.record_path(server.state, plan.id), runs.RunRecord(id=plan.id, by=plan.by, at=plan.at))
    outcome = changes.carry_out(server, plan.id)
    if not outcome.good:
        print(runs.events_path(server.state, plan.id).read_text())
    return outcome


def student(hub: EmbeddedHub, name: str, uid: int, *, logged_in: bool = True) -> Path:
    subprocess.run(["useradd", "--uid", str(uid), "--no-user-group", "--gid", "all_user", "--create-home", "--key", "HOME_MODE=0700", "--password", "*", "--", name], check=True)
    with ROSTER.open("a") as file:
        file.write(f"{name}\n")
    assert sign_up(hub.url, name, PASSWORD).ok
    hub.authorise(name)
    if logged_in:
        log_in(hub.url, name, PASSWORD)
    return Path("/home", name)


def test_grace(server: Server, hub: EmbeddedHub) -> None:
    home = student(hub, "anna", 20001)
    before = Path("/etc/shadow").read_text()
    plan = retire_plan(server, survey(server), ["anna"], until=server.clock() + timedelta(days=14))
    for line in changes.preview(server, plan):
        print(line.name, line.notes)
        for s in line.steps:
            print("  ", s.kind, s.done, s.say)
    assert carry_out(server, plan) is Outcome.DONE
    print(Path("/etc/shadow").read_text().splitlines()[-1])
    assert "anna" in read_leaving(server.state)
    back = restore_plan(server, survey(server), ["anna"])
    for line in changes.preview(server, back):
        for s in line.steps:
            print("  ", s.kind, s.done, s.say)
    assert carry_out(server, back) is Outcome.DONE
    assert Path("/etc/shadow").read_text() == before
    assert log_in(hub.url, "anna", PASSWORD)
    full = retire_plan(server, survey(server), ["anna"])
    for line in changes.preview(server, full):
        print(line.name, line.notes)
        for s in line.steps:
            print("  ", s.kind, s.done, s.say)
    assert carry_out(server, full) is Outcome.FAILED
    assert home.exists()
    assert 0
