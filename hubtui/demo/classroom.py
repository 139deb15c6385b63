"""The class of the demo: pseudonyms that sign up over the real form, some awkward, some hostile.

What the form takes was measured: everything but commas, spaces, slashes and the empty name.
"""

from __future__ import annotations

import enum
import random
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import msgspec

from hubtui.demo import form
from hubtui.errors import HubtuiError


class Role(enum.Enum):
    """Why a sign-up is in the class."""

    APPROVED = "signed up before, with an account, already authorised"
    EARLIER = "an account with work in it has this name"
    PREPARED = "an account was made ahead under this name"
    ORDINARY = "an ordinary pseudonym"
    AWKWARD = "a name that cannot be taken as it is, or is easily mistaken"
    HOSTILE = "somebody else's name, or one made to break things"


class Student(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-up to be made."""

    name: str
    role: Role
    password: str
    email: str


APPROVED = ("red-panda", "grey-heron")
EARLIER = ("old-walrus",)
PREPARED = ("white-stork",)
PROBE = "exam-probe"
"""Tries the whole way out before an exam; nobody signs up as it."""
AWKWARD = (
    "blue_fox",  # beside blue-fox
    "grüner-frosch",
    "Golden-Gecko",  # the hub makes it lower-case
    "the-very-hungry-caterpillar-of-room-204",
)
HOSTILE = (
    "root",
    "daemon",
    "tutor",
    "$(id)",
    "[@click=app.quit]free",
    "\N{RIGHT-TO-LEFT OVERRIDE}nimda",
    "lazy-sloth\nroot:x:0:0:::sh",  # a slash would be refused
    "-rf",
)
_FIRST = ("blue-fox", "brown-bear", "silver-otter")
_COLOURS = "amber azure coral green ivory lilac olive ochre pearl plum ruby teal".split()
_ANIMALS = "badger beaver crane dolphin finch hare lynx mole newt owl puffin seal".split()
_AT_ONCE = 8  # sign-ups of the first batch
_PAUSES = (0.8, 2.2)  # seconds between those that follow


def students(size: int, seed: int = 1) -> list[Student]:
    """A class of ``size``, in the order of arrival; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - a shuffle of pseudonyms
    special = len(APPROVED) + len(EARLIER) + len(PREPARED) + len(AWKWARD) + len(HOSTILE)
    ordinary = list(islice(_pseudonyms(chance), max(0, size - special)))
    first = [
        *((name, Role.EARLIER) for name in EARLIER),
        *((name, Role.PREPARED) for name in PREPARED),
        *((name, Role.ORDINARY) for name in ordinary[:6]),
    ]
    later = [
        *((name, Role.ORDINARY) for name in ordinary[6:]),
        *((name, Role.AWKWARD) for name in AWKWARD),
        *((name, Role.HOSTILE) for name in HOSTILE),
    ]
    chance.shuffle(later)
    everyone = [*((name, Role.APPROVED) for name in APPROVED), *first, *later]
    return [_student(name, role) for name, role in everyone[:size]]


def arrive(
    url: str,
    everyone: Sequence[Student],
    *,
    signed_up: Callable[[Student, form.Answer], None],
    leaving: threading.Event,
) -> None:
    """Let them sign up at ``url``: a first batch at once, then one every second or two.

    ``signed_up`` hears the hub's answer to each, and authorises those of the past. Ends early
    when ``leaving`` is set. Raises nothing: a hub that is gone is an answer as well.
    """
    for number, student in enumerate(everyone):
        late = number >= _AT_ONCE
        if leaving.wait(random.uniform(*_PAUSES) if late else 0):  # noqa: S311
            return
        try:
            answer = form.sign_up(url, student.name, student.password, student.email)
        except HubtuiError as error:
            answer = form.Answer(ok=False, text=str(error))
        signed_up(student, answer)


def _pseudonyms(chance: random.Random) -> Iterator[str]:
    pairs = [f"{colour}-{animal}" for colour in _COLOURS for animal in _ANIMALS]
    chance.shuffle(pairs)
    yield from (*_FIRST, *pairs)
    number = 0
    while True:
        number += 1
        yield from (f"{pair}-{number}" for pair in pairs)


def _student(name: str, role: Role) -> Student:
    mail = "".join(letter for letter in name if letter.isascii() and letter.isalnum())[:20]
    return Student(
        name=name,
        role=role,
        password=secrets.token_urlsafe(12),
        email=f"{mail or 'someone'}@students.example",
    )
