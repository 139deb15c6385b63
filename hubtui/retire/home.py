"""The home goes: what a verified archive of this very run holds, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from hubtui.retire.kept import Keeping
from hubtui.retire.records import Leaver
from hubtui.retire.steps import LeaverStep
from hubtui.server import Server


class RemoveHome(LeaverStep):
    """Nothing of the home is left."""

    kind = "remove home"

    def __init__(self, server: Server, subject: Leaver, how: Keeping) -> None:
        super().__init__(server, subject)
        self.how = how

    def do(self) -> Iterator[str]:
        raise NotImplementedError
