"""``hubtui status`` in words: the page, the one line, the exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hubtui.cli.glance import As, Asked, asked
from hubtui.cli.glance_page import EXIT, brief, page
from hubtui.cli.status import named
from hubtui.errors import Refused
from hubtui.findings import Finding, Severity, State
from hubtui.glance.records import ExamLine, Glance, Line, PutOff
from hubtui.students import Missing
from tests.unit.surveys import NOON

HUB = Line(key="hub", title="hub", state=State.FINE, text="up since today 08:00")
FINE = Glance(at=NOON, lines=(HUB,), findings=())
ENDS = Finding(
    id="certificate.ends",
    severity=Severity.WARNING,
    text="The certificate of hub.example.org ends in 12 days.",
    do="sudo certbot renew",
)
DOWN = Finding(
    id="hub.down", severity=Severity.CRITICAL, text="The hub is gone.", do="sudo hubtui watchdog x"
)
ILL = replace(FINE, lines=(replace(HUB, state=State.CRITICAL, text="gone"),), findings=(DOWN, ENDS))
UNSEEN = Missing(what="roster", why="Permission denied")


def test_a_good_day_is_said_in_one_line() -> None:
    assert brief(FINE) == "OK - everything is all right\n"
    text = page(FINE, "Statistics 1")
    assert "✓ fine      hub          up since today 08:00" in text
    assert "Nothing needs you.\n" in text
    assert "\x1b" not in text


def test_each_finding_has_its_word_its_sentence_its_name_and_what_to_do() -> None:
    lines = page(ILL, "Statistics 1").splitlines()
    at = lines.index("What needs you")
    assert lines[at + 1] == "✗ critical  The hub is gone. [hub.down]"
    assert lines[at + 2] == "            → sudo hubtui watchdog x"
    assert lines[at + 3].startswith("! warning   The certificate")
    assert brief(ILL).startswith("CRITICAL - 2 findings: The hub is gone. The certificate")


def test_colours_say_nothing_that_the_words_do_not() -> None:
    coloured, plain = page(ILL, "S", colours=True), page(ILL, "S")
    for code in (31, 32, 33, 35, 0):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == plain


def test_what_was_not_seen_is_never_called_fine() -> None:
    found = replace(FINE, missing=(UNSEEN,))
    assert EXIT[found.state] == 3
    assert "Nothing needs you, as far as could be seen." in page(found, "S")
    assert "Not seen: roster: Permission denied" in page(found, "S")
    assert brief(found) == "UNKNOWN - not seen: roster: Permission denied\n"


def test_what_is_put_off_is_named_with_its_time_and_counts_no_more() -> None:
    later = PutOff(finding=ENDS, until=NOON + timedelta(days=3))
    found = replace(FINE, put_off=(later,))
    assert EXIT[found.state] == 0
    assert "Put off (1): certificate.ends until Thu 26 Nov" in page(found, "S")


@pytest.mark.parametrize(("go", "mark"), [(True, "✓"), (False, "✗"), (None, "?")])
def test_an_exam_stands_on_top(go: bool | None, mark: str) -> None:
    found = replace(FINE, exam=ExamLine(text="Exam in 30 min: so", go=go))
    assert page(found, "S").splitlines()[1] == f"{mark} Exam in 30 min: so"
    assert " - Exam in 30 min: so" in brief(found)


def test_an_exam_that_is_not_ready_is_an_alarm_though_all_else_is_well() -> None:
    line = ExamLine(text="Exam in 30 min: NOT YET: memory: 20 fit", go=False)
    assert EXIT[replace(FINE, exam=line).state] == 2
    assert EXIT[replace(FINE, exam=replace(line, go=True)).state] == 0


@given(text=st.text(max_size=300), width=st.integers(40, 130), row=st.text(max_size=20))
def test_no_text_breaks_a_line_or_reaches_the_terminal(text: str, width: int, row: str) -> None:
    finding = replace(ENDS, text=text, row=row)
    found = replace(FINE, findings=(finding,), missing=(replace(UNSEEN, why=text),))
    said = page(found, text, width=width)
    assert "\x1b" not in said
    assert all(c.isprintable() for line in said.split("\n") for c in line)
    assert brief(found).count("\n") == 1


def test_a_command_is_never_wrapped() -> None:
    long = replace(DOWN, do="sudo " + "word " * 30)
    assert f"→ {long.do.strip()}" in page(replace(ILL, findings=(long,)), "S", width=60)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("status", Asked()),
        ("status --json", Asked(how=As.JSON)),
        ("--config a --brief status", Asked("a", As.BRIEF)),
        ("status --config=b", Asked("b")),
        ("status --json --brief", None),
        ("status --exam", None),
        ("watchdog status", None),
        ("status --config", None),
    ],
)
def test_only_the_plain_looks_go_without_click(words: str, wanted: Asked | None) -> None:
    assert asked(words.split()) == wanted


def test_a_finding_is_named_by_its_key_or_its_id_where_that_is_enough() -> None:
    one, two = (replace(ENDS, row=row) for row in "ab")
    assert named("certificate.ends:a", [one, two]) is one
    assert named("certificate.ends", [one, DOWN]) is one
    with pytest.raises(Refused, match=r"certificate\.ends:a, certificate\.ends:b"):
        named("certificate.ends", [one, two])
    with pytest.raises(Refused, match=r"what is: hub\.down"):
        named("x", [DOWN])


def hubtui(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hubtui", *words], capture_output=True, text=True, timeout=60
    )


def test_without_a_course_the_answer_is_unknown_in_each_form(tmp_path: Path) -> None:
    nowhere = ["--config", str(tmp_path / "none.yaml")]
    done = hubtui("status", *nowhere)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("hubtui: --config names ")
    done = hubtui("status", "--brief", *nowhere)
    assert done.returncode == 3
    assert done.stdout.startswith("UNKNOWN - --config names ")
    done = hubtui("status", "--json", *nowhere)
    document = json.loads(done.stdout)
    assert (done.returncode, document["state"], document["lines"]) == (3, "unknown", [])
    assert document["missing"][0]["what"] == "course.yaml"


def test_wrong_use_of_status_is_no_alarm() -> None:
    assert hubtui("status", "--nonsense").returncode == 3
    assert hubtui("status", "--put-off", "hub.down").returncode == 3
    assert hubtui("watchdog", "--nonsense").returncode == 2


def test_a_look_imports_no_screen_and_no_command_line() -> None:
    code = (
        "import sys; import hubtui.cli.glance, hubtui.cli.glance_page, hubtui.glance.sources\n"
        "from hubtui.glance import hub, machine, students, signups, release, watchdog\n"
        "from hubtui.glance import certificate, exam_line\n"
        "print(*{'textual', 'rich', 'click', 'psutil', 'sh', 'asyncio', 'shutil'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
