"""hubtui init | demo"""

from __future__ import annotations

from pathlib import Path

import click

from hubtui.cli import base
from hubtui.names import shown


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
    """Write /etc/hubtui/course.yaml, or FILE, from what is found on this server."""
    from hubtui.setup import init as writer
    from hubtui.setup.discover import discover
    from hubtui.trust import SAFE_PLACE

    path = file or SAFE_PLACE
    if not only_print:
        if file is None:
            base.need_root(f"Writing {path}")
        writer.check_place(path)
    found = discover()
    text = writer.text_of(found)
    if only_print:
        click.echo(text, nl=False)
        return 0
    writer.write(path, text)
    click.echo(f"Written: {shown(str(path))}. The comments say where each value came from.")
    for line in writer.summary(found, path):
        click.echo(line)
    return 0
