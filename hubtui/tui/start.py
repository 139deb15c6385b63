"""From the program's options to the running app; errors are one sentence on a clean terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping


def start(options: Mapping[str, str], curtain_down: Callable[[], None]) -> int:
    """Load the course, run the app; returns the exit code."""
    from hubtui import course
    from hubtui.errors import HubtuiError
    from hubtui.server import server_of

    try:
        config_file = course.find(options.get("--config"), os.environ)
        server = server_of(course.load(config_file))
        from hubtui.tui.app import run_app

        return run_app(
            server,
            config_file.absolute(),
            pane=options["pane"],
            read_only="--read-only" in options,
            mouse="--no-mouse" not in options,
        )
    except HubtuiError as e:
        curtain_down()
        sys.stderr.write(f"hubtui: {e}\n")
        return e.exit_code
    except BaseException:
        curtain_down()
        raise
