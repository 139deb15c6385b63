"""Who is to go, exactly as it was when the plan opened; and what is kept of that afterwards."""

from __future__ import annotations

import msgspec

from hubtui.leaving import WasAuthorised

KEEP_DAYS = 90
"""How long an archive is kept unless somebody says otherwise."""


class Leaver(msgspec.Struct, frozen=True, kw_only=True):
    """One account of a plan of kind retire or restore."""

    key: str
    name: str
    uid: int
    gid: int
    home: str
    device: int = 0
    inode: int = 0
    """Of the home's own folder, by lstat; 0 where there is none."""
    sign_ups: tuple[WasAuthorised, ...] = ()
    """All sign-ups of this name, by id and digest."""
    authorised: tuple[WasAuthorised, ...] = ()
    """Those of them that were authorised."""
    hub_user: bool = False
    was_locked: bool = False
    expires: str = ""
    leaving: str = ""
    """The run that had switched it off when the plan opened; empty where none had."""
    server: bool = False
    files: int | None = None
    bytes: int | None = None
    """On the disk; None where nobody could look."""


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """The last subject of a retire plan: forget the names, write the receipt."""

    key: str = "closing"
    name: str = "Receipt"
    closing: bool = True


class Archived(msgspec.Struct, frozen=True, kw_only=True):
    """One verified archive; it never carries a name, in its path or here."""

    uid: int
    path: str
    sha256: str
    bytes: int
    files: int
    what: str = "home"
    """``home``, or ``rest``: crontab, at-jobs, mail and files outside of the home."""
    made: str
    until: str
    """RFC 3339: from then on ``hubtui due`` deletes it."""
    run: str = ""
    """Which made it."""
    tree: str = ""
    """What was archived, as hubtui.workers.tree sums it up: for the last look before it goes."""
    mount: str = ""
    """Where the filesystem begins that it lies on."""
    deleted: str = ""


class Retired(msgspec.Struct, frozen=True, kw_only=True):
    """``retired/UID.json``: what became of one account, written step by step, without its name."""

    format: int = 1
    uid: int
    run: str
    by: str
    begun: str
    ended: str = ""
    """Empty until nothing of it was found any more."""
    steps: tuple[tuple[str, str, str], ...] = ()
    """Kind of the step, when, what came of it; never a name."""
    archives: tuple[Archived, ...] = ()
    files: int = 0
    bytes: int = 0
    """What was in the home."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """An archive, as the receipt names it."""

    path: str
    """Where it lies."""
    sha256: str
    """Of the archive, in hexadecimal."""
    bytes: int
    """Of the archive."""
    what: str
    """``home``, or ``rest``: what was outside of it."""
    until: str
    """When it is deleted, RFC 3339."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one account."""

    uid: int
    """What stands for its name."""
    removed: bool
    """Nothing of it was found any more."""
    why: str = ""
    """Why it is still there, or in part."""
    ended: str = ""
    """When it was gone, RFC 3339; empty where it is not."""
    files: int = 0
    """In its home."""
    bytes: int = 0
    """On the disk."""
    steps: tuple[tuple[str, str, str], ...] = ()
    """Kind, when, what came of it."""
    archives: tuple[Kept, ...] = ()
    """Those that were made of it."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """``receipts/RUN.json``: what one run removed."""

    format: int = 1
    course: str
    run: str
    """The id of the run, and of the receipt."""
    by: str
    """Who asked for it."""
    asked: str
    """When the plan was made, RFC 3339."""
    written: str
    """When the receipt was written, or written anew, RFC 3339."""
    accounts: tuple[Account, ...]
    """Each that was to go, by its uid."""
    still_named: tuple[str, ...] = ()
    """Files below ``state_dir`` in which a word is left that was a name."""
    not_covered: tuple[str, ...] = ()
    """Where names or files of theirs may be that hubtui does not reach."""
