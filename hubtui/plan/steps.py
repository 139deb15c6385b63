"""Step and Chain: what a plan consists of. A step knows how to say, check, do and prove itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


class Step:
    """One thing to be done for one subject. Subclasses live beside the use case that needs them.

    The dialog, ``--dry-run``, the run and the tests read the same object, so what is shown is what
    is done. A step raises a HubtuiError where it fails; ChangedSinceShown where its ground moved.
    """

    kind = "step"
    """Its name in journal and events: a kind, never arguments."""

    lasting = True
    """Whether it changes something; then the journal is on the disk before it starts."""

    urgent = True
    """Whether its line in the journal is on the disk before it starts; False for what can be
    found again by looking, where there are hundreds."""

    always = False
    """Carried out also where a step before it failed, or somebody cancelled: what puts back."""

    told = ""
    """What came of it, for the result; set by do()."""

    moved = (0, 0)
    """Files and bytes that it brought, for the progress; set by do()."""

    def say(self) -> str:
        """What it will do: the command as it will be run, or a phrase in the course's words."""
        raise NotImplementedError

    def counts(self) -> Mapping[str, int]:
        """What it adds to the totals of the plan, by a word."""
        return {self.kind: 1}

    def details(self) -> Sequence[str]:
        """What there is to read of it besides, line by line: which files, and why."""
        return ()

    def done(self) -> bool:
        """Whether the state already is as this step would leave it. Only looks."""
        return False

    def do(self) -> Iterator[str]:
        """Do it; may yield progress for a person."""
        raise NotImplementedError

    def verify(self) -> None:
        """Look at the state afterwards; raise where it is not what say() promised."""


@dataclass(frozen=True)
class Chain:
    """The steps of one subject, in order. A failure ends this chain and no other."""

    subject: str
    """Its key among the plan's subjects, and its row on the screen."""
    steps: Sequence[Step]
    uid: int | None = None
    """Stands for the name in the journal once there is an account."""
    alone: bool = False
    """No other chain is at work meanwhile: those before it are through, those after it wait."""
    notes: Sequence[str] = field(default=())
    """Sentences to read before saying yes."""
