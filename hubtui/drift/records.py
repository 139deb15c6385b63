"""What a drift is: where two of {sign-up, hub user, account, home, group, roster} disagree."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from hubtui.findings import Severity


class Code(StrEnum):
    """Which disagreement it is. The words are for ``--json`` and scripts, and stay as they are."""

    NO_ACCOUNT = "no-account"
    """An authorised sign-up without a Unix account: its student cannot work."""
    HUB_USER_ALONE = "hub-user-alone"
    """A user of the hub without a sign-up, and not staff."""
    HUB_USER_LETS_IN = "hub-user-lets-in"
    """The same under ``allow_existing_users``: who signs up under this name is let in at once."""
    TWO_SIGN_UPS = "two-sign-ups"
    FOREIGN_SIGN_UP = "foreign-sign-up"
    """An authorised sign-up of a name that is the system's, a service's or nobody's of the course:
    whoever logs in is that account."""
    NOT_AUTHORISED = "not-authorised"
    """A course account whose sign-up is pending while its server runs: a session that goes on."""
    HALF_MADE = "half-made"
    """passwd without shadow, or a home that useradd never finished."""
    NO_HOME = "no-home"
    HOME_NOT_FOLDER = "home-not-folder"
    """A link, a file, or a mount."""
    HOME_OWNER = "home-owner"
    HOME_OPEN = "home-open"
    NOT_IN_GROUP = "not-in-group"
    POWERFUL = "powerful"
    """In sudo, or another group whose members can become root."""
    SHARED_UID = "shared-uid"
    NOT_IN_ROSTER = "not-in-roster"
    ROSTER_ALONE = "roster-alone"
    """A line of the roster without an account."""
    ROSTER_TWICE = "roster-twice"
    HOME_ALONE = "home-alone"
    """A folder below ``homes`` that is no account's."""
    ORPHAN_LINE = "orphan-line"
    """A line of shadow, gshadow, subuid or subgid, or a group, that belongs to no account."""
    STALE_LOCK = "stale-lock"
    """A lock of passwd's files whose holder is gone: nobody can be added."""
    LEFT_OF_UID = "left-of-uid"
    """Files, crontab or at-jobs of a course uid that no account has."""
    CASE_TWINS = "case-twins"
    LOCKED = "locked"
    """Locked or expired in Unix and authorised in the hub: the lock does not bind the hub."""


class Mends(StrEnum):
    """How it is mended."""

    SAFELY = "safely"
    """By a plan; nothing of a student's is touched."""
    CHOICE = "choice"
    """By a plan, once a person has chosen between ``choices``."""
    BY_HAND = "by-hand"
    """By a person; ``do`` says how."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One way to mend it, with what it means."""

    word: str
    """What is chosen by: ``create``, ``discard``, ``archive`` …"""
    means: str
    """What then becomes of whom, in one sentence."""
    loses: bool = False
    """Something goes away."""


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """One disagreement, as it was seen."""

    code: Code
    """Which disagreement it is: ``home-open``."""
    name: str
    """Of the account, sign-up, hub user, home or line: hostile text, and the row in the pane."""
    text: str
    """One sentence for a person; safe to show."""
    severity: Severity = Severity.WARNING
    """``critical``: somebody can be another, or nobody can be added. ``note``: untidy."""
    mends: Mends = Mends.BY_HAND
    """``safely``, ``choice`` or ``by-hand``: by a plan, by one of the choices, by a person."""
    choices: tuple[Choice, ...] = ()
    """Ways to mend it, where a person has to decide."""
    do: str = ""
    """The command that mends it."""
    short: str = ""
    """The same in three words, for a column."""
    uid: int | None = None
    """Of the account, or of whoever has left something."""

    @property
    def key(self) -> str:
        """By which a plan knows it."""
        return f"{self.code}:{self.name}"
