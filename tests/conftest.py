"""What all tests share: stories and attacks run in the sandbox only, on a fresh machine each."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubtui.demo.hub import EmbeddedHub
from tests.sandboxed import WHY_NOT, Machine, in_sandbox
from tests.systemd_rig import NoSystemd, Systemd, booted

HERE = Path(__file__).parent
SANDBOXED = (HERE / "stories", HERE / "attacks")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Outside the sandbox, what would change the machine is skipped and says so.

    What uses the running hub comes last: ``init`` and ``doctor`` find a hub by its process, and
    the tests of a server without one have to come before it is started.
    """
    items.sort(key=lambda item: "hub" in getattr(item, "fixturenames", ()))
    if in_sandbox():
        return
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in SANDBOXED):
            item.add_marker(pytest.mark.skip(reason=WHY_NOT))


@pytest.fixture(scope="session")
def _machine() -> Machine:
    return Machine()


@pytest.fixture
def machine(_machine: Machine) -> Machine:
    """A fresh machine."""
    _machine.restore()
    return _machine


@pytest.fixture(scope="session")
def hub(_machine: Machine) -> Iterator[EmbeddedHub]:
    """A real hub, started once for all tests; each uses names of its own."""
    pytest.importorskip("jupyterhub", reason="JupyterHub is missing: install hubtui[demo]")
    embedded = EmbeddedHub(Path("/srv/jupyterhub"))
    embedded.start()
    try:
        embedded.wait_until_up(90)
        yield embedded
    finally:
        embedded.stop()


@pytest.fixture(scope="module")
def systemd(_machine: Machine) -> Iterator[Systemd]:
    """A real systemd, booted once for the tests of a file; skipped where it cannot run."""
    shutil.rmtree("/var/log/journal", ignore_errors=True)  # of the machine before
    with contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(booted())
        except NoSystemd as e:
            pytest.skip(str(e))
        yield running
