"""The budget is kept. Not part of bin/test: it measures time, and a busy machine has none."""

from __future__ import annotations

import pytest

from tests.bench.figures import figures
from tests.sandboxed import in_sandbox

WHY_NOT = "measures for minutes, as root in the sandbox: run bin/bench"


@pytest.mark.skipif(not in_sandbox(), reason=WHY_NOT)
@pytest.mark.timeout(1800)
def test_hubtui_keeps_its_budget() -> None:
    missed = [figure for figure in figures() if not figure.kept]
    assert not missed
