"""A tutor's command line is that of ``hubtui release`` without anything that names a file."""

from __future__ import annotations

import click
import pytest

from hubtui.cli import tutor
from hubtui.cli.release import group as release
from hubtui.errors import Refused, UsageError


def test_it_has_all_verbs_of_release_but_no_configuration() -> None:
    program = tutor.program()
    assert set(program.commands) == set(release.commands)
    options = [o for verb in program.commands.values() for p in verb.params for o in p.opts]
    assert "--config" not in options
    assert "--yes" in options


@pytest.mark.parametrize(
    "option",
    [
        click.Option(["--from"], type=click.Path()),
        click.Option(["--from"], type=click.File()),
        click.Option(["--from"]),
        click.Option(["--json", "as_json"], type=click.Path()),
    ],
)
def test_an_option_that_nobody_judged_stops_it(option: click.Option) -> None:
    command = click.Command("list", params=[option])
    with pytest.raises(Refused, match="list takes"):
        tutor._narrowed(command, {"as_json"})


@pytest.mark.parametrize("word", ["/etc/passwd", "../x", "a/b", "..", "x\0y"])
def test_a_path_is_no_name(word: str) -> None:
    command = tutor.program().commands["push"]
    with pytest.raises(UsageError, match="is a path"):
        command.make_context("push", ["--to", "anna", word])
    with pytest.raises(UsageError, match="is a path"):
        command.make_context("push", ["--to", word])


@pytest.mark.parametrize("word", ["/etc/passwd", "../x", "data/../../x"])
def test_a_file_is_one_of_the_sheet(word: str) -> None:
    command = tutor.program().commands["push"]
    with pytest.raises(UsageError, match="leads out of the sheet"):
        command.make_context("push", ["week01", "--file", word])
    assert command.make_context("push", ["week01", "--file", "data/x.csv"]).params["files"]
