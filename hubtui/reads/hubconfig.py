"""The hub's configuration file, read as text: its literal settings and the lines of the others.

Never imported or executed: it runs as root inside the hub, and may do anything there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from hubtui.errors import Refused
from hubtui.names import shown
from hubtui.reads import reading

_UNREADABLE = (ValueError, TypeError, SyntaxError, RecursionError, MemoryError)
_CHANGERS = frozenset({"add", "update", "append", "extend", "remove", "discard", "insert", "clear"})
_ELSEWHERE = frozenset({"load_subconfig", "exec", "eval", "setattr", "execfile"})
_SHORT = {  # JupyterHub's own aliases, jupyterhub --help
    "ip": "JupyterHub.ip",
    "port": "JupyterHub.port",
    "base-url": "JupyterHub.base_url",
    "url": "JupyterHub.bind_url",
    "db": "JupyterHub.db_url",
}


@dataclass(frozen=True)
class HubConfig:
    """What ``jupyterhub_config.py`` says, and the command line that overrides it."""

    path: Path
    values: dict[str, Any] = field(default_factory=dict)
    """``Authenticator.allow_all`` → True: the last literal assignment of each setting."""
    unread: dict[str, int] = field(default_factory=dict)
    """Settings that are not literals, or that depend on a condition, with their lines."""
    elsewhere: tuple[int, ...] = ()
    """Lines that read other files or set what cannot be seen: the rest may be set there."""
    trouble: str = ""
    """Why nothing could be read, if so: a phrase."""

    def get(self, *names: str) -> Any:
        """The value of the first of these settings that is set, None where none is."""
        return next((self.values[name] for name in names if name in self.values), None)

    def authenticator(self, trait: str) -> Any:
        """A setting of the authenticator; that of the subclass counts before the general one."""
        return self.get(f"NativeAuthenticator.{trait}", f"Authenticator.{trait}")

    def names(self, *settings: str) -> set[str]:
        """The texts in settings that are sets or lists of names."""
        found: set[str] = set()
        for setting in settings:
            value = self.values.get(setting)
            if isinstance(value, set | frozenset | list | tuple):
                found.update(name for name in value if isinstance(name, str))
        return found

    def line_of_unread(self, *names: str) -> int | None:
        """The line of the first of these settings that is there but no literal."""
        return next((self.unread[name] for name in names if name in self.unread), None)


def read_config(
    path: Path, *, also: Iterable[int] = (), arguments: Sequence[str] = ()
) -> HubConfig:
    """Read it; a file that cannot be read or parsed is one with ``trouble``.

    ``also``: uids besides root's that may own it. ``arguments``: the hub's command line.
    """
    try:
        return parse(reading.read(path, also=also), path, arguments)
    except Refused as e:
        return HubConfig(path, trouble=str(e).rstrip("."))
    except OSError as e:
        return HubConfig(path, trouble=f"{shown(str(path))}: {e.strerror or e}")


def parse(source: bytes, path: Path, arguments: Sequence[str] = ()) -> HubConfig:
    """What the text of a configuration says; ``path`` is for the sentences only."""
    try:
        reader = _Reader(ast.parse(source))
    except _UNREADABLE as e:
        line = f", line {e.lineno}" if isinstance(e, SyntaxError) and e.lineno else ""
        return HubConfig(path, trouble=f"{shown(str(path))}{line} is not Python that can be read")
    values, unread = dict(reader.values), dict(reader.unread)
    for name, value in _from_arguments(arguments):
        values[name] = value
        unread.pop(name, None)
    return HubConfig(path, values, unread, tuple(reader.elsewhere))


def _from_arguments(words: Sequence[str]) -> Iterable[tuple[str, Any]]:
    """``--port 9000`` and ``--JupyterHub.hub_port=9001`` of a hub's command line."""
    for word, after in pairwise((*words, "")):
        if not word.startswith("--"):
            continue
        key, equals, value = word[2:].partition("=")
        name = _SHORT.get(key) or (key if key.count(".") == 1 else None)
        if name is None or not (equals or after):
            continue
        text = value if equals else after
        try:
            yield name, ast.literal_eval(text)
        except _UNREADABLE:
            yield name, text


class _Reader:
    """One pass over the statements, in the order in which Python would run them."""

    def __init__(self, tree: ast.Module) -> None:
        self.values: dict[str, Any] = {}
        self.unread: dict[str, int] = {}
        self.elsewhere: list[int] = []
        self._roots = {"c"} | {
            target.id
            for node in tree.body
            if isinstance(node, ast.Assign) and _calls(node.value, {"get_config"})
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        self._block(tree.body, sure=True)

    def _block(self, statements: Iterable[ast.stmt], *, sure: bool) -> None:
        for node in statements:
            self._statement(node, sure=sure)

    def _statement(self, node: ast.stmt, *, sure: bool) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._set(target, value, node.lineno, sure=sure)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._set(target, value, node.lineno, sure=sure)
            case ast.AugAssign(target=target):
                self._changed(target, node.lineno)
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=of, attr=attr))):
                if attr in _CHANGERS:
                    self._changed(of, node.lineno)
            case ast.With(body=body):
                self._block(body, sure=sure)
            case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
                self._block([*body, *orelse, *final], sure=sure)
                for handler in handlers:
                    self._block(handler.body, sure=False)
            case ast.If(body=body, orelse=orelse) | ast.While(body=body, orelse=orelse):
                self._block([*body, *orelse], sure=False)
            case ast.For(body=body, orelse=orelse):
                self._block([*body, *orelse], sure=False)
        if isinstance(node, ast.Expr | ast.For | ast.FunctionDef) and any(
            _calls(inner, _ELSEWHERE) for inner in ast.walk(node)
        ):
            self.elsewhere.append(node.lineno)

    def _set(self, target: ast.expr, value: ast.expr, line: int, *, sure: bool) -> None:
        name = self._setting(target)
        if name is None:
            return
        try:
            found = ast.literal_eval(value)
        except _UNREADABLE:
            sure = False
        if sure:
            self.values[name] = found
            self.unread.pop(name, None)
        else:
            self.values.pop(name, None)
            self.unread[name] = line

    def _changed(self, target: ast.expr, line: int) -> None:
        """``admin_users.add(…)``: what was there before counts, and something is unknown."""
        if (name := self._setting(target)) is not None:
            self.unread[name] = line

    def _setting(self, target: ast.expr) -> str | None:
        """``c.JupyterHub.db_url`` → ``JupyterHub.db_url``."""
        match target:
            case ast.Attribute(
                value=ast.Attribute(value=ast.Name(id=root), attr=owner), attr=trait
            ) if root in self._roots:
                return f"{owner}.{trait}"
        return None


def _calls(node: ast.AST, functions: Iterable[str]) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in frozenset(functions)
    )
