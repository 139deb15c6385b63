"""Each disagreement is found by its name once it is really there, and nothing else is."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from hubtui import drift
from hubtui.students import survey
from tests.course_on_disk import make_course
from tests.drifts import PLANTERS, Ground, Planter


@pytest.fixture
def ground(machine: object) -> Iterator[Ground]:
    """A course without a hub that runs; what is planted on it is gone afterwards."""
    made = make_course()
    subprocess.run(["groupadd", "--gid", "20000", "--", "all_user"], check=True)
    found = Ground(made.server)
    yield found
    found.end()


@pytest.mark.parametrize("planter", PLANTERS, ids=lambda each: each.called)
def test_each_is_found_by_its_name(ground: Ground, planter: Planter) -> None:
    name = planter(ground, "dora")
    found = drift.look(ground.server, survey(ground.server))
    print(planter.called, planter.code, name)
    for one in found.drift:
        print("   ", one.severity, one.key, one.text, "→", one.do)
    print(found.missing)
    assert f"{planter.code}:{name}" in [one.key for one in found.drift]
