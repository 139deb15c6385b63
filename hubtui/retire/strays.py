"""What an account left outside of its home: archived as well, then removed."""

from __future__ import annotations

from collections.abc import Iterator

from hubtui.retire.kept import Keeping
from hubtui.retire.records import Leaver
from hubtui.retire.steps import LeaverStep
from hubtui.server import Server


class SweepStrays(LeaverStep):
    """Nothing of the account is left outside of its home."""

    kind = "strays"

    def __init__(self, server: Server, subject: Leaver, how: Keeping) -> None:
        super().__init__(server, subject)
        self.how = how

    def do(self) -> Iterator[str]:
        raise NotImplementedError
