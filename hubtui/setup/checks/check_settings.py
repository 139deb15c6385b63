"""Checks of the hub's settings, as its configuration says them in plain values.

What each does was measured on JupyterHub 5.5 and 6.1 with NativeAuthenticator 1.3, and on 1.2 with
0.0.5.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from hubtui.findings import Finding
from hubtui.names import shown
from hubtui.reads import hubprocess, reading
from hubtui.reads.hubconfig import HubConfig
from hubtui.reads.hubprocess import number
from hubtui.setup.checks.subject import HubHere, NotSeen, Subject, critical, note, warning

PATTERN = r"^[a-z][a-z0-9_-]{0,30}[a-z0-9]$"
_NATIVE = ("native", "nativeauthenticator.NativeAuthenticator")


def readable(hub: HubHere) -> Iterator[Finding]:
    """Whether the configuration can be looked at, and changed by root alone."""
    config = hub.config
    if config is None:
        text = "The hub's configuration was not found: its settings were not looked at."
        do = f"start the hub, or put it in {hubprocess.USUAL_CONFIGS[0]}; then: hubtui doctor"
        yield note("hub.config", text, do)
        return
    also = (hub.process.uid,) if hub.process else ()
    try:
        found = reading.flaw(config.path, also=also)
    except OSError:
        found = None
    if found:
        text = f"Whoever can change the hub's configuration can become root: {found}."
        yield critical("hub.config", text, found.mend(then="where the hub is started"))
    elif config.trouble:
        do = "sudo hubtui doctor" if os.geteuid() != 0 else f"look at {shown(str(config.path))}"
        yield warning("hub.config", f"The hub's settings were not looked at: {config.trouble}.", do)


def settings(hub: HubHere) -> Iterator[Finding]:
    """Those that lock everybody out, or let strangers in."""
    config = hub.config
    if config is None or config.trouble:
        raise NotSeen
    yield from _authenticator(config)
    yield from _allow_all(hub, config)
    yield from _allowed_users(hub, config)
    do = f"in {shown(str(config.path))}: "
    if config.authenticator("allow_existing_users"):
        yield warning(
            "hub.allow_existing_users",
            "With allow_existing_users a stranger who signs up under a removed student's name is "
            "authorised at once, if the hub still knows that name.",
            do + "c.Authenticator.allow_existing_users = False",
        )
    if config.authenticator("open_signup"):
        text = "With open_signup everybody who signs up is authorised at once, without you."
        yield warning("hub.open_signup", text, do + "c.NativeAuthenticator.open_signup = False")
    yield from _not_looked_at(config)
    pattern = config.authenticator("username_pattern")
    if pattern is None and config.line_of_unread(*_both("username_pattern")) is None:
        text = "The form takes every name, also ones that can't become accounts."
        yield note("hub.pattern", text, f'{do}c.Authenticator.username_pattern = r"{PATTERN}"')
    elif isinstance(pattern, str) and not pattern.endswith(("$", r"\Z")):
        text = "username_pattern has no $ at its end: what follows a good beginning is not judged."
        yield note("hub.pattern", text, f'{do}c.Authenticator.username_pattern = r"{PATTERN}"')
    name = "JupyterHub.cleanup_servers"
    if config.get(name) is not False and config.line_of_unread(name) is None:
        text = "When the hub is stopped or restarted, all students' servers stop with it."
        lines = "c.JupyterHub.cleanup_servers = False; c.JupyterHub.cleanup_proxy = False"
        yield note("hub.cleanup_servers", text, do + lines)


def _not_looked_at(config: HubConfig) -> Iterator[Finding]:
    """What may let strangers in and is not written as a plain value."""
    where, traits = shown(str(config.path)), ("open_signup", "allow_existing_users")
    for trait in traits:
        if line := config.line_of_unread(*_both(trait)):
            text = f"{trait} could not be read from line {line} of {where}: True lets strangers in."
            yield note("hub.unread", text, "look at that line: it should be False")
    if config.elsewhere:
        lines = ", ".join(map(str, config.elsewhere))
        text = f"What line {lines} of {where} sets was not looked at: it reads more from elsewhere."
        yield note(
            "hub.unread", text, f"look there for {' and '.join(traits)}: both should be False"
        )


def _both(trait: str) -> tuple[str, str]:
    return f"NativeAuthenticator.{trait}", f"Authenticator.{trait}"


def _authenticator(config: HubConfig) -> Iterator[Finding]:
    name = "JupyterHub.authenticator_class"
    value, line = config.get(name), config.line_of_unread(name)
    if isinstance(value, str) and value not in _NATIVE:
        text = f"The hub's authenticator is {shown(value, 80)}: hubtui knows NativeAuthenticator."
        yield warning("hub.authenticator", text)
    elif value is None and line is None and not config.elsewhere:
        text = "The hub uses its default authenticator (PAM), so nobody can sign up."
        do = f'in {shown(str(config.path))}: c.JupyterHub.authenticator_class = "native"'
        yield warning("hub.authenticator", text, do)


def _allow_all(hub: HubHere, config: HubConfig) -> Iterator[Finding]:
    """From JupyterHub 5 on it is needed; before there was no such setting."""
    if config.authenticator("allow_all") is True or (0,) < number(hub.version) < (5,):
        return
    where, id_ = shown(str(config.path)), "hub.allow_all"
    why = "without it even the admin gets 'Invalid username or password'"
    if line := config.line_of_unread(*_both("allow_all")):
        text = f"allow_all could not be read from line {line} of {where}; {why}."
        yield note(id_, text)
        return
    do = f"in {where}: c.Authenticator.allow_all = True; then restart the hub"
    if not number(hub.version):
        text = "allow_all is not set, and which JupyterHub this is can't be seen now. "
        yield warning(id_, f"{text}From JupyterHub 5 on, {why}.", f"from 5 on, {do}")
    elif config.elsewhere:
        lines = ", ".join(map(str, config.elsewhere))
        text = f"allow_all is not set in {where}, unless by its line {lines}; {why}."
        yield warning(id_, text, do)
    else:
        text = f"JupyterHub {shown(hub.version)} lets nobody in, for allow_all is not set: {why}."
        yield critical(id_, text, do)


def _allowed_users(hub: HubHere, config: HubConfig) -> Iterator[Finding]:
    """Before JupyterHub 5 an approved sign-up that is not in the list is kept out (seen in 1.2)."""
    if not (0,) < number(hub.version) < (5,):
        return
    for trait in ("allowed_users", "whitelist"):
        if config.names(*_both(trait)):
            yield warning(
                "hub.allowed_users",
                f"JupyterHub {shown(hub.version)} lets in only the names in {trait}: whoever else "
                "you approve gets 'Invalid username or password'.",
                f"take {trait} out of {shown(str(config.path))}; then restart the hub",
            )


def unclaimed(subject: Subject) -> Iterator[Finding]:
    """Names that are authorised at sign-up, whoever takes them."""
    config = subject.hub.config
    if config is None or config.trouble or any(m.what == "sign-ups" for m in subject.seen.missing):
        raise NotSeen
    url = subject.course.hub.url
    at = f" at {shown(url.rstrip('/'))}/hub/signup" if url else ""
    taken = {sign_up.name for sign_up in subject.seen.sign_ups}
    traits = ("admin_users", "allowed_users", "whitelist")
    for trait in traits:
        for name in sorted(config.names(*_both(trait))):
            if name.lower() in taken:  # the form lower-cases
                continue
            safe = shown(name, 40)
            yield warning(
                "hub.unclaimed",
                f"{safe} is in {trait} and has not signed up: whoever registers that name first "
                "has it, authorised at once.",
                f"sign up as {safe} now{at}, or take it out of {shown(str(config.path))}",
            )
    if config.elsewhere or any(config.line_of_unread(*_both(trait)) for trait in traits):
        raise NotSeen  # there may be more names
