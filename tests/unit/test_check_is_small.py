"""The minutely check stays small: what a hub that is well does not need is not imported."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

HEAVY = {"textual", "rich", "click", "sh", "psutil", "sqlite3", "subprocess", "asyncio"}
ONE_CHECK = """
import dataclasses, sys
from pathlib import Path
from hubtui import course
from hubtui.cli.check import main
from hubtui.server import server_of
from hubtui.watchdog.check import check

server = server_of(course.load(Path(sys.argv[1]), as_root=False))
report = check(dataclasses.replace(server, live=Path(sys.argv[2])))
print(report.now.verdict, *(name for name in sys.modules if "." not in name))
"""


class Well(http.server.BaseHTTPRequestHandler):
    """A hub that is well, as far as the check asks."""

    def do_GET(self) -> None:
        """Whatever it is."""
        self.send_response(200)
        self.send_header("X-JupyterHub-Version", "5.5.4")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing of it."""


@pytest.fixture
def url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Well) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_good_check_imports_nothing_heavy(url: str, tmp_path: Path) -> None:
    config = tmp_path / "course.yaml"
    config.write_text(
        f"course: Test\nstate_dir: {tmp_path}/state\n"
        f"hub:\n  url: {url}\n  api: {url}/hub/api\n  proxy: {url}\n  uid: {os.getuid()}\n"
        f"  database: sqlite:///{tmp_path}/jupyterhub.sqlite\n"
        f"accounts:\n  group: all_user\n  homes: /home\n  uids: 20000-20999\n"
        f"  roster: {tmp_path}/accounts.txt\n"
    )
    words = [sys.executable, "-I", "-c", ONE_CHECK, str(config), str(tmp_path / "live")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    verdict, *modules = done.stdout.split()
    assert verdict == "up"
    assert HEAVY.intersection(modules) == set()
