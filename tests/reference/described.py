"""The fields of a record with the sentences that stand below them, and their types in words."""

from __future__ import annotations

import ast
import enum
import inspect
import textwrap
import types
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from msgspec import Struct
from msgspec.structs import FieldInfo, fields

_PLAIN = {str: "text", int: "number", float: "number", bool: "true or false", object: "any"}
_LISTS = (list, tuple, frozenset, set)


def fields_of(record: type[Struct]) -> tuple[FieldInfo, ...]:
    """In their order."""
    return fields(record)


@cache
def words_of(record: type) -> Mapping[str, str]:
    """Each field's docstring: the text that stands below it in the source, as one line."""
    found: dict[str, str] = {}
    for base in reversed(record.__mro__):
        if base.__module__.startswith("hubtui"):
            found |= _below(base)
    return found


def first_line(record: type) -> str:
    """What the record is."""
    return (inspect.getdoc(record) or "").partition("\n\n")[0].replace("\n", " ").replace("``", "`")


def in_words(hint: Any) -> str:
    """``text or null``; ``list of number``."""
    if get_origin(hint) is Annotated:
        return in_words(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(in_words(one) for one in get_args(hint)))
    if get_origin(hint) is Literal:
        return ", ".join(f"`{one}`" for one in get_args(hint))
    if get_origin(hint) in _LISTS:
        inner = [one for one in get_args(hint) if one is not Ellipsis]
        return f"list of {', '.join(dict.fromkeys(in_words(one) for one in inner))}"
    if get_origin(hint) is dict or str(get_origin(hint)).endswith("Mapping'>"):
        return f"object of {in_words(get_args(hint)[1])}"
    return _plain(hint)


def _plain(hint: Any) -> str:
    if hint in (None, type(None)):
        return "null"
    if hint is datetime:
        return "time"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return ", ".join(f"`{one.value}`" for one in hint)
    if isinstance(hint, type) and issubclass(hint, Struct):
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    return _PLAIN.get(hint, "text")


def _below(record: type) -> dict[str, str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(record))).body[0]
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for field, after in zip(tree.body, tree.body[1:], strict=False):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            found[field.target.id] = " ".join(str(after.value.value).split()).replace("``", "`")
    return found
