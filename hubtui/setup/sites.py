"""The sites of Apache and nginx that lead to this machine, read as text.

Apache 2.4: ``<VirtualHost>`` with ServerName, ProxyPass or RewriteRule, SSLEngine. nginx:
``server {…}`` with server_name, listen, proxy_pass, an ``upstream {…}`` of its own. What a site
includes from another file is not followed; what cannot be read is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hubtui.errors import Refused
from hubtui.setup import reading

APACHE = (Path("/etc/apache2/sites-enabled"), "*.conf")
NGINX = (
    (Path("/etc/nginx/sites-enabled"), "*"),
    (Path("/etc/nginx/conf.d"), "*.conf"),
    (Path("/etc/nginx"), "nginx.conf"),
)
_HOST = r"[A-Za-z0-9][A-Za-z0-9.-]*"
_HERE = r"(?:127\.0\.0\.1|localhost|\[::1\])(?::(\d{1,5}))?"
_OPENS = re.compile(r"<VirtualHost\b([^>]*)", re.I)
_CLOSES = re.compile(r"</VirtualHost\b", re.I)
_SERVER_NAME = re.compile(
    rf"^ServerName[ \t]+\"?(https?://)?({_HOST})(?::(\d{{1,5}}))?\"?[ \t]*$", re.M | re.I
)
_PROXY_PASS = re.compile(rf"^(?:ProxyPass|RewriteRule)\b.*?://{_HERE}", re.M | re.I)
_SSL_ENGINE = re.compile(r"^SSLEngine[ \t]+on\b", re.M | re.I)
_PORT = re.compile(r"(?:[^\s\"]*:)?(\d{1,5})")
_TOKEN = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|#[^\n]*|[{};]|[^\s{};\"'#]+")
_PASSED = re.compile(rf"https?://(?:{_HERE}|({_HOST}))(?:[/:].*)?")
_LISTENS = re.compile(_HERE)


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
    found = [site for path, text in _texts(*APACHE) for site in of_apache(text, path)]
    for folder, pattern in NGINX:
        found += [site for path, text in _texts(folder, pattern) for site in of_nginx(text, path)]
    return found


def leading_to(port: int | None, found: list[Site]) -> Site | None:
    """The site that leads to ``port``, by TLS where there is a choice; else any that leads here."""
    order = sorted(found, key=lambda site: (port not in site.ports, not site.tls))
    return order[0] if order else None


def of_apache(text: str, path: Path) -> Iterator[Site]:
    """Apache's sites that lead to a port of this machine."""
    for addresses, body in _hosts(text):
        name, ports = _SERVER_NAME.search(body), _PROXY_PASS.findall(body)
        if name and ports:
            listens = _listening(word for word in addresses.split() if ":" in word)
            tls = name[1] == "https://" or 443 in listens or bool(_SSL_ENGINE.search(body))
            # with a scheme, ServerName is what stands before Apache: its port counts, not ours
            public = [int(name[3] or 0)] if name[1] else listens
            yield Site(name[2], _numbers(ports), tls, f"ServerName in {path}", _odd(public, tls))


def _hosts(text: str) -> Iterator[tuple[str, str]]:
    """What each ``<VirtualHost>`` listens on, and its lines without indents and comments."""
    addresses, body = None, list[str]()
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        said = line.strip()
        if opened := _OPENS.match(said):
            addresses, body = opened[1], []
        elif addresses is not None and _CLOSES.match(said):
            yield addresses, "\n".join(body)
            addresses = None
        elif not said.startswith("#"):
            body.append(said)


Block = list["Directive"]


@dataclass(frozen=True)
class Directive:
    """One directive of nginx, with the block that it opens."""

    words: tuple[str, ...]
    block: Block

    @property
    def name(self) -> str:
        """Its first word."""
        return self.words[0] if self.words else ""


def nginx_tree(text: str) -> Block:
    """nginx's configuration as directives; what is not closed ends with the file."""
    top: Block = []
    open_: list[Block] = [top]
    words: list[str] = []
    for match in _TOKEN.finditer(text):
        word = match[0]
        if word.startswith("#"):
            continue
        if word in "{;":
            made = Directive(tuple(words), [])
            words = []
            if made.words:
                open_[-1].append(made)
            if word == "{":
                open_.append(made.block)
        elif word == "}":
            words = []
            if len(open_) > 1:
                open_.pop()
        else:
            words.append(word[1:-1] if word[0] in "\"'" and len(word) > 1 else word)
    return top


def walk(block: Block) -> Iterator[Directive]:
    """All directives of a block and of the blocks in it."""
    waiting = list(reversed(block))
    while waiting:
        one = waiting.pop()
        yield one
        waiting += reversed(one.block)


def of_nginx(text: str, path: Path) -> Iterator[Site]:
    """nginx's sites that lead to a port of this machine."""
    everything = list(walk(nginx_tree(text)))
    upstreams = {
        one.words[1]: [port for each in one.block for port in _of_upstream(each)]
        for one in everything
        if one.name == "upstream" and len(one.words) > 1
    }
    for server in everything:
        if server.name != "server" or not server.block:
            continue
        inner = list(walk(server.block))
        ports = [port for one in inner for port in _passed(one, upstreams)]
        names = [
            word
            for one in server.block
            if one.name == "server_name"
            for word in one.words[1:]
            if re.fullmatch(_HOST, word)
        ]
        if ports and names:
            listens = [one.words for one in server.block if one.name == "listen"]
            tls = any("ssl" in words or words[1:2] == ("443",) for words in listens)
            public = _listening(
                words[1] for words in listens if words[1:] and (not tls or "ssl" in words)
            )
            where = f"server_name in {path}"
            yield Site(names[0], _numbers(ports), tls, where, _odd(public, tls))


def _of_upstream(one: Directive) -> Iterator[str]:
    if one.name == "server" and len(one.words) > 1 and (found := _LISTENS.fullmatch(one.words[1])):
        yield found[1] or ""


def _passed(one: Directive, upstreams: dict[str, list[str]]) -> list[str]:
    if one.name != "proxy_pass" or len(one.words) < 2:
        return []
    found = _PASSED.fullmatch(one.words[1])
    if found is None:
        return []
    return upstreams.get(found[2], []) if found[2] else [found[1] or ""]


def _listening(addresses: Iterable[str]) -> list[int]:
    """The ports of addresses such as ``*:443``, ``8443``, ``[::]:443``."""
    return [int(found[1]) for each in addresses if (found := _PORT.fullmatch(each))]


def _odd(ports: list[int], tls: bool) -> int | None:
    """The port that has to be said in a URL; None where the usual one is among them."""
    usual = 443 if tls else 80
    return None if not ports or usual in ports or not ports[0] else ports[0]


def _numbers(ports: list[str]) -> frozenset[int]:
    return frozenset(int(port) if port else 80 for port in ports)


def _texts(folder: Path, pattern: str) -> Iterator[tuple[Path, str]]:
    try:
        paths = sorted(folder.glob(pattern))
    except OSError:
        return
    for path in paths:
        try:
            yield path, reading.read(path).decode("utf-8", "replace")
        except (OSError, Refused):
            continue
