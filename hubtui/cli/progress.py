"""A change of many subjects on a terminal: one bar while it works, then the failed ones first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import filterfalse

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from hubtui.events import Event, What
from hubtui.units import megabytes


def with_bar(counted: set[str], events: Iterable[Event | None]) -> Iterator[Event]:
    """The events of the run to be printed, once it is over; meanwhile a bar of these subjects."""
    bar = Progress(
        BarColumn(bar_width=24),
        TextColumn("{task.completed} of {task.total} students{task.fields[moved]}", markup=False),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
        console=Console(highlight=False),
        transient=True,
    )
    ends: dict[str, Event] = {}
    files = size = 0
    with bar:
        task = bar.add_task("", total=len(counted), moved="")
        for event in events:
            if event is None:
                continue
            if event.event is What.END:
                ends[event.subject] = event
                files, size = files + event.files, size + event.bytes
                moved = f" · {files} files, {megabytes(size)}" if files else ""
                bar.update(task, completed=len(counted & ends.keys()), moved=moved)
            elif event.event is What.DONE:
                bar.stop()
                yield from _in_order(ends)
                yield event


def _in_order(ends: dict[str, Event]) -> Iterator[Event]:
    def is_good(event: Event) -> bool:
        return event.outcome is not None and event.outcome.good

    yield from filterfalse(is_good, ends.values())
    yield from filter(is_good, ends.values())
