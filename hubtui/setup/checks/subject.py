"""What the checks of doctor look at: looked up once, shown to each of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from hubtui.course import Course
from hubtui.errors import HubError
from hubtui.findings import Finding, Severity
from hubtui.reads import hubprocess
from hubtui.reads.hubconfig import HubConfig
from hubtui.reads.hubprocess import HubProcess
from hubtui.server import Server, hub
from hubtui.server.hubapi import HubApi
from hubtui.students import Survey


class NotSeen(Exception):
    """A check could not look: it has nothing to say, not even that all is well."""


@dataclass(frozen=True)
class HubHere:
    """The hub on this server, as far as it can be seen."""

    process: HubProcess | None
    config: HubConfig | None
    answer: str | HubError | None = None
    """Its version as it said it, or why it did not; None where nobody knows its address."""

    @cached_property
    def installed(self) -> dict[str, str]:
        """Versions in its environment."""
        return hubprocess.installed(self.process) if self.process else {}

    @property
    def version(self) -> str:
        """JupyterHub's version, empty where it is unknown."""
        said = self.answer if isinstance(self.answer, str) else ""
        return said or self.installed.get("jupyterhub", "")

    @property
    def native(self) -> str:
        """NativeAuthenticator's version, empty where it is unknown."""
        names = ("jupyterhub_nativeauthenticator", "nativeauthenticator")
        return next((self.installed[name] for name in names if name in self.installed), "")


@dataclass(frozen=True)
class Subject:
    """A course on this server."""

    server: Server
    seen: Survey
    hub: HubHere

    @property
    def course(self) -> Course:
        """Its configuration."""
        return self.server.course


def ask(course: Course) -> str | HubError:
    """The hub's version in its own words, or why it did not say it. Needs no token."""
    try:
        return HubApi(url=course.hub.api, uid=hub.uid_of(course)).version()
    except HubError as e:
        return e


def critical(id_: str, text: str, do: str = "", *, pane: str = "") -> Finding:
    """What stops the course, or lets strangers in."""
    return Finding(id=id_, severity=Severity.CRITICAL, text=text, do=do, pane=pane)


def warning(id_: str, text: str, do: str = "", *, pane: str = "") -> Finding:
    """What should be mended soon."""
    return Finding(id=id_, severity=Severity.WARNING, text=text, do=do, pane=pane)


def note(id_: str, text: str, do: str = "") -> Finding:
    """What is good to know."""
    return Finding(id=id_, severity=Severity.NOTE, text=text, do=do)
