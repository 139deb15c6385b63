"""Who else restarts the hub, and how a line of a crontab is switched off."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui.reads import crontab
from hubtui.setup.install import restarters

OLD = """\
#!/bin/bash
URL="https://hub.example.org"
curl -sIL $URL >/root/logs/http.log
if ! grep -q 200 /root/logs/http.log; then
  pkill -f jupyterhub
  jupyterhub -f /etc/jupyterhub/jupyterhub_config.py 2>&1 | tee -a /root/logs/hub.log
fi
"""


@pytest.mark.parametrize(
    "text",
    [
        OLD,
        "pgrep -x jupyterhub || systemctl restart jupyterhub.service",
        "curl -fs http://127.0.0.1:8000 || service jupyterhub restart",
        "wget -q -O- http://127.0.0.1:8000 || (killall jupyterhub; cd /srv && jupyterhub &)",
        "ps aux | grep jupyterhub | awk '{print $2}' | xargs -r kill -9",
        "ss -ltn | grep -q :8081 || nohup /opt/hub/bin/jupyterhub -f /etc/hub.py >/dev/null &",
        "curl -s localhost:8000 || kill -9 $(pidof jupyterhub)",
        "import requests, subprocess\n"
        "if not requests.get(URL).ok:\n    subprocess.run(['systemctl', 'restart', 'jupyterhub'])",
        "nc -z 127.0.0.1 8081 || python3 -m jupyterhub -f /etc/hub.py",
        "/opt/hubtui/bin/python -I -m hubtui --config /etc/other.yaml watchdog check",
    ],
)
def test_what_looks_and_acts_is_a_restarter(text: str) -> None:
    assert restarters.restarts(text)


@pytest.mark.parametrize(
    "text",
    [
        "@reboot cd /srv && jupyterhub -f /etc/jupyterhub/jupyterhub_config.py",
        "0 4 * * 0 systemctl restart jupyterhub",
        "curl -s https://hub.example.org || echo 'the hub is down' | mail -s jupyterhub root",
        "ps aux | grep jupyterhub | wc -l",
        "pgrep -f jupyterhub-singleuser | xargs ps; pkill -f jupyterhub-singleuser",
        "# curl $URL || systemctl restart jupyterhub",
        "grep -c ERROR /root/logs/jupyterhub.log",
        "rsync -a /etc/jupyterhub/jupyterhub_config.py /backup/ && curl -s https://ping.example.org",
        "curl -s x || systemctl restart apache2; tar cf b.tar /srv/jupyterhub_config.py",
    ],
)
def test_what_only_looks_or_only_acts_is_none(text: str) -> None:
    assert not restarters.restarts(text)


def test_the_script_behind_a_line_is_read(tmp_path: Path) -> None:
    (tmp_path / "restart.sh").write_text(OLD)
    (tmp_path / "outer.sh").write_text(f"#!/bin/sh\ncd {tmp_path}\n. ./restart.sh\n")
    (tmp_path / "backup.sh").write_text("#!/bin/sh\ntar cf /backup/etc.tar /etc/jupyterhub\n")
    text = f"MAILTO=root\n\n0 3 * * * {tmp_path}/backup.sh\n* * * * * bash {tmp_path}/outer.sh\n"
    [found] = restarters.in_crontab(text.encode())
    assert (found.line, found.script) == (4, tmp_path / "restart.sh")
    assert str(found) == f"root's crontab, line 4 ({tmp_path}/restart.sh)"
    [relative] = restarters.in_crontab(f"* * * * * cd {tmp_path} && ./outer.sh >/dev/null".encode())
    assert relative.script == tmp_path / "restart.sh"
    assert list(restarters.in_crontab(crontab.without(text.encode(), [4]))) == []


def test_scripts_that_name_each_other_come_to_an_end(tmp_path: Path) -> None:
    for one, other in (("a", "b"), ("b", "a")):
        (tmp_path / one).write_text(f"#!/bin/sh\n{tmp_path}/{other}\n")
    assert list(restarters.in_crontab(f"* * * * * {tmp_path}/a".encode())) == []


def test_what_runs_since_boot_is_not_ended_by_a_mark(tmp_path: Path) -> None:
    (tmp_path / "loop.sh").write_text(f"#!/bin/sh\nwhile sleep 60; do\n{OLD}done\n")
    [found] = restarters.in_crontab(f"@reboot {tmp_path}/loop.sh".encode())
    assert not found.can_be_off


@given(st.binary(), st.sets(st.integers(1, 20)))
def test_a_crontab_comes_back_byte_for_byte(text: bytes, numbers: set[int]) -> None:
    clean = text.replace(crontab.MARK, b"")
    while crontab.MARK in clean:
        clean = clean.replace(crontab.MARK, b"")
    off = crontab.without(clean, numbers)
    assert crontab.restored(off) == clean
    assert crontab.without(off, numbers) == off
    assert len(crontab.off(off)) == len(numbers & set(range(1, len(clean.splitlines()) + 1)))


@given(st.text())
def test_no_text_is_too_strange(text: str) -> None:
    restarters.restarts(text)
    list(restarters.in_crontab(text.encode("utf-8", "replace")))
