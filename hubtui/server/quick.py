"""Programs that only look, asked without ``sh``: for those who are over in a fifth of a second.

One that does not answer in time is killed and left behind: what waits for a dead disk ends only
when that answers, and waiting for it would keep us waiting as well.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from hubtui.errors import CommandFailed
from hubtui.server.run import ENVIRONMENT, Result


class Asked:
    """A program at work."""

    def __init__(self, argv: Sequence[str]) -> None:
        """Start it. Raises CommandFailed where it is not installed."""
        self.argv = tuple(argv)
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        except FileNotFoundError:
            raise CommandFailed(f"{argv[0]} is not installed on this server.") from None

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def answer(self, timeout: float) -> Result | None:
        """What it says; None, and it is told to end, where that takes longer."""
        try:
            out, err = self._process.communicate(timeout=max(0.0, timeout))
        except subprocess.TimeoutExpired:
            self._process.kill()
            return None
        code = self._process.returncode
        return Result(
            self.argv, code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
        )


def run(
    argv: Sequence[str],
    *,
    timeout: float = 60.0,
    stdin: str | None = None,
    hold: int | None = None,
) -> Result:
    """As ``run.run``, for a program that is told nothing and changes nothing. Raises
    CommandFailed."""
    assert stdin is None
    assert hold is None
    found = Asked(argv).answer(timeout)
    if found is None:
        raise CommandFailed(f"{argv[0]} took longer than {timeout:.0f} s.")
    return found
