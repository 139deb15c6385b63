"""Each snapshot is taken at both sizes, in one time zone, on no machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hubtui.server import Server
from hubtui.tui.app import HubtuiApp
from tests.snapshots import scenes
from tests.snapshots.showing import SIZES, Before, Compare


@pytest.fixture(autouse=True)
def _same_everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("HUBTUI_DEMO", raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def looks_the_same(
    request: pytest.FixtureRequest, snap_compare: Compare
) -> Callable[[HubtuiApp, Before], bool]:
    """Compares at both sizes."""

    def compare(app: HubtuiApp, before: Before) -> bool:
        return snap_compare(app, run_before=before, terminal_size=request.param)

    return compare


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return scenes.server_on_paper(tmp_path)
