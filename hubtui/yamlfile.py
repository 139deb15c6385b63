"""YAML text as it is written: every scalar stays text, every key knows its line.

PyYAML's own constructors read ``10:30`` as 630 and ``no`` as False, and let a second key of the
same name win. So its parser's events are read here instead, in one walk that builds dicts, lists
and texts and refuses what a person would not expect in a file of settings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TypeAlias

import yaml
from msgspec import Struct

from hubtui.errors import ConfigError
from hubtui.names import shown

Value: TypeAlias = "str | list[Value] | dict[str, Value] | None"  # None: nothing was written
Place: TypeAlias = tuple[str | int, ...]  # ("exam", "dates", 0, "from")

LONGEST = 4096  # characters of one value; a path has no more
_DEEPEST = 20
_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
_UNWRITABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLAIN = re.compile(r"[A-Za-z0-9/][A-Za-z0-9 _./:@+-]*(?<![ :])")
_TAB = re.compile(r"^ *\t", re.MULTILINE)
# libyaml where the wheel has it (ten times as fast); the same parser in Python where it has not.
_Loader: type[yaml.CSafeLoader | yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Written(Struct, frozen=True, kw_only=True):
    """What a file says, and in which line each place of it begins."""

    tree: dict[str, Value]
    lines: dict[Place, int]


def dotted(place: Place) -> str:
    """``exam.dates[0].from``, safe to show; the number is the position in the list, from 0."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return shown(text.removeprefix("."), 60)


def scalar(text: str) -> str:
    """A text as one value in a file of ours; JSON's strings are YAML's as well."""
    plain = _PLAIN.fullmatch(text) and ": " not in text and text not in _NOTHING
    return text if plain else json.dumps(text)


def parse(data: bytes, file: str) -> Written:
    """The mapping that `data` holds. `file` is the name to put into sentences, safe to show.

    Raises ConfigError, one sentence with file and line, for whatever is not plain YAML of one
    mapping: broken encoding or syntax, a key twice, anchors, tags, a second document.
    """
    text = _decoded(data, file)
    try:
        return _Walk(file).document(yaml.parse(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = "" if mark is None else f", line {mark.line + 1}, column {mark.column + 1}"
        raise ConfigError(f"{file}{where}: {_in_plain_words(error)}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: not YAML ({shown(str(error), 100)})") from None


def _decoded(data: bytes, file: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = shown(data[error.start : error.start + 1])
        raise ConfigError(
            f"{file}, line {line}: the byte {found} is not UTF-8; save the file as UTF-8"
        ) from None
    if bad := _UNWRITABLE.search(text):
        line = text.count("\n", 0, bad.start()) + 1
        raise ConfigError(
            f"{file}, line {line}: the character {shown(bad[0])} may not stand here; remove it"
        )
    if tab := _TAB.search(text):
        line = text.count("\n", 0, tab.start()) + 1
        raise ConfigError(f"{file}, line {line}: the line begins with a tab; indent with spaces")
    return text


_WORDS = (  # what libyaml and its Python twin say → what an admin understands
    ("mapping values are not allowed", "a colon is not expected here: wrong indentation, or a"
     " text with ': ' that needs quotes"),
    ("cannot start any token", "a value cannot begin with this character; put it in quotes"),
    ("unexpected end of stream", "a quotation mark is opened and never closed"),
    ("document separator", "a quotation mark is opened and never closed"),
    ("',' or ']'", "a list is not closed; a comma or ] is missing"),
    ("',' or '}'", "a section is not closed; a comma or } is missing"),
    ("unknown escape", "in double quotes a backslash is special; use single quotes"),
    ("expected ':'", "a colon and a space are missing after the key"),
    ("node content", "a value is missing, or a bracket or comma is too many"),
    ("did not find expected", "the indentation does not fit the lines above"),
    ("expected <block end>", "the indentation does not fit the lines above"),
)  # fmt: skip


def _in_plain_words(error: yaml.MarkedYAMLError) -> str:
    said = str(error.problem)
    for part, words in _WORDS:
        if part in said:
            return words
    return f"not YAML ({shown(said, 100)})"


class _Walk:
    """One walk over the parser's events; its depth is bounded before Python's stack is."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._lines: dict[Place, int] = {}

    def document(self, events: Iterator[yaml.Event]) -> Written:
        next(events)  # the stream's start
        if isinstance(next(events), yaml.StreamEndEvent):
            raise ConfigError(f"{self._file} is empty; hubtui init writes one from what it finds")
        root = next(events)
        tree = self._value(root, events, ())
        if not isinstance(tree, dict):
            raise self._wrong(root, "the file does not begin with a key such as course:")
        next(events)  # the document's end
        more = next(events)
        if not isinstance(more, yaml.StreamEndEvent):
            raise self._wrong(more, "a second document begins (---); one file holds one course")
        return Written(tree=tree, lines=self._lines)

    def _wrong(self, event: yaml.Event, what: str) -> ConfigError:
        return ConfigError(f"{self._file}, line {_line(event)}: {what}")

    def _value(self, event: yaml.Event, events: Iterator[yaml.Event], place: Place) -> Value:
        self._lines.setdefault(place, _line(event))
        self._refuse_magic(event)
        if len(place) > _DEEPEST:
            raise self._wrong(event, f"more than {_DEEPEST} levels in one another")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, place)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(events, place)
        assert isinstance(event, yaml.ScalarEvent)
        if len(event.value) > LONGEST:
            raise self._wrong(event, f"{dotted(place)} is longer than {LONGEST} characters")
        plain = event.implicit[0]  # without quotes
        return None if plain and event.value in _NOTHING else str(event.value)

    def _refuse_magic(self, event: yaml.Event) -> None:
        if getattr(event, "anchor", None) is not None:
            raise self._wrong(
                event, "& and * have a meaning of their own at this place; put the text in quotes"
            )
        if getattr(event, "tag", None) is not None:
            raise self._wrong(
                event, "! has a meaning of its own at this place; put the text in quotes"
            )

    def _mapping(self, events: Iterator[yaml.Event], place: Place) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self._wrong(event, "a key has to be a single word, as in course: …")
            self._refuse_magic(event)
            key = str(event.value)
            here = (*place, key)
            if key in found:
                first = self._lines[here]
                raise self._wrong(event, f"{dotted(here)} stands in line {first} already; keep one")
            self._lines[here] = _line(event)
            found[key] = self._value(next(events), events, here)
        return found

    def _list(self, events: Iterator[yaml.Event], place: Place) -> list[Value]:
        found: list[Value] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            found.append(self._value(event, events, (*place, len(found))))
        return found


def _line(event: yaml.Event) -> int:
    mark = event.start_mark
    return 1 if mark is None else int(mark.line) + 1
