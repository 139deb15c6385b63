"""Which program a process is, from command lines."""

from __future__ import annotations

import pytest

from hubtui.server.hubprocess import HUB, is_program


@pytest.mark.parametrize(
    ("said", "is_hub"),
    [
        ("/opt/hub/bin/jupyterhub -f /etc/jupyterhub_config.py", True),
        ("/opt/hub/bin/python3 /opt/my_hub/bin/jupyterhub", True),
        ("python3 -m jupyterhub -f x", True),
        ("python3 -I -X dev -m jupyterhub", True),
        ("python3 -Im jupyterhub", True),
        ("python3 -u /opt/hub/bin/jupyterhub", True),
        ("python3 /root/watch.py jupyterhub", False),
        ("python3 -c jupyterhub", False),
        ("python3 -m notify jupyterhub", False),
        ("/usr/bin/docker-proxy -proto tcp -container-port 8081", False),
        ("", False),
    ],
)
def test_only_what_is_run_counts(monkeypatch: pytest.MonkeyPatch, said: str, is_hub: bool) -> None:
    monkeypatch.setattr("hubtui.server.hubprocess.words", lambda _: tuple(said.split()))
    monkeypatch.setattr("hubtui.server.hubprocess._runs_code", lambda _: True)
    assert is_program(1, HUB) is is_hub
