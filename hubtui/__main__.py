"""Where everything starts. Imports os and sys alone: the first screen is there before Textual."""

import os
import sys

PANES = ("glance", "signups", "accounts", "release", "watchdog")
_UP = "\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J\x1b[1;7m hubtui \x1b[0m  looking at the course …"
_DOWN = "\x1b[?25h\x1b[?1049l"


def main() -> int:
    """The app where no verb is given, the command line otherwise."""
    os.umask(0o077)
    leave_what_is_closed()
    options = app_options(sys.argv[1:])
    if options is None or "_HUBTUI_COMPLETE" in os.environ:
        if "check" in sys.argv:
            from hubtui.cli.check import config_of
            from hubtui.cli.check import main as check

            if (config := config_of(sys.argv[1:])) is not None:
                return check(config)
        if "status" in sys.argv:
            from hubtui.cli import glance

            if (wanted := glance.asked(sys.argv[1:])) is not None:
                return glance.main(wanted)
        from hubtui.cli.main import main as cli

        return cli(sys.argv[1:])
    if not all(os.isatty(number) for number in (0, 1, 2)):
        sys.stderr.write("hubtui: the app needs a terminal; see hubtui --help for the verbs.\n")
        return 2
    curtain(_UP)
    from hubtui.tui.start import start

    return start(options, lambda: curtain(_DOWN))


def app_options(argv: list[str]) -> "dict[str, str] | None":
    """The app's options, or None where this is a command line: click's import costs 60 ms."""
    found = {"pane": ""}
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word in ("--read-only", "--no-mouse"):
            found[word] = "yes"
        elif word == "--config" and rest:
            found["--config"] = rest.pop(0)
        elif word.startswith("--config="):
            found["--config"] = word.partition("=")[2]
        elif word in PANES and not found["pane"] and word not in _also_nouns(rest):
            found["pane"] = word
        else:
            return None
    return found


def _also_nouns(rest: list[str]) -> "tuple[str, ...]":
    """``hubtui signups list`` is a command, ``hubtui signups`` the pane."""
    return PANES if any(not word.startswith("-") for word in rest) or "--help" in rest else ()


def leave_what_is_closed() -> None:
    """After ``su`` the folder may be one that only the user before may enter; libraries ask for its
    name when they are imported."""
    try:
        os.getcwd()  # noqa: PTH109 - pathlib is not imported yet
    except OSError:
        os.chdir("/")


def curtain(codes: str) -> None:
    """Write to the terminal at once."""
    os.write(1, codes.encode())


if __name__ == "__main__":
    sys.exit(main())
