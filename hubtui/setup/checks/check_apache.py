"""Checks of Apache in front of the hub: kernels connect, a class has room, nobody is cut off."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from urllib.parse import urlsplit

from hubtui.findings import Finding
from hubtui.names import shown
from hubtui.reads import apacheconf
from hubtui.reads.apacheconf import ApacheConf, Directive, Section
from hubtui.setup.checks.subject import NotSeen, Subject, critical, warning
from hubtui.units import counted

CONNECTIONS = 2
"""That an open notebook holds all the time: its kernel's websocket, and one that comes and goes."""
_BESIDE = 25
"""Workers for log-ins and pages besides."""
_SILENCE = 60
"""Seconds; the hub and servers ping their websockets each 30 s."""
_PATIENCE = 300  # seconds, Debian's own Timeout
_RELOAD = "apache2ctl configtest && apache2ctl graceful"
_PROXIES = ("proxypass", "proxypassmatch", "rewriterule")
_THREADED = {"mpm_event_module", "mpm_worker_module"}


def looks(subject: Subject) -> Iterator[Finding]:
    """All of it, where Apache leads to the hub."""
    conf = apacheconf.find()
    if conf is None or conf.unread:
        raise NotSeen
    port = urlsplit(subject.course.hub.proxy).port or 80
    leading = [one for one in conf.directives if leads(one, port, "http")]
    if not leading:
        raise NotSeen
    yield from websockets(conf, leading, port)
    yield from workers(conf, len(subject.seen.students))
    yield from patience(conf, leading)


def leads(one: Directive, port: int, scheme: str) -> bool:
    """Whether a directive leads to the hub's proxy on this machine."""
    target = rf"{scheme}s?://(?:127\.0\.0\.1|localhost|\[::1\]):{port}(?:/|\$|%|\Z)"
    return one.name in _PROXIES and any(re.match(target, word, re.I) for word in one.words)


def websockets(conf: ApacheConf, leading: list[Directive], port: int) -> Iterator[Finding]:
    """Whether each host that leads to the hub lets websockets through."""
    through = [one for one in conf.directives if leads(one, port, "ws") or _upgrades(one, port)]
    by_module = [one for one in through if not _upgrades(one, port)]
    for host, first in _by_host(leading).items():
        mine = [one for one in through if one.host in (host, None)]
        if not mine:
            yield critical(
                "web.websocket",
                f"Apache ({_place(first)}) lets no websocket through to the hub: notebooks open, "
                "and their kernels never connect.",
                f"{_let_through(first, port)} && {_RELOAD}",
            )
        elif all(one in by_module for one in mine) and (
            "proxy_wstunnel_module" not in conf.modules
        ):
            yield critical(
                "web.websocket",
                f"Apache ({_place(mine[0])}) shall let websockets through and lacks the module for "
                "it: kernels never connect.",
                f"a2enmod proxy_wstunnel && {_RELOAD}",
            )


def _upgrades(one: Directive, port: int) -> bool:
    """``upgrade=websocket`` of mod_proxy_http, from Apache 2.4.47 on."""
    return leads(one, port, "http") and any(
        word.lower().startswith("upgrade=") for word in one.words
    )


def _let_through(one: Directive, port: int) -> str:
    file = _file(one)
    if one.name != "rewriterule":
        change = r"/ProxyPass/Is/[ \t\r]*$/ upgrade=websocket/"
        return f"sed -i '{one.line}{{{change}}}' {file}"
    path = re.search(r"://[^/$%]*(/[^$%]*)", " ".join(one.words))
    target = shown(f"ws://127.0.0.1:{port}{path[1].strip() if path else '/'}")
    lines = "RewriteCond %{HTTP:Upgrade} =websocket [NC]\\n"
    lines += f"RewriteRule ^/?(.*) {target}$1 [P,L]"
    change = shlex.quote(f"{one.line}{{/RewriteRule/Ii {lines}")
    return f"sed -i -e {change} -e '}}' {file}"


def workers(conf: ApacheConf, students: int) -> Iterator[Finding]:
    """Each websocket holds a worker for as long as its notebook is open."""
    threaded = bool(conf.modules & _THREADED)
    said = conf.last("maxrequestworkers", "maxclients")
    each = min(_number(conf.last("threadsperchild"), 25), _number(conf.last("threadlimit"), 64))
    servers = _number(conf.last("serverlimit"), 16 if threaded else 256)
    most = servers * each if threaded else servers
    has = min(_number(said, 400 if threaded else 256), most)
    needed = CONNECTIONS * students + _BESIDE
    if has >= needed:
        return
    wanted = -(-needed // each) * each if threaded else needed
    if said is not None and wanted <= most:
        do = _change(said, said.name, wanted)
    else:
        lines = (
            f"ServerLimit {-(-wanted // each) if threaded else wanted}\\nMaxRequestWorkers {wanted}"
        )
        main = _file(conf.directives[0])
        do = f"printf '{lines}\\n' >>{main} && apache2ctl configtest && apache2ctl restart"
    yield warning(
        "web.workers",
        f"Apache has {counted(has, 'worker')}, and an open notebook holds {CONNECTIONS}: with "
        f"{counted(students, 'student')} at work nobody else gets in.",
        do,
    )


def patience(conf: ApacheConf, leading: list[Directive]) -> Iterator[Finding]:
    """Whether a connection that is silent for a while is cut."""
    for host, first in _by_host(leading).items():
        own = next((word for word in first.words if word.lower().startswith("timeout=")), "")
        said = conf.last("proxytimeout", host=host) or conf.last("timeout", host=host)
        number = own.partition("=")[2] if own else " ".join(said.words[:1] if said else ())
        if not number.isdecimal() or int(number) >= _SILENCE:
            continue
        place = first if own or said is None else said
        yield warning(
            "web.timeout",
            f"Apache ({_place(place)}) cuts whatever is silent for {int(number)} s: a kernel loses "
            "its connection, and a server that starts slowly is an error.",
            _change(place, "timeout", _PATIENCE),
        )


def _change(one: Directive, name: str, number: int) -> str:
    """The command that sets the number behind a name in that line, and has Apache read it."""
    change = rf"{one.line}s/\({name}[ \t=]*\)[0-9][0-9]*/\1{number}/I"
    return f"sed -i '{change}' {_file(one)} && {_RELOAD}"


def _by_host(directives: list[Directive]) -> dict[Section | None, Directive]:
    """The first directive of each virtual host."""
    found: dict[Section | None, Directive] = {}
    for one in directives:
        found.setdefault(one.host, one)
    return found


def _number(one: Directive | None, default: int) -> int:
    word = one.words[0] if one is not None and one.words else ""
    return int(word) if re.fullmatch(r"[0-9]{1,9}", word) and int(word) else default


def _place(one: Directive) -> str:
    return f"{shown(str(one.file))}, line {one.line}"


def _file(one: Directive) -> str:
    """sed would put a file of its own in the place of a link."""
    return shown(shlex.quote(str(one.file.resolve())))
