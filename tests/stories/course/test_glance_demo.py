"""The demo's course, right after it was set up: nothing but homes needs somebody."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.glances import OF_THE_MACHINE

pytestmark = pytest.mark.hub
LOOK = """
until [ -e /run/hubtui/now.json ] && [ -e /var/lib/hubtui/due.json ]; do sleep 0.2; done
"$1" -P -m hubtui --config "$2" status --json >/root/glance.json || true
"""
PLAY = """
import sys
from pathlib import Path
from hubtui.demo.show import run
sys.exit(run(Path(sys.argv[1]), True, True, class_size=4, app=sys.argv[2:]))
"""


def test_the_demo_is_well_from_its_first_minute_on(tmp_path: Path) -> None:
    place = tmp_path / "demo"
    app = ["sh", "-c", LOOK, "sh", sys.executable, "{config}"]
    subprocess.run([sys.executable, "-c", PLAY, str(place), *app], check=True, timeout=110)
    seen = json.loads((place / "root/glance.json").read_text())
    bad = {each["id"]: each["text"] for each in seen["findings"] if each["severity"] != "note"}
    left = bad.pop("students.drift")
    assert left.endswith("5 × home open to others (0755), 1 × home without an account.")
    assert bad.keys() <= OF_THE_MACHINE
    assert seen["missing"] == []
