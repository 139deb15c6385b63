"""``python -m tests.bench``: hubtui beside a minimal Textual app in one run, against its budget.

Runs in the sandbox: bin/bench
"""

from __future__ import annotations

import sys

from tests.bench.figures import figures
from tests.sandboxed import in_sandbox


def main() -> int:
    """Print the table; 1 where a budget is missed."""
    if not in_sandbox():
        sys.stderr.write("The course that is measured needs a machine of its own: bin/bench\n")
        return 2
    missed = 0
    print(f"{'':<48} {'hubtui':>9} {'minimal':>9} {'budget':>9}")  # noqa: T201
    for figure in figures():
        numbers = (_number(each) for each in (figure.ours, figure.theirs, figure.most))
        missed += not figure.kept
        verdict = "" if figure.kept else "   MISSED"
        print(f"{figure.name:<48}", *numbers, verdict, flush=True)  # noqa: T201
    return int(missed > 0)


def _number(value: float | None) -> str:
    return " " * 9 if value is None else f"{value:>9.2f}"


if __name__ == "__main__":
    sys.exit(main())
