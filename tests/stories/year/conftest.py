"""What the stories of a year share: one real hub, and a course at it that is new for each test."""

from __future__ import annotations

import pytest

from hubtui.demo.hub import EmbeddedHub
from tests.sandboxed import Machine
from tests.yearly import Year, YearsHub


@pytest.fixture(scope="session")
def years_hub(hub: EmbeddedHub) -> YearsHub:
    """Started once; only these stories have it."""
    return YearsHub(hub)


@pytest.fixture
def year(years_hub: YearsHub, _machine: Machine) -> Year:
    """A course without anybody, at a hub that knows nobody."""
    years_hub.sweep()
    _machine.restore()
    return Year.begun(years_hub.hub)
