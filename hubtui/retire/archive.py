"""The archive of a home: made from behind the fence, read again whole, and only then noted."""

from __future__ import annotations

from collections.abc import Iterator

from hubtui.retire.kept import Keeping
from hubtui.retire.records import Leaver
from hubtui.retire.steps import LeaverStep
from hubtui.server import Server


class Archive(LeaverStep):
    """A verified archive of the home is there."""

    kind = "archive"

    def __init__(self, server: Server, subject: Leaver, how: Keeping) -> None:
        super().__init__(server, subject)
        self.how = how

    def do(self) -> Iterator[str]:
        raise NotImplementedError
