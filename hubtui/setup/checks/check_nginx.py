"""Checks of nginx in front of the hub: kernels connect, a class has room, files can be uploaded."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from urllib.parse import urlsplit

from hubtui.findings import Finding
from hubtui.names import shown
from hubtui.reads import nginxconf
from hubtui.reads.nginxconf import Directive, NginxConf
from hubtui.setup.checks.check_apache import CONNECTIONS
from hubtui.setup.checks.subject import NotSeen, Subject, critical, warning
from hubtui.units import counted, seconds

_RELOAD = "nginx -t && nginx -s reload"
_BESIDE = 64
"""Connections for log-ins and pages besides."""
_SILENCE = 60  # seconds, nginx's own default for proxy_read_timeout
_UPLOAD = 10 * 2**20  # bytes: a notebook with a few pictures
_UPLOAD_WANTED = "100m"
_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}
_SECONDS = {"ms": 0.001, "": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_UPGRADE = ("Upgrade $http_upgrade", 'Connection "upgrade"')


def looks(subject: Subject) -> Iterator[Finding]:
    """All of it, where nginx leads to the hub."""
    conf = nginxconf.find()
    if conf is None or conf.unread:
        raise NotSeen
    leading = to_hub(conf, urlsplit(subject.course.hub.proxy).port or 80)
    if not leading:
        raise NotSeen
    yield from websockets(leading)
    yield from connections(conf, len(subject.seen.students))
    yield from uploads(leading)
    yield from patience(leading)


def to_hub(conf: NginxConf, port: int) -> list[Directive]:
    """Each proxy_pass that leads to the hub's proxy, directly or by the name of an upstream."""
    own = re.compile(rf"(?:127\.0\.0\.1|localhost|\[::1\]):{port}\Z")
    ours = {
        block.words[0].lower()
        for block in conf.top.all()
        if block.name == "upstream" and block.words
        if any(own.match(server.words[0]) for server in block.own("server") if server.words)
    }
    found = []
    for one in conf.top.all():
        if one.name == "proxy_pass" and one.words:
            target = re.match(r"https?://([^/$]*)", one.words[0])
            if target and (own.match(target[1]) or target[1].lower() in ours):
                found.append(one)
    return found


def websockets(leading: list[Directive]) -> Iterator[Finding]:
    """Whether each server that leads to the hub lets websockets through somewhere."""
    for first, mine in _by_server(leading):
        if any(_lets_through(one) for one in mine):
            continue
        yield critical(
            "web.websocket",
            f"nginx ({_place(first)}) lets no websocket through to the hub: notebooks open, and "
            "their kernels never connect.",
            _add(first, *_missing(first)),
        )


def _lets_through(one: Directive) -> bool:
    block = one.parent
    if block is None:
        return False
    headers = {
        said.words[0].lower(): said.words[1]
        for said in block.holding("proxy_set_header")
        if len(said.words) > 1
    }
    versions = [said.words[:1] for said in block.holding("proxy_http_version")]
    connection = headers.get("connection", "").lower()
    return (
        versions[-1:] == [("1.1",)]
        and headers.get("upgrade", "").lower() == "$http_upgrade"
        and (connection == "upgrade" or connection.startswith("$"))
    )


def _missing(one: Directive) -> list[str]:
    """The lines that let it through. A block's first header of its own ends what it inherits."""
    block = one.parent or one
    lines = [] if block.own("proxy_http_version") else ["proxy_http_version 1.1"]
    has = {said.words[0].lower() for said in block.own("proxy_set_header") if said.words}
    if not has:
        lines += [
            f"proxy_set_header {' '.join(map(_quoted, said.words))}"
            for said in block.holding("proxy_set_header")
            if said.words and said.words[0].lower() not in ("upgrade", "connection")
        ]
    return [
        *lines,
        *(f"proxy_set_header {said}" for said in _UPGRADE if said.split()[0].lower() not in has),
    ]


def _quoted(word: str) -> str:
    return (
        word if re.fullmatch(r"[\w$./:-]+", word) else '"' + re.sub(r'(["\\])', r"\\\1", word) + '"'
    )


def connections(conf: NginxConf, students: int) -> Iterator[Finding]:
    """Each connection of a student is two of nginx's: one to the browser, one to the hub."""
    said = next((one for one in conf.top.all() if one.name == "worker_connections"), None)
    each = _number(said, 512)
    processes = next(iter(conf.top.own("worker_processes")), None)
    auto = processes is not None and processes.words[:1] == ("auto",)
    has = each * (len(os.sched_getaffinity(0)) if auto else _number(processes, 1))
    needed = 2 * CONNECTIONS * students + _BESIDE
    if has >= needed:
        return
    text = f"nginx has {counted(has, 'connection')}, and an open notebook needs {2 * CONNECTIONS}: "
    text += f"with {counted(students, 'student')} at work nobody else gets in."
    if said is None:
        yield warning("web.workers", text, "in nginx.conf: events { worker_connections 1024; }")
    else:
        yield warning("web.workers", text, _change(said, "1024" if needed <= 1024 else str(needed)))


def uploads(leading: list[Directive]) -> Iterator[Finding]:
    """nginx refuses what is larger than 1 MB unless it is told otherwise."""
    for first, _ in _by_server(leading):
        said = (first.parent or first).holding("client_max_body_size")
        size = _amount(said[-1] if said else None, 2**20, _UNITS)
        if size == 0 or size >= _UPLOAD:
            continue
        yield warning(
            "web.upload",
            f"nginx ({_place(said[-1] if said else first)}) refuses files and notebooks above "
            f"{size / 2**20:.0f} MB: saving them fails (413).",
            _change(said[-1], _UPLOAD_WANTED)
            if said
            else _add(first, f"client_max_body_size {_UPLOAD_WANTED}"),
        )


def patience(leading: list[Directive]) -> Iterator[Finding]:
    """Whether a connection that is silent for a while is cut."""
    for first, _ in _by_server(leading):
        said = (first.parent or first).holding("proxy_read_timeout")
        length = _amount(said[-1] if said else None, _SILENCE, _SECONDS)
        if length < _SILENCE:
            yield warning(
                "web.timeout",
                f"nginx ({_place(said[-1])}) cuts whatever is silent for {seconds(length)}: a "
                "kernel loses its connection, and a server that starts slowly is an error.",
                _change(said[-1], "300s"),
            )


def _by_server(leading: list[Directive]) -> list[tuple[Directive, list[Directive]]]:
    """Of each server the proxy_pass to begin with, that of ``/`` where there is one, and all."""
    servers: dict[Directive | None, list[Directive]] = {}
    for one in leading:
        servers.setdefault(one.within("server"), []).append(one)
    return [
        (next((one for one in mine if one.parent and one.parent.words == ("/",)), mine[0]), mine)
        for mine in servers.values()
    ]


def _number(one: Directive | None, default: int) -> int:
    word = one.words[0] if one is not None and one.words else ""
    return int(word) if re.fullmatch(r"[0-9]{1,9}", word) else default


def _amount(
    one: Directive | None, default: float, units: dict[str, float] | dict[str, int]
) -> float:
    """A size or a length of time as nginx writes it; the default where it is written otherwise."""
    word = one.words[0].lower() if one is not None and one.words else ""
    match = re.fullmatch(r"([0-9]{1,12})([a-z]*)", word)
    return int(match[1]) * units[match[2]] if match and match[2] in units else default


def _add(after: Directive, *lines: str) -> str:
    """The command that puts lines behind one, and has nginx read them."""
    text = "\\n".join(f"{line};".replace("\\", "\\\\") for line in lines)
    change = shlex.quote(f"{after.line}{{/proxy_pass/a {text}")
    return f"sed -i -e {shown(change)} -e '}}' {_file(after)} && {_RELOAD}"


def _change(one: Directive, value: str) -> str:
    return f"sed -i '{one.line}s/\\b{one.name}[^;]*/{one.name} {value}/' {_file(one)} && {_RELOAD}"


def _file(one: Directive) -> str:
    """sed would put a file of its own in the place of a link."""
    return shown(shlex.quote(str(one.file.resolve())))


def _place(one: Directive) -> str:
    return f"{shown(str(one.file))}, line {one.line}"
