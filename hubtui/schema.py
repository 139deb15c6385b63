"""From a tree of texts to a record, with sentences that a course's admin can act on.

The records' own types are the rules; the description in a field's `Meta` says what is expected
there, for the sentences here and for the reference of course.yaml alike.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import FieldInfo, fields

from hubtui import typed
from hubtui.errors import ConfigError
from hubtui.names import shown
from hubtui.yamlfile import Place, Value, Written, dotted

Record = TypeVar("Record", bound=Struct)
_PART = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")


class Trouble(NamedTuple):
    """One thing wrong: `place` is looked up for its line, `text` goes behind it."""

    place: Place
    text: str


def fit(
    written: Written,
    record: type[Record],
    file: str,
    *,
    made: Callable[[type, Any], Any],
    hidden: frozenset[str] = frozenset(),
) -> Record:
    """`written` as a `record`. `made` turns text into the types that msgspec does not know;
    `hidden` are fields of the topmost record that are no keys.

    Raises ConfigError with the first thing that is wrong, from the top of the file.
    """
    sieve = _Sieve(record, hidden)
    tree = sieve.keep(written.tree, record, ())
    troubles = sieve.troubles(written)
    try:
        result = typed.convert(tree, record, strict=False, dec_hook=made)
    except msgspec.ValidationError as error:
        said, _, where = str(error).partition(" - at `$")
        place = _place(where)
        if not (missing := re.search(r"required field `(.+)`", said)):
            troubles.append(wrong(written, record, place))
        elif not troubles:  # else: what is misspelt is missing as well, and its sentence helps more
            place = (*place, missing[1])
            text = f"{dotted(place)} is missing; {_expected(record, place)}"
            troubles.append(Trouble(place, text))
    if troubles:
        raise sentence(written, file, troubles)
    return result


def sentence(written: Written, file: str, troubles: list[Trouble]) -> ConfigError:
    """The trouble that stands first in the file."""
    first = min(troubles, key=lambda trouble: line(written, trouble.place))
    return ConfigError(f"{file}, line {line(written, first.place)}: {first.text}")


def line(written: Written, place: Place) -> int:
    """The line of `place`; of the section around it where it is not in the file."""
    while place and place not in written.lines:
        place = place[:-1]
    return written.lines.get(place, 1)


def section(hint: Any, *, inside: bool = False) -> type[Struct] | None:
    """The record that is written as a section where the type is ``hint``; ``inside``: as a row of
    the list there."""
    return _record(_inside(hint, 0)) if inside else _record(hint)


def expected(record: type[Struct], place: Sequence[FieldInfo]) -> str:
    """What is expected in a field, in words; empty for a section of its own."""
    hint: Any = place[-1].type
    return "" if _record(hint) else _description(hint) or ""


def wrong(
    written: Written, record: type[Struct], place: Place, expected: str | None = None
) -> Trouble:
    """What stands at `place`, and what was expected there: `expected`, else by its type."""
    found: Value = written.tree
    for part in place:
        found = found[part]  # type: ignore[index]
    words = _expected(record, place) if expected is None else f"expected {expected}"
    return Trouble(place, f"{dotted(place)} is {_in_words(found)}; {words}")


def _in_words(found: Value) -> str:
    match found:
        case str() if found:
            return f'"{shown(found, 60)}"'
        case list() if found:
            return "a list"
        case dict() if found:
            return "a section"
        case _:
            return "empty"


# --- walking the types --------------------------------------------------------------------------


@cache
def _fields(record: type[Struct]) -> tuple[FieldInfo, ...]:
    return fields(record)  # evaluates each annotation anew: 0.5 ms a record


def _bare(hint: Any) -> Iterator[Any]:
    """The types that `hint` allows, without Annotated and unions."""
    if get_origin(hint) is Annotated:
        yield from _bare(get_args(hint)[0])
    elif get_origin(hint) in (Union, types.UnionType):
        for one in get_args(hint):
            yield from _bare(one)
    else:
        yield hint


def _record(hint: Any) -> type[Struct] | None:
    """The record that is written as a section of its own."""
    for one in _bare(hint):
        if isinstance(one, type) and issubclass(one, Struct) and not hasattr(one, "parse"):
            return one
    return None


def _parse(hint: Any) -> Callable[[str], Struct | None] | None:
    """How to read the record that is written as one text, such as 20000-29999."""
    return next((one.parse for one in _bare(hint) if hasattr(one, "parse")), None)


def _inside(hint: Any, part: str | int) -> Any:
    """The type of what stands under `part` in a value of type `hint`, or None."""
    if isinstance(part, str) and (record := _record(hint)):
        return next((f.type for f in _fields(record) if f.encode_name == part), None)
    for one in _bare(hint):
        arguments = get_args(one)
        if get_origin(one) in ((list, tuple) if isinstance(part, int) else (dict,)):
            return arguments[0] if isinstance(part, int) else arguments[1]
    return None


def _expected(record: type[Struct], place: Place) -> str:
    hint: Any = record
    words = ""
    for part in place:
        hint = _inside(hint, part)
        words = _description(hint) or words  # the nearest: msgspec names no key below limits
    return f"expected {words}" if words else "look at the commented example"


def _description(hint: Any) -> str | None:
    if get_origin(hint) is Annotated:
        # The last one is the field's own, those before it belong to the type it is made of.
        for meta in reversed(get_args(hint)[1:]):
            if isinstance(meta, Meta) and meta.description:
                return meta.description
    if get_origin(hint) in (Annotated, Union, types.UnionType):
        for one in get_args(hint):
            if words := _description(one):
                return words
    if record := _record(hint):
        keys = ", ".join(f.encode_name for f in _fields(record))
        return f"a section with keys such as {keys}"
    return None


def _keys(record: type[Struct], hidden: frozenset[str]) -> Iterator[Place]:
    for field in _fields(record):
        if field.encode_name in hidden:
            continue
        yield (field.encode_name,)
        if section := _record(field.type):
            for key in _keys(section, frozenset()):
                yield (field.encode_name, *key)


# --- what msgspec would say less well -----------------------------------------------------------


class _Sieve:
    """Takes unknown and empty keys out of a tree, and says what is to be done about them."""

    def __init__(self, record: type[Struct], hidden: frozenset[str]) -> None:
        self._record = record
        self._hidden = hidden
        self._unknown: list[tuple[Place, type[Struct]]] = []
        self._empty: list[Trouble] = []

    def troubles(self, written: Written) -> list[Trouble]:
        if not self._unknown:
            return self._empty
        place, section = min(self._unknown, key=lambda unknown: line(written, unknown[0]))
        others = len(self._unknown) - 1
        more = f" (and {others} more unknown)" if others else ""
        return [Trouble(place, self._hint(place, section) + more), *self._empty]

    def keep(self, value: Value, hint: Any, place: Place) -> Any:
        if parse := _parse(hint):
            # What it cannot read becomes a text that no record can be made from.
            return (parse(value) if isinstance(value, str) else None) or ""
        if isinstance(value, list):
            return [self.keep(one, _inside(hint, at), (*place, at)) for at, one in enumerate(value)]
        if not isinstance(value, dict):
            return value
        section = _record(hint)
        kept: dict[str, Any] = {}
        for key, one in value.items():
            here, inner = (*place, key), _inside(hint, key)
            if section and (inner is None or here in {(name,) for name in self._hidden}):
                self._unknown.append((here, section))
            elif one is None or one == {}:
                text = f"{dotted(here)} is empty; {_expected(self._record, here)}"
                self._empty.append(Trouble(here, text))
            else:
                kept[key] = self.keep(one, inner, here)
        return kept

    def _hint(self, place: Place, section: type[Struct]) -> str:
        import difflib

        *above, key = place
        says = f"{dotted(place)} is not a key hubtui knows"
        keys = list(_keys(self._record, self._hidden))
        for known in keys:
            if known[-1] == key and len(known) == 1:
                return f"{says}; {key} stands at the left margin, in no section"
            if known[-1] == key:
                return f"{says}; it belongs below {dotted(known[:-1])}: {dotted(known)}"
        beside = [
            f.encode_name for f in _fields(section) if above or f.encode_name not in self._hidden
        ]
        if near := difflib.get_close_matches(str(key)[:60], beside, n=1):
            return f"{says}; did you mean {dotted((*above, near[0]))}?"
        everywhere = {str(known[-1]): known for known in keys}
        if near := difflib.get_close_matches(str(key)[:60], everywhere, n=1, cutoff=0.75):
            return f"{says}; did you mean {dotted(everywhere[near[0]])}?"
        return f"{says}; known here: {', '.join(beside)}"


def _place(where: str) -> Place:
    """``.exam.dates[0].to``, as msgspec writes it, as a place."""
    place: list[str | int] = []
    for name, number in _PART.findall(where.rstrip("`")):
        if name:
            place.append(name)
        elif number:
            place.append(int(number))
        else:
            break  # [...]: somewhere in a mapping
    return tuple(place)
