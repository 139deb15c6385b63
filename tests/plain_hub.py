"""A hub that does not know hubtui, with services and roles of others, set in two files."""

from __future__ import annotations

from pathlib import Path

from hubtui.demo.hub import EmbeddedHub

REPORT = "r" * 40
"""The token of a service that is there before."""
_OTHERS = """
c.JupyterHub.services = [{"name": "culler", "api_token": "c" * 40}]
c.JupyterHub.load_roles = [{"name": "reader", "services": ["report"], "scopes": ["list:users"]}]
load_subconfig("more.py")"""
_MORE = f'c.JupyterHub.services = [{{"name": "report", "api_token": "{REPORT}"}}]\n'


def plain_hub(folder: Path) -> EmbeddedHub:
    """For ``watched``: its configuration is root's alone, and has no newline at its end."""
    hub = EmbeddedHub(folder)
    text = hub.config.read_text()
    hub.config.write_text(text[: text.index("with open(")] + _OTHERS)
    hub.config.chmod(0o600)
    (folder / "more.py").write_text(_MORE)
    return hub
