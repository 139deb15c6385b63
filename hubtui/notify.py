"""Calling people: by mail, by a command, or by one webhook; one message an incident.

What was called is remembered in ``state_dir/calls.json``, and where that cannot be written in the
live folder, so that a full disk calls nobody twice. What a way did not take is tried again, ever
more rarely: at least once, and after a kill at the wrong moment twice. No message names a student.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from hubtui.course import Course
from hubtui.errors import HubtuiError, StateError
from hubtui.names import shown
from hubtui.plan.locks import lock
from hubtui.server import Server
from hubtui.state import read_document, write_document
from hubtui.ways import Way, of, reach, words

FILE = "calls.json"
_KEPT = timedelta(days=60)
_TRIES = 8
"""How often a way that fails is tried: after 1, 2, 4, … minutes, for two hours."""
_AT_A_TIME = 3
"""Messages that one pass tries again."""


class Kind(StrEnum):
    """What somebody is called for."""

    DOWN = "down"
    GAVE_UP = "gave up"
    OVER = "over again"
    SILENT = "watchdog silent"
    WAITING = "sign-ups waiting"
    INCOMPLETE = "release incomplete"
    UNFINISHED = "change unfinished"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is said; kind and key together are said once."""

    kind: Kind
    subject: str
    text: str
    key: str
    """Of an incident its id, of a run its id, of what is daily the day."""


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was given to the ways."""

    message: Message
    at: Annotated[datetime, Meta(tz=True)]
    tried: Annotated[datetime, Meta(tz=True)]
    tries: int = 1
    left: tuple[str, ...] = ()
    """The ways that have not taken it yet."""


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """``calls.json``."""

    format: int = 1
    called: dict[str, Called] = {}


# --- who is called ------------------------------------------------------------------------------


def ways(course: Course) -> list[str]:
    """Who is called, and how: ``by mail to admin@example.org``."""
    return list(words(course).values())


def nobody(course: Course) -> bool:
    """Whether nobody is called, whatever happens."""
    return not words(course)


# --- calling ------------------------------------------------------------------------------------


def call(server: Server, message: Message) -> list[str]:
    """Call everybody, once for this kind and key; a sentence for each way that failed.

    Takes ``ways.LIMIT`` seconds at most and raises nothing. Said once more, it is tried again by
    the ways that did not take it. That something is over is only said where somebody was called
    for it.
    """
    found = of(server)
    if not found:
        return []
    at = server.clock()
    with _memory(server) as memory:
        before = memory.called.get(_name(message))
        if before is not None:
            if not _is_due(before, at):
                return []
            found = [way for way in found if way.name in before.left]
            memory.keep(_tried(before, at))
        elif not _is_news(memory.called, message):
            return []
        else:
            if message.kind is Kind.OVER:
                _give_up_older(memory.called, message)
            names = tuple(way.name for way in found)
            memory.keep(Called(message=message, at=at, tried=at, left=names))
    return _send(server, message, found)


def again(server: Server) -> list[str]:
    """Try what a way did not take; a sentence for each that failed once more. Raises nothing."""
    at, found = server.clock(), of(server)
    with _memory(server) as memory:
        todo = [one for one in memory.called.values() if _is_due(one, at)][:_AT_A_TIME]
        for one in todo:
            memory.keep(_tried(one, at))
    troubles = []
    for one in todo:
        troubles += _send(server, one.message, [way for way in found if way.name in one.left])
    return troubles


def test(server: Server) -> list[tuple[str, str]]:
    """Send a test through each way: its words, and what went wrong, empty where it went well."""
    found = of(server)
    subject = f"[{server.course.course}] A test of hubtui"
    said = reach(found, shown(subject, 200), _text(server, _TEST))
    return [(way.words, said[way.name]) for way in found]


_TEST = "This is a test: whoever reads it is called when JupyterHub is down. Nothing is wrong."


def _send(server: Server, message: Message, found: list[Way]) -> list[str]:
    subject = shown(f"[{server.course.course}] {message.subject}", 200)
    said = reach(found, subject, _text(server, message.text))
    left = tuple(name for name, trouble in said.items() if trouble)
    with _memory(server) as memory:
        known = memory.called.get(_name(message))
        if known is not None:
            memory.keep(msgspec.structs.replace(known, left=left))
    return [f"Nobody was called {w.words}: {said[w.name]}" for w in found if said[w.name]]


def _text(server: Server, text: str) -> str:
    where = server.course.hub.url or ""
    return f"{text}\n\nhubtui on {shown(os.uname().nodename, 80)}  {where}".rstrip()


def _is_due(one: Called, at: datetime) -> bool:
    """Whether a way that did not take it is to be tried again; also where the clock went back."""
    wait = timedelta(minutes=2 ** (one.tries - 1))
    return bool(one.left) and one.tries < _TRIES and not timedelta() <= at - one.tried < wait


def _tried(one: Called, at: datetime) -> Called:
    return msgspec.structs.replace(one, tried=at, tries=one.tries + 1)


def _is_news(called: dict[str, Called], message: Message) -> bool:
    if message.kind is Kind.OVER:
        return any(f"{kind} {message.key}" in called for kind in (Kind.DOWN, Kind.GAVE_UP))
    return True


def _give_up_older(called: dict[str, Called], message: Message) -> None:
    """What was not taken yet is old news: the end tells of all of it."""
    for kind in (Kind.DOWN, Kind.GAVE_UP):
        if (older := called.get(f"{kind} {message.key}")) is not None:
            called[_name(older.message)] = msgspec.structs.replace(older, left=())


def _name(message: Message) -> str:
    return f"{message.kind} {message.key}"


# --- remembering --------------------------------------------------------------------------------


class _Memory:
    """What was called. Never raises: a call that is made twice is better than none."""

    def __init__(self, server: Server) -> None:
        self.called: dict[str, Called] = {}
        self._at, self._state, self._live = server.clock(), server.state, server.live
        self._usable = []
        for folder in (server.state, server.live):
            with contextlib.suppress(StateError):
                known = read_document(folder / FILE, Calls)
                self.called |= known.called if known else {}
                self._usable.append(folder)  # a broken one is left as it is

    def keep(self, one: Called) -> None:
        """Remember this, and forget what is old."""
        self.called[_name(one.message)] = one
        recent = {n: c for n, c in self.called.items() if self._at - c.at < _KEPT}
        for folder in self._usable:
            with contextlib.suppress(StateError):
                write_document(folder / FILE, Calls(called=recent))
                if folder != self._live:
                    with contextlib.suppress(OSError):
                        (self._live / FILE).unlink(missing_ok=True)
                return


@contextlib.contextmanager
def _memory(server: Server) -> Iterator[_Memory]:
    """Alone with it where that can be had: the lock is in the live folder, on no full disk."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(HubtuiError, OSError):
            stack.enter_context(lock(server.live, "calls", "a call", patience=5))
        yield _Memory(server)
