"""The sites of Apache and nginx that lead to a port of this machine: what students open.

Apache 2.4: ``<VirtualHost>`` with ServerName, ProxyPass or RewriteRule, SSLEngine. nginx:
``server {…}`` with server_name, listen, proxy_pass, and the ``upstream {…}`` that it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hubtui.reads import apacheconf, nginxconf
from hubtui.reads.apacheconf import ApacheConf, Section
from hubtui.reads.nginxconf import NginxConf

_HOST = r"[A-Za-z0-9][A-Za-z0-9.-]*"
_HERE = r"(?:127\.0\.0\.1|localhost|\[::1\])(?::(\d{1,5}))?"
_NAME = re.compile(rf"(https?://)?({_HOST})(?::(\d{{1,5}}))?")
_LEADS = re.compile(rf"\w+://{_HERE}(?:[/:].*)?")
_PASSED = re.compile(rf"https?://(?:{_HERE}|({_HOST}))(?:[/:].*)?")
_LISTENS = re.compile(_HERE)
_PORT = re.compile(r"(?:[^\s\"]*:)?(\d{1,5})")


@dataclass(frozen=True)
class Site:
    """One name that leads to a port of this machine."""

    name: str
    ports: frozenset[int]
    tls: bool
    where: str
    """``ServerName in /etc/apache2/sites-enabled/hub.conf``."""
    port: int | None = None
    """Where it is not the usual one."""

    @property
    def url(self) -> str:
        """What students open."""
        port = f":{self.port}" if self.port else ""
        return f"{'https' if self.tls else 'http'}://{self.name}{port}"


def sites() -> list[Site]:
    """All of them, Apache's first. Raises nothing."""
    apache, nginx = apacheconf.find(), nginxconf.find()
    return [*(of_apache(apache) if apache else ()), *(of_nginx(nginx) if nginx else ())]


def leading_to(port: int | None, found: list[Site]) -> Site | None:
    """The site that leads to ``port``, by TLS where there is a choice; else any that leads here."""
    order = sorted(found, key=lambda site: (port not in site.ports, not site.tls))
    return order[0] if order else None


def of_apache(conf: ApacheConf) -> Iterator[Site]:
    """Apache's sites that lead to a port of this machine."""
    hosts: dict[Section, list[apacheconf.Directive]] = {}
    for one in conf.directives:
        if one.host is not None:
            hosts.setdefault(one.host, []).append(one)
    for host, directives in hosts.items():
        named = next((one for one in directives if one.name == "servername" and one.words), None)
        name = _NAME.fullmatch(named.words[0]) if named else None
        ports = [
            found[1] or ""
            for one in directives
            if one.name in ("proxypass", "rewriterule")
            for word in one.words
            if (found := _LEADS.fullmatch(word))
        ]
        if named is None or name is None or not ports:
            continue
        listens = _listening(word for word in host.words if ":" in word)
        engine = any(one.name == "sslengine" and _is_on(one.words) for one in directives)
        tls = name[1] == "https://" or 443 in listens or engine
        # With a scheme, ServerName is what stands before Apache: its port counts, not ours.
        public = [int(name[3] or 0)] if name[1] else listens
        where = f"ServerName in {named.file}"
        yield Site(name[2], _numbers(ports), tls, where, _odd(public, tls=tls))


def of_nginx(conf: NginxConf) -> Iterator[Site]:
    """nginx's sites that lead to a port of this machine."""
    everything = list(conf.top.all())
    upstreams = {
        one.words[0]: [
            found[1] or ""
            for each in one.own("server")
            if each.words and (found := _LISTENS.fullmatch(each.words[0]))
        ]
        for one in everything
        if one.name == "upstream" and one.words
    }
    for server in everything:
        if server.name != "server":
            continue
        ports = [
            port
            for one in server.all()
            if one.name == "proxy_pass" and one.words
            for port in _passed(one.words[0], upstreams)
        ]
        named = [
            (word, one.file)
            for one in server.own("server_name")
            for word in one.words
            if re.fullmatch(_HOST, word)
        ]
        if ports and named:
            listens = [one.words for one in server.own("listen") if one.words]
            tls = any("ssl" in words or words[0] == "443" for words in listens)
            public = _listening(words[0] for words in listens if not tls or "ssl" in words)
            (name, file), *_ = named
            where = f"server_name in {file}"
            yield Site(name, _numbers(ports), tls, where, _odd(public, tls=tls))


def _passed(target: str, upstreams: dict[str, list[str]]) -> list[str]:
    found = _PASSED.fullmatch(target)
    if found is None:
        return []
    return upstreams.get(found[2], []) if found[2] else [found[1] or ""]


def _is_on(words: tuple[str, ...]) -> bool:
    return bool(words) and words[0].lower() == "on"


def _listening(addresses: Iterable[str]) -> list[int]:
    """The ports of addresses such as ``*:443``, ``8443``, ``[::]:443``."""
    return [int(found[1]) for each in addresses if (found := _PORT.fullmatch(each))]


def _odd(ports: list[int], *, tls: bool) -> int | None:
    """The port that has to be said in a URL; None where the usual one is among them."""
    usual = 443 if tls else 80
    return None if not ports or usual in ports or not ports[0] else ports[0]


def _numbers(ports: list[str]) -> frozenset[int]:
    return frozenset(int(port) if port else 80 for port in ports)
