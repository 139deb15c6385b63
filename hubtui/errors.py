"""Everything that hubtui raises on purpose. Each message is one sentence that a user can act on.

HubtuiError                  exit code 1
├── UsageError               exit code 2: the command line or its input
│   └── ConfigError          course.yaml: file, line and key are in the sentence
├── StateError               a file of state_dir is broken, newer than this hubtui, or not ours
├── ChangedSinceShown        the ground of a step moved between the plan and the run
├── Refused                  hubtui will not do this, and says why
├── LockHeld                 another change is running; says which
│   └── ExamRuns             an exam runs, and this can wait until it is over
├── CommandFailed            a program of the system ended badly
└── HubError                 the hub could not be asked
    ├── HubDown              nobody answers
    ├── HubLocked            its database is busy
    ├── HubForeign           not a database or an answer that hubtui knows
    └── HubImpostor          somebody else listens on the hub's port
"""

from __future__ import annotations


class HubtuiError(Exception):
    """One sentence for the user; never shown as a traceback."""

    exit_code = 1


class UsageError(HubtuiError):
    """The command line, or a file that it names, is wrong."""

    exit_code = 2


class ConfigError(UsageError):
    """course.yaml is wrong: the sentence names file, line, key and what is expected."""


class StateError(HubtuiError):
    """A file below ``state_dir`` cannot be used; it is named and left as it is."""


class ChangedSinceShown(HubtuiError):
    """What the plan was made for is no longer so; nothing was done."""


class Refused(HubtuiError):
    """hubtui will not do this."""


class LockHeld(HubtuiError):
    """Another change has the lock."""


class ExamRuns(LockHeld):
    """An exam runs, and this can wait until it is over."""


class CommandFailed(HubtuiError):
    """A program of the system ended with an error."""


class HubError(HubtuiError):
    """The hub, or its database, could not be asked."""


class HubDown(HubError):
    """Nobody answers on the hub's port, or its database is missing."""


class HubLocked(HubError):
    """The hub's database is busy for longer than we wait."""


class HubForeign(HubError):
    """Another kind of database, an unknown schema, or an answer we do not understand."""


class HubImpostor(HubError):
    """Somebody else than the hub listens on its port: the token was not sent."""
