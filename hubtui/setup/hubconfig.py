"""The hub's configuration file, read as text: its literal settings and the lines of the others.

Never imported or executed: it runs as root inside the hub, and may do anything there.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_LARGEST = 1 << 20


@dataclass(frozen=True)
class HubConfig:
    """What ``jupyterhub_config.py`` says."""

    path: Path
    values: dict[str, Any] = field(default_factory=dict)
    """``Authenticator.allow_all`` → True: the last literal assignment of each setting."""
    unread: dict[str, int] = field(default_factory=dict)
    """Settings that are not literals, with their lines."""
    trouble: str = ""
    """Why nothing could be read, if so."""

    def get(self, *names: str) -> Any:
        """The first of these settings that is set."""
        return next((self.values[name] for name in names if name in self.values), None)


def read_config(path: Path) -> HubConfig:
    """Read it; a file that cannot be read or parsed is one with ``trouble``."""
    try:
        if path.stat().st_size > _LARGEST:
            return HubConfig(path, trouble="it is larger than 1 MB")
        tree = ast.parse(path.read_bytes())
    except OSError as e:
        return HubConfig(path, trouble=e.strerror or str(e))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as e:
        return HubConfig(path, trouble=f"it is not Python: {e}")
    values: dict[str, Any] = {}
    unread: dict[str, int] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            name = _setting(target)
            if name is None:
                continue
            try:
                values[name] = ast.literal_eval(node.value)
                unread.pop(name, None)
            except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                unread[name] = node.lineno
                values.pop(name, None)
    return HubConfig(path, values, unread)


def _setting(target: ast.expr) -> str | None:
    """``c.JupyterHub.db_url`` → ``JupyterHub.db_url``."""
    if (
        isinstance(target, ast.Attribute)
        and isinstance(target.value, ast.Attribute)
        and isinstance(target.value.value, ast.Name)
        and target.value.value.id == "c"
    ):
        return f"{target.value.attr}.{target.attr}"
    return None
