"""One check of the watchdog as the timer makes it, beside an import and beside a script with curl.

The script asks what the check asks, and does nothing else: no uid of who answers, no memory of the
look before, no log. It is what the cheapest imaginable check costs.

It is measured in a network of its own, whose table of connections has the size that the kernel
gives a machine with 4 GB: to see who listens, the check reads all of it, and on a large machine
that alone takes a third of its time. Before Linux 6.1 it has the size that the machine's has.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.bench.figure import Figure
from tests.bench.once import Once, compare
from tests.sandboxed import Machine
from tests.watched import Watched, watched

RUNS = 15
IMPORT = [sys.executable, "-I", "-c", "import http.client, ssl, json"]
CHECK = [sys.executable, "-I", "-m", "hubtui", "watchdog", "check"]
SCRIPT = """\
#!/bin/bash
for url in "$@"; do
  code=$(curl --silent --location --max-time 10 -o /dev/null --write-out '%{http_code}' "$url")
  if [ "$code" != 200 ]; then
    echo "$(date -Im): $code"
  fi
done
"""
_NETWORK = """
{ echo 32768 >/proc/sys/net/ipv4/tcp_child_ehash_entries; } 2>/dev/null
exec unshare --net sh -c 'ip link set lo up && exec "$@"' sh "$@"
"""


def checks() -> Iterator[Figure]:
    """Of a hub that is well: one look, and nothing to write but the live state."""
    said = in_small_network("tests.bench.watchdog")
    check, plain, script = msgspec.json.decode(said, type=tuple[Once, Once, Once])
    yield Figure("watchdog check / import http.client, ssl, json", check.ms / plain.ms, 3)
    yield Figure("watchdog check / a script with curl", check.ms / script.ms, None)
    yield Figure("watchdog check, MB (beside the import)", check.mb, 30, plain.mb)


def in_small_network(module: str) -> bytes:
    """What the module says when it runs there."""
    apart = ["unshare", "--net", "sh", "-c", _NETWORK, "sh", sys.executable, "-m", module]
    return subprocess.run(apart, stdout=subprocess.PIPE, check=True).stdout


def measure(course: Watched) -> tuple[Once, Once, Once]:
    """The check, the import, the script."""
    hub = course.hub
    script = Path("/root/ask.sh")
    script.write_text(SCRIPT)
    root = hub.api.removesuffix("/api")
    asked = [f"{root}/health", f"{hub.url}/_chp_healthz", f"{hub.url}/hub/login", hub.url]
    check, plain, bash = compare(RUNS, CHECK, IMPORT, ["bash", str(script), *asked])
    assert course.now.verdict == "up", course.now.text
    return check, plain, bash


if __name__ == "__main__":
    with watched(Machine()) as found:
        sys.stdout.buffer.write(msgspec.json.encode(measure(found)))
