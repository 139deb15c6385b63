"""Sites of Apache and nginx as admins write them, and as nobody should."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui.reads import apacheconf, nginxconf, reading, sites
from hubtui.reads.sites import Site, leading_to

JUPYTERHUB_DOCS = """
<VirtualHost *:80>
  ServerName HUB.DOMAIN.TLD
  Redirect / https://HUB.DOMAIN.TLD
</VirtualHost>
<VirtualHost *:443>
  ServerName HUB.DOMAIN.TLD
  SSLEngine on
  RewriteEngine On
  RewriteCond %{HTTP:Upgrade} =websocket [NC]
  RewriteRule /(.*) ws://127.0.0.1:8000/$1 [P,L]
  # ProxyPass / http://127.0.0.1:1/
  <Location "/">
    ProxyPass http://127.0.0.1:8000/
  </Location>
</VirtualHost>
"""
NGINX_DOCS = r"""
map $http_upgrade $connection_upgrade { default upgrade; '' close; }
server { listen 80; server_name hub.domain.tld; return 302 https://$host$request_uri; }
server {
  listen 443 ssl; # {
  server_name hub.domain.tld "www.domain.tld";
  location / { proxy_pass http://127.0.0.1:8000; proxy_set_header X-A "a;}{"; }
  location ~ /.well-known { allow all; }
}
"""


@pytest.fixture(autouse=True, scope="module")
def readable() -> Iterator[None]:
    """Files are read whoever owns them."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reading, "read", lambda path: path.read_bytes())
        yield


def of_apache(text: str) -> list[Site]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "apache2.conf")
        path.write_bytes(text.encode(errors="replace"))
        return list(sites.of_apache(apacheconf.read(path)))


def of_nginx(text: str) -> list[Site]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "nginx.conf")
        path.write_bytes(text.encode(errors="replace"))
        return list(sites.of_nginx(nginxconf.read(path)))


def urls(found: list[Site]) -> list[str]:
    return [site.url for site in found]


def test_the_site_of_jupyterhubs_own_documentation_is_found() -> None:
    assert urls(of_apache(JUPYTERHUB_DOCS)) == ["https://HUB.DOMAIN.TLD"]
    (site,) = of_nginx(NGINX_DOCS)
    assert site.url == "https://hub.domain.tld"
    assert site.ports == {8000}


def test_a_site_without_tls_is_http() -> None:
    plain = "server { listen 80; server_name a.org; location / { proxy_pass http://[::1]:8000/; } }"
    assert urls(of_nginx(plain)) == ["http://a.org"]
    plain = (
        "<VirtualHost *:80>\nServerName a.org\nProxyPass / http://localhost:8000/\n</VirtualHost>"
    )
    assert urls(of_apache(plain)) == ["http://a.org"]


@pytest.mark.parametrize(
    "text",
    [
        "server { listen 443 ssl; server_name a.org; root /var/www; }",
        "server { server_name _; location / { proxy_pass http://127.0.0.1:8000; } }",
        "server { server_name a.org; location / { proxy_pass http://10.0.0.2:8000; } }",
        "server { server_name a.org; location / { proxy_pass $somewhere; } }",
        "# server { server_name a.org; location / { proxy_pass http://127.0.0.1:8000; } }",
    ],
)
def test_what_does_not_lead_here_is_no_site_of_the_hub(text: str) -> None:
    assert of_nginx(text) == []


def test_tls_and_the_right_port_come_first() -> None:
    def site(name: str, port: int, *, tls: bool) -> Site:
        return Site(name, frozenset({port}), tls, "")

    found = [site("a", 1, tls=True), site("b", 8000, tls=False), site("c", 8000, tls=True)]
    assert leading_to(8000, found) == found[2]
    assert leading_to(7, found) == found[0]
    assert leading_to(8000, []) is None


_PIECES = st.lists(
    st.sampled_from(
        [
            "server", " { ", "}", ";", "server_name a.org;", "proxy_pass http://127.0.0.1:99999;",
            "upstream x {", "server 127.0.0.1:8000;", '"', "'", "#", "\n", "\\", "listen 443 ssl;",
            "<VirtualHost *:443>", "</VirtualHost>", "ServerName a.org", "ProxyPass / http://localhost",
        ]
    )
)  # fmt: skip


@given(st.one_of(st.text(), _PIECES.map(" ".join)))
def test_no_text_is_too_odd(text: str) -> None:
    for site in [*of_apache(text), *of_nginx(text)]:
        assert site.url.startswith("http")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("<VirtualHost *:8443>\nServerName hub.example.org\nSSLEngine on\n{}", ":8443"),
        ("<VirtualHost *:80 *:443>\nServerName hub.example.org\n{}", ""),
        ('<VirtualHost *:443>\nServerName "hub.example.org"\n{}', ""),
        ("<VirtualHost *:443>\nServerName \\\n  hub.example.org\n{}", ""),
        ("<VirtualHost *:8080>\nServerName https://hub.example.org\n{}", ""),
    ],
)
def test_what_students_open_has_the_port_that_apache_listens_on(text: str, url: str) -> None:
    body = 'ProxyPass "/" \\\n "http://127.0.0.1:8000/"\n</VirtualHost>'
    (found,) = of_apache(text.format(body))
    assert found.url == f"https://hub.example.org{url}"


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("8443 ssl", "https://hub.example.org:8443"),
        ("80; listen [::]:8443 ssl", "https://hub.example.org:8443"),
        ("80; listen 443 ssl", "https://hub.example.org"),
        ("127.0.0.1:8080", "http://hub.example.org:8080"),
        ("unix:/run/hub.sock", "http://hub.example.org"),
    ],
)
def test_what_students_open_has_the_port_that_nginx_listens_on(listen: str, url: str) -> None:
    text = "server {{ listen {}; server_name hub.example.org; proxy_pass http://127.0.0.1:8000; }}"
    (found,) = of_nginx(text.format(listen))
    assert found.url == url


@pytest.mark.timeout(20)
def test_a_file_of_nothing_but_openings_takes_no_time() -> None:
    for text in ("<VirtualHost *:80>\n" * 40_000, "<VirtualHost *>" + "\n" * 60_000):
        assert not of_apache(text)
