"""Whether a page is followed as it stands: what is typed, and what has to come."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import pages
from tests.pages import Settings, Typed

PAGE = """\
Words, and `$ rm -rf /` in them.

```console
$ hubtui doctor          # a minute later; ends with 1 or 2
✗ Something …
Do this? [y/N]: y
$ hubtui status
```

```sh
never typed
```

```yaml
notify:
  mail: a@example.org
```
"""


def test_only_blocks_that_are_to_be_followed_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pages, "DOCS", tmp_path)
    (tmp_path / "page.md").write_text(PAGE)
    doctor, status, settings = pages.read("page.md")
    assert doctor == Typed(
        at="docs/page.md:4",
        command="hubtui doctor",
        ends=(1, 2),
        comment="a minute later; ends with 1 or 2",
        shown=["✗ Something …", "Do this? [y/N]: y"],
        answers=["y"],
    )
    assert isinstance(status, Typed)
    assert (status.command, status.ends, status.shown) == ("hubtui status", (0,), [])
    assert settings == Settings("docs/page.md:17", "notify:\n  mail: a@example.org\n")


@pytest.mark.parametrize(
    ("shown", "missing"),
    [
        (["one", "three"], ""),
        (["one 1", "…"], "one 1"),
        (["three", "one"], "one"),
        (["on…", "tw… words"], ""),
        (["two"], "two"),
    ],
    ids=["between others", "more words", "another order", "any words", "half a line"],
)
def test_lines_have_to_come_whole_and_in_their_order(shown: list[str], missing: str) -> None:
    assert pages.missing(shown, "one\n\ntwo   more words\n  three\n") == missing


def test_a_question_is_answered_at_a_terminal() -> None:
    asks = """read -r -p 'Do this? [y/N]: ' said; test -t 2 && echo "said $said"; exit 3"""
    came = pages.run(Typed("", asks, answers=["y"]), Path("/"))
    assert came.code == 3
    assert pages.missing(["Do this? [y/N]: y", "said y"], came.text) == ""
