"""Apache's and nginx's configuration: read as text of any kind, judged as the programs would."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui.reads import apacheconf, nginxconf
from hubtui.reads.apacheconf import ApacheConf
from hubtui.reads.nginxconf import NginxConf
from hubtui.setup.checks import check_apache, check_nginx


@pytest.fixture(autouse=True, scope="module")
def _no_root() -> Iterator[None]:
    """Files below /tmp are not read as root; what they say is the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hubtui.reads.reading.os.geteuid", lambda: 1000)
        yield


def apache(folder: Path, text: str) -> ApacheConf:
    folder.joinpath("apache2.conf").write_text(text, errors="surrogateescape")
    return apacheconf.read(folder / "apache2.conf")


def nginx(folder: Path, text: str) -> NginxConf:
    folder.joinpath("nginx.conf").write_text(text, errors="surrogateescape")
    return nginxconf.read(folder / "nginx.conf")


# --- Apache --------------------------------------------------------------------------------------

DEBIAN = """\
Define port 8000
IncludeOptional mods/*.load
Timeout 300
<IfModule mpm_event_module>
  MaxRequestWorkers 150
</IfModule>
<IfModule mpm_prefork_module>
  MaxRequestWorkers 5
</IfModule>
<VirtualHost *:443>
  ServerName hub
  {site}
</VirtualHost>
"""


def on_debian(folder: Path, site: str) -> ApacheConf:
    mods = folder / "mods"
    mods.mkdir(exist_ok=True)
    (mods / "event.load").write_text("LoadModule mpm_event_module modules/mod_mpm_event.so\n")
    return apache(folder, DEBIAN.format(site=site))


def findings(conf: ApacheConf, students: int = 40) -> dict[str, str]:
    leading = [one for one in conf.directives if check_apache.leads(one, 8000, "http")]
    assert leading
    found = [
        *check_apache.websockets(conf, leading, 8000),
        *check_apache.workers(conf, students),
        *check_apache.patience(conf, leading),
    ]
    return {one.id: one.do for one in found}


def test_a_site_as_it_should_be_has_no_findings(tmp_path: Path) -> None:
    site = 'ProxyPass / "http://127.0.0.1:${port}/" \\\n  upgrade=websocket'
    assert findings(on_debian(tmp_path, site)) == {}


def test_workers_are_those_of_the_module_that_is_loaded(tmp_path: Path) -> None:
    conf = on_debian(tmp_path, "ProxyPass / http://localhost:8000/ upgrade=ANY")
    assert findings(conf, 62) == {}
    do = findings(conf, 100)["web.workers"]
    assert do.startswith(r"sed -i '5s/\(maxrequestworkers[ \t=]*\)[0-9][0-9]*/\1225/I' ")
    assert "ServerLimit 21\\nMaxRequestWorkers 525" in findings(conf, 250)["web.workers"]


def test_a_rewrite_to_ws_needs_the_module(tmp_path: Path) -> None:
    site = (
        "RewriteCond %{HTTP:Upgrade} =websocket\nRewriteRule /(.*) ws://127.0.0.1:8000/$1 [P]\n"
        "RewriteRule /(.*) http://127.0.0.1:8000/$1 [P]"
    )
    conf = on_debian(tmp_path, site)
    assert "a2enmod proxy_wstunnel" in findings(conf)["web.websocket"]
    conf.modules.add("proxy_wstunnel_module")
    assert findings(conf) == {}


def test_another_port_is_not_the_hub(tmp_path: Path) -> None:
    conf = on_debian(tmp_path, "ProxyPass / http://127.0.0.1:80001/")
    assert not [one for one in conf.directives if check_apache.leads(one, 8000, "http")]


def test_a_file_that_cannot_be_read_is_known(tmp_path: Path) -> None:
    (tmp_path / "loop.conf").write_text(f"Include {tmp_path}/loop.conf\n")
    assert apache(tmp_path, "Include loop.conf\n").unread
    assert apacheconf.read(tmp_path / "none.conf").unread
    assert nginx(tmp_path, "include nginx.conf;").unread


PIECES = ["<IfModule ", "<VirtualHost *:1>", "</", ">", "Include ", "Define a ", "${a}", "!", "\\"]
PIECES += ["Timeout ", "ServerRoot ", "*", "..", "\n", " ", '"', "#", "\x00", "é", "[", "/", "0"]


@given(st.lists(st.sampled_from(PIECES)).map("".join) | st.text(max_size=100))
def test_any_text_is_a_configuration_of_apache(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        conf = apache(Path(folder), text.replace("\r", ""))
    for one in conf.directives:
        assert one.line >= 1
        check_apache.leads(one, 8000, "http")


# --- nginx ---------------------------------------------------------------------------------------

PLAIN = """\
worker_processes 1;
events { worker_connections 768; }
http {
  upstream hub { server 127.0.0.1:8000; }
  server {
    listen 443;
    proxy_set_header Host $host;
    location / {
      proxy_pass http://hub;
    }
    %s
  }
}
"""
SOCKETS = """\
location ~ "/kernels/[a-z]{2}" {
  proxy_pass http://127.0.0.1:8000;
  proxy_http_version 1.1;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection $connection_upgrade;
}
"""


def told(conf: NginxConf, students: int = 40) -> dict[str, str]:
    leading = check_nginx.to_hub(conf, 8000)
    assert leading
    found = [
        *check_nginx.websockets(leading),
        *check_nginx.connections(conf, students),
        *check_nginx.uploads(leading),
        *check_nginx.patience(leading),
    ]
    return {one.id: one.do for one in found}


def test_nginx_by_default_connects_no_kernel_and_refuses_files(tmp_path: Path) -> None:
    found = told(nginx(tmp_path, PLAIN % ""))
    assert set(found) == {"web.websocket", "web.upload"}
    assert (
        "9{/proxy_pass/a proxy_http_version 1.1;\\nproxy_set_header Host $host;\\n"
        in found["web.websocket"]
    )
    assert "9{/proxy_pass/a client_max_body_size 100m;" in found["web.upload"]


def test_a_location_of_its_own_for_kernels_is_enough(tmp_path: Path) -> None:
    conf = nginx(tmp_path, PLAIN % f"{SOCKETS} client_max_body_size 0;")
    assert told(conf) == {}
    assert "worker_connections 1024/" in told(conf, 200)["web.workers"]


def test_a_header_of_its_own_ends_what_a_location_inherits(tmp_path: Path) -> None:
    headers = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
    headers += 'proxy_set_header Connection "upgrade"; client_max_body_size 1G;'
    conf = nginx(tmp_path, PLAIN % headers)
    assert told(conf) == {}
    text = (PLAIN % headers).replace("http://hub;", "http://hub; proxy_set_header X y;")
    assert "Upgrade $http_upgrade" in told(nginx(tmp_path, text))["web.websocket"]


def test_short_patience_is_said_where_it_stands(tmp_path: Path) -> None:
    found = told(nginx(tmp_path, PLAIN % "proxy_read_timeout 20s;"))
    assert found["web.timeout"].startswith("sed -i '11s/\\bproxy_read_timeout[^;]*/")


BITS = ["{", "}", ";", '"', "'", "#", "\\", "\n", " ", "${", "$a", "include ", "nginx.conf", "é"]
BITS += ["location ", "proxy_pass ", "http://127.0.0.1:8000", "server ", "\x00", "[", "0", "m"]


@given(st.lists(st.sampled_from(BITS)).map("".join) | st.text(max_size=100))
def test_any_text_is_a_configuration_of_nginx(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        conf = nginx(Path(folder), text.replace("\r", ""))
    for one in conf.top.all():
        assert one.line >= 1
    if leading := check_nginx.to_hub(conf, 8000):
        list(check_nginx.websockets(leading))
        list(check_nginx.uploads(leading))
        list(check_nginx.patience(leading))
    list(check_nginx.connections(conf, 40))
