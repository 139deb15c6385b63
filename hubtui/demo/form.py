"""What a student's browser does with the hub, over the real forms: sign up, log in, start a server.

The form's traits are measured: the cookie ``_xsrf`` goes back as a field, under the same
User-Agent; errors come as HTTP 200, in the alert of the page.
"""

from __future__ import annotations

import html
import http.cookiejar
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request

import msgspec

from hubtui.errors import HubDown, HubError

AGENT = "Mozilla/5.0 (hubtui demo)"
_ALERT = re.compile(r'class="alert alert-(\w+)[^"]*"[^>]*>(.*?)</div>', re.DOTALL)
_LOGIN_ERROR = re.compile(r'class="login_error"[^>]*>(.*?)</p>', re.DOTALL)
_TAG = re.compile(r"<(script|style|head)\b.*?</\1>|<[^>]*>", re.DOTALL)
_MAIN = re.compile(r'class="(?:error|container)"[^>]*>(.*)', re.DOTALL)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub said to a form, in its own words."""

    ok: bool
    text: str


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    url: str
    body: str


class Session:
    """One browser of one student: its cookies, at one hub."""

    def __init__(self, url: str, name: str) -> None:
        """``url`` as students open it, without a path."""
        self.url = url.rstrip("/")
        self.name = name
        self._jar = http.cookiejar.CookieJar()
        # Not build_opener: from 3.12 on it sets up TLS, in a thread that may be at work at exit.
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.HTTPHandler(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPRedirectHandler(),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.HTTPCookieProcessor(self._jar),
        ):
            self._opener.add_handler(handler)

    @property
    def path(self) -> str:
        """The name as it stands in an address, whatever it holds."""
        return urllib.parse.quote(self.name, safe="@!:$&'()*+,;=~")

    def get(self, path: str) -> _Page:
        """Fetch a page below the hub's address, following redirects; any status is an answer.

        Raises HubDown when nobody answers.
        """
        return self._open(path, None)

    def post(self, path: str, fields: dict[str, str]) -> _Page:
        """Send a form from the page of the same path; otherwise as :meth:`get`."""
        self.get(path)
        form = {**fields, "_xsrf": self._xsrf(path)}
        return self._open(path, urllib.parse.urlencode(form).encode())

    def start_server(self, timeout: float = 120) -> Answer:
        """Start the notebook server from the hub's page and wait until it is ready."""
        until = time.monotonic() + timeout
        page = self.get(f"/hub/spawn/{self.path}")
        if page.status >= 400:
            return Answer(ok=False, text=_words(page))
        while time.monotonic() < until:
            found = self.get(f"/hub/api/users/{self.path}")
            servers = json.loads(found.body).get("servers", {}) if found.status == 200 else {}
            server = servers.get("", {})
            if server.get("ready"):
                return Answer(ok=True, text="ready")
            if not server:  # a spawn that failed is no longer listed
                page = self.get(f"/hub/spawn-pending/{self.path}")
                return Answer(ok=False, text=_words(page))
            time.sleep(0.3)
        return Answer(ok=False, text=f"not ready within {timeout:g} s")

    def server_answers(self) -> bool:
        """Whether the own notebook server answers through the proxy."""
        # The first visit fetches the server's own cookie from the hub, by redirects.
        self.get(f"/user/{self.path}/")
        page = self.get(f"/user/{self.path}/api/status")
        return page.status == 200 and '"started"' in page.body

    def _xsrf(self, path: str) -> str:
        # One cookie of that name per path: the longest that holds here is the page's own.
        fitting = [
            cookie
            for cookie in self._jar
            if cookie.name == "_xsrf" and cookie.value and path.startswith(cookie.path)
        ]
        return max(fitting, key=lambda one: len(one.path)).value or "" if fitting else ""

    def _open(self, path: str, data: bytes | None) -> _Page:
        request = urllib.request.Request(  # noqa: S310 - the caller's own hub
            self.url + path, data, {"User-Agent": AGENT, "Referer": self.url + path}
        )
        if path.startswith("/hub/api/"):
            request.add_header("X-XSRFToken", self._xsrf(path))
        try:
            with self._opener.open(request, timeout=60) as reply:
                return _Page(status=reply.status, url=reply.url, body=_decode(reply.read()))
        except urllib.error.HTTPError as error:
            with error:
                return _Page(status=error.code, url=error.url, body=_decode(error.read()))
        except OSError as error:
            raise HubDown(f"Nobody answers at {self.url}: {error}.") from error


def sign_up(url: str, name: str, password: str, email: str = "") -> Answer:
    """Sign up through the form. Raises HubDown when nobody answers."""
    fields = {
        "username": name,
        "signup_password": password,
        "signup_password_confirmation": password,
        "email": email,
    }
    page = Session(url, name).post("/hub/signup", fields)
    found = _ALERT.search(page.body)
    if page.status != 200 or found is None:
        return Answer(ok=False, text=f"HTTP {page.status}: {_words(page)}")
    return Answer(ok=found[1] in ("info", "success"), text=_text(found[2]))


def log_in(url: str, name: str, password: str) -> Session:
    """Log in through the form. Raises HubError with the hub's words when it says no."""
    session = Session(url, name)
    page = session.post("/hub/login", {"username": name, "password": password})
    if not _at_login(page):  # sent on, perhaps to a server that could not start
        return session
    said = _LOGIN_ERROR.search(page.body) or _ALERT.search(page.body)
    words = _text(said[said.re.groups]) if said else f"HTTP {page.status}"
    raise HubError(f"The hub lets nobody in as {name!r}: {words}")


def _at_login(page: _Page) -> bool:
    return urllib.parse.urlsplit(page.url).path.startswith("/hub/login")


def _decode(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _words(page: _Page) -> str:
    """What an error page says, without its frame."""
    found = _MAIN.search(page.body)
    return _text(found[1] if found else page.body)[:300]


def _text(markup: str) -> str:
    """The words of a piece of a page."""
    return " ".join(html.unescape(_TAG.sub(" ", markup)).split())
