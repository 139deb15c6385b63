"""The tutor's side: ``hubtui``, run by a tutor, reads and changes through ``hubtui-tutor``.

Nothing is decided here. What a tutor may do is the business of the program that sudo starts.
"""

from __future__ import annotations

import contextlib
import queue
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from hubtui import typed
from hubtui.errors import CommandFailed, HubtuiError, Refused, UsageError
from hubtui.events import Event, What
from hubtui.names import shown

PROGRAM = "/usr/local/bin/hubtui-tutor"
LOOKING = 300.0
"""Seconds for an answer: a preview looks into every home."""
_BEAT = 0.25
"""Seconds after which a change that says nothing yields None."""
_ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}

Answer = dict[str, Any]
"""A listing of the command line, as ``--json`` has it."""


def sheets() -> Answer:
    """``release list``."""
    return _ask("list")


def status(sheet: str | None = None) -> Answer:
    """``release status``."""
    return _ask("status", *([f"--sheet={sheet}"] if sheet is not None else []))


def history() -> Answer:
    """``release history``."""
    return _ask("history")


def preview(
    names: Sequence[str],
    *,
    versions: Mapping[str, int] | None = None,
    files: Sequence[str] = (),
    to: Sequence[str] = (),
    again: bool = False,
    replace_open: bool = False,
) -> Answer:
    """What ``push`` would do now: title, versions as push() takes them, subjects with their steps.

    ``versions``: these, and not the sheets as they are now.
    """
    options = _options(files, to, again=again, replace_open=replace_open)
    held = [f"--version={sheet}={number}" for sheet, number in (versions or {}).items()]
    what = held or ["--", *names]
    return _ask("push", "--dry-run", *options, *what)


def push(
    versions: Sequence[str],
    *,
    to: Sequence[str] = (),
    again: bool = False,
    replace_open: bool = False,
) -> Iterator[Event | None]:
    """Release ``versions`` of a preview; the events as they come, None while there is none."""
    options = _options((), to, again=again, replace_open=replace_open)
    return _follow("push", "--yes", *options, *(f"--version={each}" for each in versions))


def cancel(run: str) -> None:
    """Stop a run of ``push`` or ``withdraw`` before its next student."""
    _run("cancel", "--", run)


def preview_withdrawal(sheet: str) -> Answer:
    """What ``withdraw`` would do now."""
    return _ask("withdraw", "--dry-run", "--", sheet)


def withdraw(sheet: str) -> Iterator[Event | None]:
    """Withdraw; events as push() has them."""
    return _follow("withdraw", "--yes", "--", sheet)


def scheduled() -> Answer:
    """``release schedule``: what is to come."""
    return _ask("schedule")


def schedule(names: Sequence[str], when: str, *, as_of_due: bool = False) -> Answer:
    """Schedule sheets; ``when`` as a person says it."""
    return _ask("schedule", "--yes", *(["--as-of=due"] if as_of_due else []), "--", *names, when)


def take_newer(word: str) -> Answer:
    """What is scheduled, with the sheet as it is now."""
    return _ask("schedule", "--yes", f"--newer={word}")


def unschedule(word: str) -> Answer:
    """Cancel an entry, by id or sheet."""
    return _ask("unschedule", "--yes", "--", word)


def _options(
    files: Sequence[str], to: Sequence[str], *, again: bool, replace_open: bool
) -> list[str]:
    flags = ["--again"] * again + ["--replace-open"] * replace_open
    return [*(f"--file={path}" for path in files), *(f"--to={name}" for name in to), *flags]


# --- asking -------------------------------------------------------------------------------------


def _argv(verb: str, words: Sequence[str]) -> list[str]:
    return ["sudo", "-n", PROGRAM, verb, *words]


def _start(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
    except FileNotFoundError:
        raise Refused("sudo is not installed on this server: ask its admin.") from None


def _ask(verb: str, *words: str) -> Answer:
    """The answer of a verb. Raises as _run() does, and Refused where it answers in words."""
    out = _run(verb, "--json", *words)
    if not out.lstrip().startswith(b"{"):
        raise _nothing(out)
    try:
        return typed.decode(out, Answer)
    except msgspec.DecodeError as e:
        raise CommandFailed(f"hubtui-tutor {verb} says what makes no sense: {e}.") from None


def _run(verb: str, *words: str) -> bytes:
    """What a verb says. Raises Refused where sudo says no, CommandFailed, UsageError."""
    with _start(_argv(verb, words)) as process:
        try:
            out, err = process.communicate(timeout=LOOKING)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(PermissionError):  # it is root's; it ends with its pipes
                process.kill()
            raise CommandFailed(f"hubtui-tutor {verb} took longer than {LOOKING:.0f} s.") from None
    if not out.strip():
        raise _why(process.returncode, err, verb)
    return out


def _follow(verb: str, *words: str) -> Iterator[Event | None]:
    """The events of a change. Raises as _ask() does, and where it broke off."""
    process = _start(_argv(verb, ["--json", *words]))
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    said: list[bytes] = []

    def listen() -> None:
        for line in process.stdout or ():
            lines.put(line)
        lines.put(None)

    listeners = [
        threading.Thread(target=listen, daemon=True),
        threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True),
    ]
    for thread in listeners:
        thread.start()
    over, text = False, b""
    while True:
        try:
            line = lines.get(timeout=_BEAT)
        except queue.Empty:
            yield None
            continue
        if line is None:
            break
        try:
            event = typed.decode(line, Event)
        except msgspec.DecodeError:
            text = line
            continue
        over |= event.event is What.DONE
        yield event
    code = process.wait()
    if not over:
        listeners[1].join(timeout=5)
        raise _nothing(text) if code == 0 else _why(code, b"".join(said), verb)


def _nothing(said: bytes) -> Refused:
    """It says in words that there is nothing to do."""
    return Refused(shown(said.decode(errors="replace").strip(), limit=400))


def _why(code: int, err: bytes, verb: str) -> HubtuiError:
    """The last sentence on stderr as an error."""
    lines = err.decode(errors="replace").strip().splitlines()
    last = shown(lines[-1].strip(), limit=400) if lines else f"exit code {code}"
    if last.startswith("hubtui-tutor: "):
        said = last.removeprefix("hubtui-tutor: ")
        return UsageError(said) if code == 2 else CommandFailed(said)
    if last.startswith("Error: "):
        return UsageError(last.removeprefix("Error: "))
    if any(line.startswith("sudo:") for line in lines) or "sudo" in last:
        return Refused(
            f"sudo does not let you release ({last.removeprefix('sudo: ')}): ask the admin of this "
            "server to run: sudo hubtui install tutors"
        )
    return CommandFailed(f"hubtui-tutor {verb} ended: {last}.")
