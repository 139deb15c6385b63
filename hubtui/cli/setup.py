"""hubtui init | doctor | demo"""

from __future__ import annotations

from pathlib import Path

import click

from hubtui.cli import base
from hubtui.cli.base import App, json_option, verb
from hubtui.findings import Severity


@click.command()
@click.option("--keep", is_flag=True, help="Keep the folder afterwards.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where; a fresh one by default.")
@click.option("--force", is_flag=True, help="Even beside a live hub, or with little space.")
@click.option("--students", default=30, show_default=True, help="How many sign up.")
def demo(keep: bool, folder: Path | None, force: bool, students: int) -> int:
    """A real hub and a class to play with, in a sandbox."""
    from hubtui.demo.show import run

    return run(folder, keep=keep, force=force, class_size=students)


@click.command()
@click.option("--print", "only_print", is_flag=True, help="Show it; write nothing.")
@click.argument("file", type=click.Path(path_type=Path), required=False)
def init(only_print: bool, file: Path | None) -> int:
    """Write /etc/hubtui/course.yaml from what is found on this server."""
    from hubtui.setup import init as writer
    from hubtui.setup.discover import discover
    from hubtui.trust import SAFE_PLACE

    found = discover()
    text = writer.text_of(found)
    if only_print:
        click.echo(text, nl=False)
        return 0
    path = file or SAFE_PLACE
    base.need_root(f"Writing {path}")
    writer.write(path, text)
    click.echo(f"Written: {path}. Read it once: the comments say where each value came from.")
    for line in writer.summary(found):
        click.echo(line)
    click.echo("Next: hubtui doctor")
    return 0


@click.command()
@json_option
@verb
def doctor(app: App, as_json: bool) -> int:
    """What is missing or wrong on this server, and the command that mends it."""
    from hubtui.setup.doctor import examine

    findings = examine(app.server)
    if as_json:
        base.write_json(app.server, "findings", findings, [], app.server.clock())
    else:
        marks = {Severity.CRITICAL: "✗", Severity.WARNING: "!", Severity.NOTE: "·"}
        for finding in findings:
            click.echo(f"{marks[finding.severity]} {finding.text}")
            if finding.do:
                click.echo(f"    → {finding.do}")
        if not findings:
            click.echo("✓ Everything that hubtui needs is here.")
    return 1 if any(finding.severity is Severity.CRITICAL for finding in findings) else 0
