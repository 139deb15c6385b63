"""docs/reference-course.md: every key of course.yaml.

What is expected and the defaults are the code's (course.py, values.py, limits.py); what a key is
for stands above it in the commented course.yaml, which has to name each of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo

from hubtui import limits, schema
from hubtui.course import Course
from tests.reference.described import fields_of, first_line

EXAMPLE = Path(__file__).parents[2] / "course.yaml"
_NO_KEYS = ("file", "lines")
_KEY = re.compile(r"(?:- )?([a-z_]+):(?:\s+(.*))?")
HEAD = """\
# course.yaml, key by key

Written by `bin/docs` from the code; change it there. [course.yaml](../course.yaml) is an example
to start from, and `hubtui init` writes one for the server that it runs on. A mistake is named with
its file, line and key. Needed are `course`, `hub.database` and `accounts.group`.
"""


def page() -> str:
    """The whole file."""
    said: dict[str, tuple[str, str]] = {}
    for key, (text, example) in _said():
        before = said.get(key, ("", ""))
        said[key] = (before[0] or text, before[1] or example)
    top = [field for field in fields_of(Course) if field.encode_name not in _NO_KEYS]
    lines = [HEAD, "## The course"]
    lines += [_entry((field,), said) for field in top if schema.section(field.type) is None]
    for field in top:
        if (section := schema.section(field.type)) is not None:
            lines += [f"\n## {field.encode_name}", f"{first_line(section)}\n"]
            lines += _section((field,), section, said)
    return "\n".join([*lines, "", *_limits()]) + "\n"


def _section(
    above: tuple[FieldInfo, ...], section: type[Struct], said: dict[str, tuple[str, str]]
) -> Iterator[str]:
    for field in fields_of(section):
        yield _entry((*above, field), said)
        if (row := schema.section(field.type, inside=True)) is not None:
            yield from _section((*above, field), row, said)


def _entry(place: tuple[FieldInfo, ...], said: dict[str, tuple[str, str]]) -> str:
    key = ".".join(field.encode_name for field in place)
    if key not in said:
        raise SystemExit(f"course.yaml, the commented one, does not explain {key}")
    text, example = said[key]
    expected = schema.expected(Course, place)
    facts = [f"Expected: {expected};" if expected else "", f"default: {_default(place[-1])}."]
    shown = f" For example `{place[-1].encode_name}: {example}`" if example else ""
    return f"- **`{key}`** {text}  \n  {' '.join(filter(None, facts))}{shown}"


def _default(field: FieldInfo) -> str:
    if field.required:
        return "none, it is needed"
    value: Any = field.default
    if value is NODEFAULT:
        value = field.default_factory()
    if value in (None, (), {}, ""):
        return "none"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _said() -> Iterator[tuple[str, tuple[str, str]]]:
    """Key → what the comment above it says, and its value; from the commented example."""
    sections = {f.encode_name: schema.section(f.type) for f in fields_of(Course)}
    place, section, above = "", None, list[str]()
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        text = line.strip(" #")
        found = _KEY.fullmatch(text)
        key = found[1] if found else ""
        inside: dict[str, FieldInfo] = {}
        if section is not None:
            inside = {field.encode_name: field for field in fields_of(section)}
        if found and key in inside:
            yield f"{place}.{key}", (_sentences(above), found[2] or "")
            if (row := schema.section(inside[key].type, inside=True)) is not None:
                place, section = f"{place}.{key}", row
            above = []
        elif found and key in sections and key not in _NO_KEYS:
            place, section = key, sections[key]
            yield key, (_sentences(above), found[2] or "")
            above = []
        elif text and line.lstrip().startswith("#"):
            above.append(text)
        elif not text:
            above = []


def _sentences(lines: list[str]) -> str:
    return " ".join(lines)


def _limits() -> Iterator[str]:
    yield "## The numbers of `limits`"
    yield ""
    yield "A warning from the first number on, critical from the second on."
    yield ""
    yield "| name | of what | warning | critical | why |"
    yield "|---|---|---|---|---|"
    for name, limit in limits.KNOWN.items():
        low = "at most" if limit.low else "at least"
        numbers = (f"{low} {value:g} {limit.unit}" for value in (limit.warning, limit.critical))
        yield f"| `{name}` | {limit.what} | {' | '.join(numbers)} | {limit.source} |"
