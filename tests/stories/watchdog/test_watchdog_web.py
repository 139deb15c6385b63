"""A real Apache in front of a real hub: what is not the hub's fault never restarts it."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
import trustme
from msgspec.structs import replace

from hubtui.demo.hub import EmbeddedHub
from hubtui.watchdog.records import Got, Incident, Layer, Now, Probe, State, Verdict
from tests.course_on_disk import CONFIG, STATE
from tests.sandboxed import Machine
from tests.watched import FOLDER, QUICK, Watched, eventually, watched
from tests.webserver import NAME, PROGRAM, Apache, apache, backend

pytestmark = [
    pytest.mark.hub,
    pytest.mark.skipif(not PROGRAM.exists(), reason="Apache is missing: apt install apache2-bin"),
]
TIMEOUT = 2.0
"""watchdog.probe_timeout of these courses."""


class Site:
    """A hub, and an Apache that leads to it unless a test says otherwise."""

    def __init__(self, course: Watched, web: Apache) -> None:
        self.course, self.web = course, web

    @property
    def way(self) -> str:
        """The lines of a site that works."""
        return f"ProxyPass / {self.course.hub.url}/ upgrade=websocket"

    def well(self, url: str = "") -> None:
        """As it should be, with nothing remembered of the test before."""
        self.course.configure(hub_keys=f"  url: {url or self.web.url}\n")
        for folder in (Path("/run/hubtui"), STATE):
            shutil.rmtree(folder, ignore_errors=True)
        self.web.serve(self.way)

    def bad(self, verdict: Verdict = Verdict.WEB) -> tuple[Now, Probe, Incident]:
        """What two checks make of a site that is not well; none restarts anything."""
        pid = self.course.hub_pid
        began = time.monotonic()
        first = self.course.check().now
        assert time.monotonic() - began < TIMEOUT + 2
        assert (first.state, first.verdict, first.incident) == (State.SUSPECT, verdict, "")
        now = self.course.check().now
        assert (now.state, now.verdict, now.restarts) == (State.DEGRADED, verdict, ())
        assert self.course.hub_pid == pid
        (incident,) = self.course.incidents()
        assert (incident.verdict, incident.restarts) == (verdict, ())
        return now, now.probes[-1], incident

    def well_again(self) -> None:
        """Two good checks close what was open."""
        assert self.course.check().now.incident
        now = self.course.check().now
        assert (now.state, now.verdict, now.incident) == (State.UP, Verdict.UP, "")
        (incident,) = self.course.incidents()
        assert incident.over is not None


@pytest.fixture(scope="module")
def pair(_machine: Machine) -> Iterator[Site]:
    _machine.restore()
    with watched(_machine) as course, apache(FOLDER / "apache") as web:
        FOLDER.chmod(0o711)  # Apache's workers are www-data
        yield Site(course, web)


@pytest.fixture
def site(pair: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("SSL_CERT_FILE", str(pair.web.ca_file))
    pair.well()
    assert pair.course.check().now.state is State.UP
    return pair


def test_a_site_that_is_well_is_up_by_https_and_by_its_redirect_from_http(site: Site) -> None:
    now = site.course.check().now
    assert [probe.ok for probe in now.probes] == [True] * 4
    assert now.probes[-1].days_left == pytest.approx(90, abs=0.1)
    assert "certificate" not in now.text
    site.well(site.web.plain_url)
    now = site.course.check().now
    assert (now.verdict, now.probes[-1].layer, now.probes[-1].status) == (
        Verdict.UP,
        Layer.PUBLIC,
        200,
    )
    assert now.probes[-1].days_left == pytest.approx(90, abs=0.1)


# --- certificates --------------------------------------------------------------------------------


def test_an_expired_certificate_is_named_and_renewed(site: Site) -> None:
    site.web.serve(site.way, certificate=site.web.certificate(days=-1))
    now, public, incident = site.bad()
    assert public.got is Got.TLS
    assert "its certificate is not good: certificate has expired" in now.text
    assert now.do.startswith("certbot renew, then reload the web server")
    assert incident.cause == "certificate-expired"
    site.web.serve(site.way)
    site.well_again()


def test_a_certificate_that_soon_expires_is_said_while_all_is_well(site: Site) -> None:
    site.web.serve(site.way, certificate=site.web.certificate(days=2.2))
    now = site.course.check().now
    assert (now.state, now.verdict) == (State.UP, Verdict.UP)
    assert "The certificate ends in 2 days." in now.text
    assert now.do == "Renew the certificate: certbot renew"
    assert site.course.incidents() == []


def test_a_certificate_for_another_name(site: Site) -> None:
    site.web.serve(site.way, certificate=site.web.certificate("other.example.test"))
    now, public, incident = site.bad()
    assert public.got is Got.TLS
    assert "Hostname mismatch" in now.text
    assert NAME in now.text
    assert "certbot certificates" in now.do
    assert incident.cause == "certificate-wrong"
    site.web.serve(site.way)
    site.well_again()


def test_a_certificate_that_signed_itself(site: Site) -> None:
    key, certificate = site.web.folder / "own.key", site.web.folder / "own.pem"
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj".split()
    words += [f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    words += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(words, check=True, capture_output=True)
    own = trustme.LeafCert(key.read_bytes(), certificate.read_bytes(), [])
    site.web.serve(site.way, certificate=own)
    now, public, incident = site.bad()
    assert public.got is Got.TLS
    assert "self-signed certificate" in now.text
    assert incident.cause == "certificate-wrong"
    site.web.serve(site.way)
    site.well_again()


def test_plain_http_where_tls_should_be_is_not_called_a_certificate(site: Site) -> None:
    port = site.web.plain
    site.course.configure(hub_keys=f"  url: https://{NAME}:{port}\n")
    now, public, incident = site.bad()
    assert public.got is Got.TLS
    assert "certificate" not in now.text
    assert incident.cause == "web-wrong"


# --- Apache itself -------------------------------------------------------------------------------


def test_apache_is_down(site: Site) -> None:
    site.web.stop()
    now, public, incident = site.bad()
    assert public.got is Got.REFUSED
    assert "nobody listens" in now.text
    assert now.do == "systemctl status apache2 (or nginx), and start it."
    assert incident.cause == "web-down"
    site.web.serve(site.way)
    site.well_again()


def _accept_websocket(client: socket.socket) -> None:
    client.recv(4096)
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    )
    client.recv(1)


@contextmanager
def _websockets(web: Apache, many: int) -> Iterator[None]:
    context = ssl.create_default_context(cafile=str(web.ca_file))
    with ExitStack() as stack:
        for _ in range(many):
            raw = socket.create_connection((NAME, web.tls), 5)
            sock = stack.enter_context(closing(context.wrap_socket(raw, server_hostname=NAME)))
            sock.sendall(
                b"GET /user/ada/api/kernels/1/channels HTTP/1.1\r\nHost: hub\r\n"
                b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
            )
            assert sock.recv(99).startswith(b"HTTP/1.1 101")
        yield


def test_all_workers_of_apache_are_held_by_notebooks(site: Site) -> None:
    with backend(_accept_websocket) as port:
        kernels = f"ProxyPass /user/ http://127.0.0.1:{port}/ upgrade=websocket"
        site.web.serve(f"{kernels}\n{site.way}", workers=4)
        site.course.check()
        with _websockets(site.web, 4):
            now, public, incident = site.bad()
            assert public.got is Got.SILENT
            assert [probe.ok for probe in now.probes] == [True, True, True, False]
            assert "MaxRequestWorkers" in now.do
            assert incident.cause == "apache-workers"
            eventually(lambda: "AH00484" in site.web.log() or "AH00485" in site.web.log(), 10)
        site.well_again()


def test_the_proxys_port_in_apache_is_wrong(site: Site) -> None:
    site.web.serve("ProxyPass / http://127.0.0.1:9/")
    now, public, incident = site.bad()
    assert (public.got, public.status) == (Got.STATUS, 503)
    assert "it answers 503" in now.text
    assert incident.cause == "apache-backend"
    site.web.serve(site.way)
    site.well_again()


def test_what_apache_leads_to_never_answers(site: Site) -> None:
    with backend(lambda client: time.sleep(30)) as port:
        site.web.serve(f"ProxyTimeout 1\nProxyPass / http://127.0.0.1:{port}/")
        _, public, incident = site.bad()
    # 504 or, from versions that take the silence for an empty answer, 502.
    assert public.got is Got.STATUS
    assert public.status in (502, 504)
    assert incident.cause == "apache-backend"


def test_a_gateway_time_out(site: Site) -> None:
    site.web.serve("Redirect 504 /")
    now, public, incident = site.bad()
    assert (public.got, public.status) == (Got.STATUS, 504)
    assert "it answers 504" in now.text
    assert incident.cause == "apache-backend"
    site.web.serve(site.way)
    site.well_again()


def test_what_apache_leads_to_talks_nonsense(site: Site) -> None:
    def nonsense(client: socket.socket) -> None:
        client.recv(4096)
        client.sendall(b"\0" * 99)
        client.close()

    with backend(nonsense) as port:
        site.web.serve(f"ProxyPass / http://127.0.0.1:{port}/")
        _, public, incident = site.bad()
    assert (public.got, public.status) == (Got.STATUS, 502)
    assert incident.cause == "apache-backend"


def test_a_proxy_that_is_dead_is_not_called_apaches_fault(site: Site) -> None:
    hub = site.course.hub_pid
    site.course.kill(site.course.proxy_pid)
    hasty = replace(QUICK, looks_again=(), gone_proxy=60)  # one look, and the hub mends it itself
    now = site.course.check(hasty).now
    assert (now.state, now.verdict) == (State.SUSPECT, Verdict.PROXY_DEAD)
    assert (now.probes[-1].layer, now.probes[-1].status) == (Layer.PUBLIC, 503)
    now = site.course.checks_until(lambda now: now.state is State.UP, patience=hasty)
    assert now.restarts == ()
    assert site.course.hub_pid == hub


# --- what the name leads to ----------------------------------------------------------------------


def test_a_name_that_does_not_exist(site: Site) -> None:
    site.course.configure(hub_keys="  url: https://nowhere.invalid\n")
    now, public, incident = site.bad()
    assert public.got is Got.DNS
    assert "name" in now.text
    assert "getent hosts" in now.do
    assert incident.cause == "name-unknown"


def test_a_name_server_that_never_answers(site: Site) -> None:
    resolv = Path("/etc/resolv.conf")
    before = resolv.read_text() if resolv.exists() else ""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.99", 53))
        resolv.write_text("nameserver 127.0.0.99\n")
        try:
            site.course.configure(hub_keys="  url: https://course.example.org\n")
            now, public, incident = site.bad()
            assert silent.recv(512)
        finally:
            resolv.write_text(before)
    assert public.got is Got.DNS
    assert "name" in now.text
    assert incident.cause == "name-unknown"


@contextmanager
def _leads_nowhere(address: str, port: int) -> Iterator[None]:
    """An address where no connection is taken, as behind a firewall that drops what comes."""
    with ExitStack() as stack:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        server = stack.enter_context(socket.socket(family))
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        server.listen(0)
        for _ in range(4):  # more than it keeps waiting: the kernel drops what comes now
            client = stack.enter_context(socket.socket(family))
            client.setblocking(False)
            client.connect_ex((address, port))
        yield


def test_an_address_that_leads_nowhere_is_not_apaches_workers(site: Site) -> None:
    nowhere = "127.0.0.77"
    with _leads_nowhere(nowhere, site.web.tls):
        site.course.configure(hub_keys=f"  url: https://{nowhere}:{site.web.tls}\n")
        now, public, incident = site.bad()
    assert public.got is Got.BROKEN
    assert f"no connection to {nowhere}, port {site.web.tls}, in time" in now.text
    assert incident.cause == ""
    assert any("no connection" in line for line in incident.why) or "no connection" in incident.text


def test_the_second_address_of_a_name_is_tried_as_browsers_do(site: Site) -> None:
    hosts = Path("/etc/hosts")
    before = hosts.read_text()
    with _leads_nowhere("::1", site.web.tls):
        hosts.write_text(f"::1 {NAME}\n{before}")
        try:
            found = socket.getaddrinfo(NAME, site.web.tls, type=socket.SOCK_STREAM)
            now = site.course.check().now
        finally:
            hosts.write_text(before)
    assert [address[0] for *_, address in found] == ["::1", "127.0.0.1"]
    assert now.verdict is Verdict.UP
    assert now.probes[-1].ms > TIMEOUT / 2 * 1000


def test_redirects_in_a_circle(site: Site) -> None:
    site.web.serve(f"Redirect / {site.web.url}/")
    now, public, incident = site.bad()
    assert "circle" in now.text
    assert public.got is Got.STATUS
    assert incident.cause == "web-wrong"
    site.web.serve(site.way)
    site.well_again()


def test_a_page_that_is_not_the_hubs(site: Site) -> None:
    pages = site.web.folder / "pages"
    pages.mkdir(exist_ok=True)
    pages.chmod(0o755)
    (pages / "index.html").write_text("<h1>Apache2 Debian Default Page: It works!</h1>")
    site.web.serve(f"DocumentRoot {pages}")
    now, public, incident = site.bad()
    assert (public.got, public.status) == (Got.STATUS, 200)
    assert "not JupyterHub's" in now.text
    assert incident.cause == "web-wrong"


def test_an_answer_of_http_1_0_counts(site: Site) -> None:
    site.web.serve(f"SetEnvIf User-Agent . downgrade-1.0 force-response-1.0\n{site.way}")
    context = ssl.create_default_context(cafile=str(site.web.ca_file))
    raw = socket.create_connection((NAME, site.web.tls), 5)
    with context.wrap_socket(raw, server_hostname=NAME) as sock:
        sock.sendall(b"GET /hub/login HTTP/1.1\r\nHost: hub\r\nUser-Agent: me\r\n\r\n")
        assert sock.recv(99).startswith(b"HTTP/1.0 200")
    now = site.course.check().now
    assert [probe.ok for probe in now.probes] == [True] * 4
    assert now.verdict is Verdict.UP


# --- what course.yaml says -----------------------------------------------------------------------


@pytest.mark.parametrize("key", ["api", "proxy"])
def test_a_wrong_port_in_course_yaml_restarts_no_hub_that_students_reach(
    site: Site, key: str
) -> None:
    """Whoever mistypes hub.api or hub.proxy would else have a healthy hub restarted for ever."""
    hub = site.course.hub_pid
    right = getattr(site.course.hub, "api" if key == "api" else "url")
    text = CONFIG.read_text()
    CONFIG.write_text(text.replace(f"  {key}: {right}\n", f"  {key}: http://127.0.0.1:9/hub/api\n"))
    assert CONFIG.read_text() != text
    for _ in range(3):
        now = site.course.check().now
        assert (now.verdict, now.restarts) == (Verdict.FAILING, ()), now.text
        assert f"nobody listens where hub.{key} in course.yaml says" in now.text
        time.sleep(QUICK.gone_proxy)
    assert site.course.hub_pid == hub


def test_a_public_address_as_hub_api_is_not_believed_for_the_hub(site: Site) -> None:
    """With Apache down, its port would say that the hub is gone."""
    text = CONFIG.read_text()
    CONFIG.write_text(text.replace(site.course.hub.api, f"{site.web.url}/hub/api"))
    hub = site.course.hub_pid
    site.web.stop()
    for _ in range(3):
        now = site.course.check().now
        assert (now.verdict, now.restarts) == (Verdict.UNKNOWN, ())
    assert "hub.api is no address of this machine" in now.text
    assert site.course.hub_pid == hub


def test_a_hub_below_a_prefix(site: Site) -> None:
    """c.JupyterHub.bind_url with /jupyter/: hub, proxy, chain and public address."""
    hub = EmbeddedHub(FOLDER / "prefixed")
    proxy = hub.url
    hub.config.write_text(hub.config.read_text().replace(f"{proxy}'", f"{proxy}/jupyter/'"))
    hub.url, hub.api = f"{proxy}/jupyter", hub.api.replace("/hub/api", "/jupyter/hub/api")
    hub.start()
    try:
        hub.wait_until_up(60)
        site.course.configure(hub_keys=f"  url: {site.web.url}/jupyter\n")
        text = CONFIG.read_text().replace(site.course.hub.api, hub.api)
        CONFIG.write_text(text.replace(site.course.hub.url, proxy))
        site.web.serve(f"ProxyPass /jupyter {hub.url} upgrade=websocket")
        now = site.course.check().now
    finally:
        hub.stop()
    assert [(probe.layer, probe.got) for probe in now.probes] == [
        (layer, Got.OK) for layer in (Layer.HUB, Layer.PROXY, Layer.CHAIN, Layer.PUBLIC)
    ]
    assert now.verdict is Verdict.UP
