"""The ways to reach a person: a mail, a command, a webhook. Each ends in time, whatever answers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hubtui.clock import Clock
from hubtui.course import Course
from hubtui.errors import CommandFailed, HubtuiError
from hubtui.names import shown
from hubtui.server import Server
from hubtui.server.run import Run

SENDMAIL = "/usr/sbin/sendmail"
LIMIT = 20.0
"""Seconds for all ways together: they are tried side by side."""
_PROGRAM = LIMIT - 6
"""Seconds for a program, so that its end by TERM and KILL is still within LIMIT."""


@dataclass(frozen=True)
class Way:
    """One way."""

    name: str
    """``mail``, ``command`` or ``webhook``: the key in course.yaml."""
    words: str
    """``by mail to admin@example.org``; what may be secret is left out."""
    send: Callable[[str, str], None]
    """Sends subject and text. Raises HubtuiError."""


def words(course: Course) -> dict[str, str]:
    """The ways that course.yaml names, by their keys, in words."""
    notify, found = course.notify, {}
    if notify.mail is not None:
        found["mail"] = f"by mail to {shown(notify.mail, 80)}"
    if notify.command is not None:
        found["command"] = f"by {shown(notify.command[0], 80)}"
    if notify.webhook is not None:
        found["webhook"] = f"by a POST to {shown(notify.webhook.split('/')[2], 80)}"
    return found


def of(server: Server) -> list[Way]:
    """The same, ready to be used."""
    notify, run = server.course.notify, server.run
    send: dict[str, Callable[[str, str], None]] = {
        "mail": lambda s, t: _mail(run, server.clock, notify.mail or "", s, t),
        "command": lambda s, t: _command(run, notify.command or [], s, t),
        "webhook": lambda s, t: _post(notify.webhook or "", s, t),
    }
    return [Way(name, said, send[name]) for name, said in words(server.course).items()]


def reach(found: Sequence[Way], subject: str, text: str) -> dict[str, str]:
    """Try all of them side by side; by its name what went wrong, empty where it went well."""
    import threading

    said = {way.name: f"there was no answer within {LIMIT:.0f} s." for way in found}

    def go(way: Way) -> None:
        try:
            way.send(subject, text)
        except HubtuiError as e:
            said[way.name] = str(e)
        except Exception as e:  # a library's own: the other ways and the caller go on
            said[way.name] = f"{type(e).__name__}: {shown(str(e), 200)}."
        else:
            said[way.name] = ""

    threads = [threading.Thread(target=go, args=(way,), daemon=True) for way in found]
    deadline = time.monotonic() + LIMIT
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return dict(said)


def letter(address: str, subject: str, text: str, clock: Clock) -> str:
    """A mail as sendmail takes it on its standard input: ASCII, whatever is in it.

    Who it is from is left to the mail program, which knows what its relay takes.
    """
    from email import policy
    from email.message import EmailMessage
    from email.utils import format_datetime, make_msgid

    mail = EmailMessage(policy.SMTP.clone(linesep="\n"))
    mail["To"] = address
    mail["Subject"] = shown(subject, 200)
    mail["Date"] = format_datetime(clock())
    mail["Message-ID"] = make_msgid(domain=os.uname().nodename or "localhost")  # asks no DNS
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text, cte="quoted-printable")
    return mail.as_bytes().decode("ascii")


def _mail(run: Run, clock: Clock, address: str, subject: str, text: str) -> None:
    argv = [SENDMAIL, "-i", "--", address]
    run(argv, timeout=_PROGRAM, stdin=letter(address, subject, text, clock)).check()


def _command(run: Run, command: Sequence[str], subject: str, text: str) -> None:
    """Subject, an empty line and the text on its standard input; its arguments are its own."""
    run(command, timeout=_PROGRAM, stdin=f"{subject}\n\n{text}\n").check()


def _post(url: str, subject: str, text: str) -> None:
    """One POST of plain text, the subject in the header Title, as ntfy reads it."""
    import http.client
    import ssl
    from email.header import Header
    from urllib.parse import urlsplit

    where = urlsplit(url)
    connect = http.client.HTTPSConnection
    if where.scheme == "http":
        connect = http.client.HTTPConnection  # type: ignore[assignment]
    connection = connect(where.hostname or "", where.port, timeout=LIMIT)
    path = (where.path or "/") + (f"?{where.query}" if where.query else "")
    title = subject if subject.isascii() else Header(subject, "utf-8", maxlinelen=10_000).encode()
    headers = {"Title": title, "Content-Type": "text/plain; charset=utf-8"}
    try:
        connection.request("POST", path, body=text.encode(), headers=headers)
        status = connection.getresponse().status
    except ssl.SSLCertVerificationError as e:
        raise CommandFailed(f"its certificate is not good: {shown(e.verify_message, 200)}.") from e
    except (OSError, http.client.HTTPException) as e:
        why = getattr(e, "strerror", None) or str(e) or type(e).__name__
        raise CommandFailed(f"it cannot be reached: {shown(why, 200)}.") from e
    finally:
        connection.close()
    if 300 <= status < 400:
        raise CommandFailed(
            f"it answered {status}, and a redirect is not followed: "
            "put the address that it leads to in notify.webhook."
        )
    if not 200 <= status < 300:
        raise CommandFailed(f"it answered {status}.")
