"""hubtui init | doctor | demo"""

from __future__ import annotations

from pathlib import Path

import click

from hubtui.cli.base import App, verb


@click.command()
@click.option("--keep", is_flag=True, help="Keep the folder afterwards.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where; a fresh one by default.")
@click.option("--force", is_flag=True, help="Even beside a live hub, or with little space.")
@click.option("--students", default=30, show_default=True, help="How many sign up.")
def demo(keep: bool, folder: Path | None, force: bool, students: int) -> int:
    """A real hub and a class to play with, in a sandbox."""
    from hubtui.demo import show

    return show.run(folder, keep=keep, force=force, class_size=students)


@click.command()
@verb
def init(app: App) -> int:
    """Write /etc/hubtui/course.yaml from what is found on this server."""
    raise NotImplementedError


@click.command()
@verb
def doctor(app: App) -> int:
    """What is missing or wrong on this server, and the command that mends it."""
    raise NotImplementedError
