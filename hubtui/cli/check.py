"""hubtui watchdog check: what the timer runs each minute. Without click, which takes as long as
the check itself.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

from hubtui.cli import plain
from hubtui.names import shown


def config_of(argv: Sequence[str]) -> str | None:
    """The --config of ``watchdog check``; empty without one. None: this is another command."""
    config, said = plain.split(argv)
    return config or "" if said == ["watchdog", "check"] else None


def main(config: str) -> int:
    """Check once; returns the exit code: 0, whatever was found, if it could be looked at."""
    # Looking for garbage would take a tenth of a process that is over after a tenth of a second.
    gc.disable()
    from hubtui import course
    from hubtui.errors import HubtuiError
    from hubtui.server import server_of
    from hubtui.watchdog.check import check

    try:
        if os.geteuid() != 0:
            return _say("The check needs root: sudo hubtui watchdog check", 1)
        report = check(server_of(course.load(course.find(config or None, os.environ))))
    except HubtuiError as e:
        return _say(str(e), e.exit_code)
    except Exception as e:  # a timer's log gets one line, whatever it is
        return _say(f"the check broke off: {type(e).__name__}: {shown(str(e), 200)}", 1)
    if report is None:
        return 0
    if report.news:
        sys.stdout.write(f"{report.now.state}: {report.news}\n")
    for trouble in report.troubles:
        _say(trouble, 0)
    return 0


def _say(sentence: str, code: int) -> int:
    sys.stderr.write(f"hubtui: {sentence}\n")
    return code
