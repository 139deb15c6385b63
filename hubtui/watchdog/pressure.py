"""What makes a hub late, or silent, that is neither dead nor hung: load, memory, open files."""

from __future__ import annotations

from hubtui.watchdog.patience import Patience
from hubtui.watchdog.records import Scene, Seen


def is_pressed(scene: Scene, patience: Patience) -> bool:
    """Whether the machine is so busy that anything on it may be late."""
    numbers = scene.machine
    return (
        numbers.load > patience.load * numbers.cpus
        or (numbers.stalled_cpu or 0.0) >= patience.stalled_cpu
        or is_short(scene, patience)
    )


def is_short(scene: Scene, patience: Patience) -> bool:
    """Whether memory is what it waits for."""
    numbers = scene.machine
    stalled = (numbers.stalled_memory or 0.0) >= patience.stalled_memory
    return stalled or numbers.available < numbers.total * patience.short


def has_used_up_its_files(hub: Seen | None) -> bool:
    """Whether it can open hardly a file or connection more."""
    if hub is None or hub.files is None or hub.files_limit is None:
        return False
    return hub.files >= hub.files_limit * 0.95
