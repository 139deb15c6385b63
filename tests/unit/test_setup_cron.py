"""What cron runs as root and what scripts call, read as text of any kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui.findings import Severity
from hubtui.reads.cronlines import jobs
from hubtui.reads.shelltext import calls
from hubtui.setup.checks import check_old

SYNC = """\
#!/bin/bash
exsource="/home/tutor/sheets"
target="/home/$theuser"
while read theuser
do
  rsync -h -v -r -og --chown=$theuser:all_user
      {options} $exsource ${{target}}
done < /root/resources/accounts.txt
"""


def test_settings_comments_and_other_peoples_jobs_are_no_jobs_of_roots() -> None:
    text = "PATH=/bin\n# 1 2 3 4 5 root x\n*/5 * * * * root a b\n@reboot root c\n1 2 3 4 5 eva d\n"
    assert [(job.number, job.command) for job in jobs("x", text, with_user=True)] == [
        (3, "a b"),
        (4, "c"),
    ]
    own = list(jobs("x", "*/1 * * * * /root/bin/watch.sh >/dev/null\n", with_user=False))
    assert [job.command for job in own] == ["/root/bin/watch.sh >/dev/null"]


@pytest.mark.parametrize(
    "text",
    [
        "pkill -f jupyterhub",
        "if true; then /usr/bin/pkill -9 jupyterhub; fi",
        "cd / && sudo -n killall -q -HUP node",
        'bash -c "sleep 1; pkill -KILL -f jupyterhub"',
        "x=$(pkill node)",
        "pidof node || pkill \\\n  -f jupyterhub",
    ],
)
def test_a_kill_by_name_is_found(text: str) -> None:
    assert len(list(check_old._by_name(text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "pkill -u root -f jupyterhub",
        "pkill -fu root jupyterhub",
        "pkill -F /run/hub.pid",
        "killall -0 node",
        "echo pkill -f jupyterhub",
        "# pkill -f jupyterhub",
        "true # pkill -f jupyterhub",
        "kill $(cat /run/hub.pid)",
    ],
)
def test_what_kills_by_more_than_a_name_is_not(text: str) -> None:
    assert not list(check_old._by_name(text))


@pytest.mark.parametrize(
    ("options", "severity", "why"),
    [
        ("", Severity.WARNING, "overwrites what a student has written"),
        ("-u", Severity.WARNING, "wherever the tutor's file is newer"),
        ("--ignore-existing --delete-after", Severity.WARNING, "deletes what a student has added"),
        ("--ignore-existing", Severity.NOTE, "a corrected sheet never arrives"),
    ],
)
def test_what_an_rsync_does_to_a_students_work(options: str, severity: Severity, why: str) -> None:
    [call] = calls(SYNC.format(options=options or "--quiet"), "rsync", "cp")
    assert call.line == 6
    assert call.rest[-2:] == ["/home/tutor/sheets", "/home/$theuser"]
    found, said = check_old._harm(call)
    assert (found, why in said) == (severity, True)


def test_where_the_output_goes_is_no_target() -> None:
    [call] = calls("rsync -r a /home/$u/ >>/root/log 2>&1 && true", "rsync")
    assert call.rest == ["a", "/home/$u/"]


def test_a_cp_that_follows_links_is_worse() -> None:
    [call] = calls('for u in a; do cp -r x "/home/$u/"; done', "cp")
    assert check_old._harm(call)[0] is Severity.CRITICAL
    [call] = calls('for u in a; do cp -rn x "/home/$u/"; done', "cp")
    assert check_old._harm(call)[0] is Severity.NOTE


SCRIPTLIKE = st.lists(
    st.sampled_from(["pkill ", "rsync ", "x=", "\r", "\x00", "é", *" -=;|&()\"'`$\\{}#\n\t01/<>"]),
    max_size=80,
).map("".join)


@given(SCRIPTLIKE | st.text(max_size=200))
def test_any_text_is_read_to_its_end(text: str) -> None:
    for call in calls(text, "pkill", "rsync"):
        assert 1 <= call.line <= text.count("\n") + 1
    for job in jobs("x", text, with_user=True):
        assert job.command
