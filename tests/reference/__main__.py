"""``python -m tests.reference [--check]``: write them, or say which are not what the code says."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from hubtui.cli.manual import manual
from tests.reference import course, listings

DOCS = Path(__file__).parents[2] / "docs"
MADE: Mapping[str, Callable[[], str]] = {
    "hubtui.1": manual,
    "reference-course.md": course.page,
    "reference-json.md": listings.page,
}


def main(*, check: bool) -> int:
    """1 where one differs from what is in docs/, and only looked at."""
    others = [name for name, make in MADE.items() if _is_another(DOCS / name, make())]
    for name in others:
        if check:
            sys.stderr.write(f"docs/{name} is not what the code says: bin/docs\n")
        else:
            (DOCS / name).write_text(MADE[name](), encoding="utf-8")
            sys.stdout.write(f"docs/{name}\n")
    return int(check and bool(others))


def _is_another(path: Path, text: str) -> bool:
    return not path.exists() or path.read_text(encoding="utf-8") != text


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
