"""The block in the hub's configuration: as text, and as a hub's own loader runs it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui.errors import ConfigError, Refused
from hubtui.server.hubapi import SCOPES
from hubtui.setup.install import course_line, hub_snippet
from hubtui.setup.reads import hubconfig

loader = pytest.importorskip("traitlets.config.loader", reason="traitlets: install hubtui[demo]")
TOKEN = Path("/etc/hubtui/token")
lines = st.lists(
    st.sampled_from([b"c.A.b = 1", b"", b"  x", b"# c \xff", b"\r", b'"""', b"# << hubtui"]),
    max_size=6,
).map(b"\n".join)


@given(text=lines, newline=st.booleans())
def test_what_was_added_comes_out_byte_for_byte(text: bytes, newline: bool) -> None:
    text += b"\n" * newline
    added = hub_snippet.added(text, TOKEN)
    assert added.startswith(text)
    assert hub_snippet.is_in(added)
    assert hub_snippet.removed(added) == text
    assert hub_snippet.added(added, TOKEN) == added, "twice is once"
    assert not hub_snippet.is_in(text)


def test_lines_that_came_behind_it_stay() -> None:
    added = hub_snippet.added(b"first\n", TOKEN) + b"last"
    assert hub_snippet.removed(added) == b"first\nlast"
    added = hub_snippet.added(b"first", TOKEN) + b"last"  # the first had no newline
    assert hub_snippet.removed(added) == b"first\nlast"
    added = hub_snippet.added(b"first\n", TOKEN) + b"last"
    assert hub_snippet.added(added, TOKEN).startswith(b"first\nlast\n" + hub_snippet.BEGIN)


@pytest.mark.parametrize("half", [hub_snippet.BEGIN, hub_snippet.END, hub_snippet.BEGIN * 2])
def test_half_a_block_is_refused_with_its_lines(half: bytes) -> None:
    with pytest.raises(Refused, match=r"not whole \(lines 2(, 3)?\)"):
        hub_snippet.removed(b"first\n" + half)


# --- as the hub's loader runs it -----------------------------------------------------------------


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Loads a configuration as a hub of some version does; returns services and roles."""
    token = tmp_path / "token"
    token.write_text("t" * 64 + "\n")

    def load(text: str, version: tuple[int, ...] = (5, 2)) -> tuple[Any, Any]:
        module = ModuleType("jupyterhub")
        module.__dict__["version_info"] = version
        monkeypatch.setitem(sys.modules, "jupyterhub", module)
        config = tmp_path / "jupyterhub_config.py"
        config.write_bytes(hub_snippet.added(text.encode(), token))
        found = loader.PyFileConfigLoader(config.name, path=str(tmp_path)).load_config()
        section = found.JupyterHub

        def value(name: str) -> Any:
            there = section.get(name)
            return there.get_value([]) if isinstance(there, loader.LazyConfigValue) else there

        return value("services"), value("load_roles")

    load.token = token  # type: ignore[attr-defined]
    return load


OURS = {"name": "hubtui", "api_token": "t" * 64}
ROLE = {"name": "hubtui", "services": ["hubtui"], "scopes": list(SCOPES)}
OTHER = {"name": "other"}


@pytest.mark.parametrize(
    ("before", "there"),
    [
        ("", []),
        ('c.JupyterHub.services = [{"name": "other"}]', [OTHER]),
        ('c.JupyterHub.services = ({"name": "other"},)', [OTHER]),
        ('c.JupyterHub.services.append({"name": "other"})', [OTHER]),
        ('c.JupyterHub.services = []\nc.JupyterHub.services = [{"name": "other"}]', [OTHER]),
        ("c = get_config()\nc.JupyterHub.services = []\ndel c", []),
        ('mine = [{"name": "other"}]\nc.JupyterHub.services = c.Other.also = mine', [OTHER]),
    ],
)
def test_services_of_others_stay(hub: Any, before: str, there: list[Any]) -> None:
    services, roles = hub(before)
    assert services == [*there, OURS]
    assert roles == [ROLE]


def test_a_list_that_another_setting_has_too_is_not_changed(hub: Any, tmp_path: Path) -> None:
    hub("mine = []\nc.JupyterHub.services = mine\nimport builtins\nbuiltins.kept_list = mine")
    import builtins

    assert builtins.__dict__.pop("kept_list") == []


def test_roles_of_others_stay(hub: Any) -> None:
    _, roles = hub('c.JupyterHub.load_roles = [{"name": "other"}]')
    assert roles == [OTHER, ROLE]


def test_what_a_file_that_it_loads_sets_stays(hub: Any, tmp_path: Path) -> None:
    (tmp_path / "more.py").write_text('c.JupyterHub.services = [{"name": "other"}]\n')
    services, _ = hub('c.JupyterHub.services = []\nload_subconfig("more.py")')
    assert services == [OTHER, OURS]


def test_the_block_hides_nothing_from_who_reads_the_configuration_as_text() -> None:
    text = hub_snippet.added(b"c.JupyterHub.port = 8000\n", TOKEN)
    found = hubconfig.parse(text, Path("jupyterhub_config.py"))
    assert (found.trouble, found.elsewhere, found.unread) == ("", (), {})


def test_the_account_that_tries_out_the_hub_may_be_started_and_its_name_replaces_the_old_block(
    hub: Any,
) -> None:
    text = hub_snippet.added(b"", hub.token).decode()
    assert hub_snippet.added(text.encode(), hub.token, "probe") == hub_snippet.added(
        b"", hub.token, "probe"
    )
    assert "servers!user=probe" in hub_snippet.block(hub.token, "probe").decode()
    assert "!user" not in text


def test_before_roles_the_service_is_admin(hub: Any) -> None:
    services, roles = hub("", (1, 2, 2))
    assert services == [OURS | {"admin": True}]
    assert roles is None


@pytest.mark.parametrize("spoil", ["gone", "empty", "cut off", "no text", "folder"])
def test_without_its_token_the_configuration_is_as_before_and_one_line_says_so(
    hub: Any, spoil: str, capfd: pytest.CaptureFixture[str]
) -> None:
    token: Path = hub.token
    token.unlink()
    if spoil == "empty":
        token.touch()
    if spoil == "cut off":
        token.write_text("t" * 7)
    if spoil == "no text":
        token.write_bytes(b"\xff" * 64)
    if spoil == "folder":
        token.mkdir()
    services, roles = hub('c.JupyterHub.services = [{"name": "other"}]')
    assert (services, roles) == ([OTHER], None)
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("hubtui has no access to this hub, its token:")


# --- course.yaml ---------------------------------------------------------------------------------

COURSE = b"""\
course: A  # a comment
hub:
  # where
  database: /srv/x.sqlite

accounts:
  group: g
"""


@pytest.mark.parametrize(
    ("text", "after"),
    [
        (COURSE, b"hub:\n"),
        (COURSE.replace(b"# where", b"# token_file: /x"), b"  # token_file: /x\n"),
        (COURSE.replace(b"hub:\n", b"hub:  # it\n\n"), b"hub:  # it\n"),
        (COURSE.replace(b"  database", b"    database").replace(b"  # where\n", b""), b"hub:\n"),
    ],
)
def test_the_line_comes_below_hub_and_goes_again(text: bytes, after: bytes) -> None:
    added = course_line.added(text, TOKEN, "course.yaml")
    line = added[added.index(after) + len(after) :].splitlines(keepends=True)[0]
    assert line.strip().startswith(b"token_file: /etc/hubtui/token  # written by")
    assert course_line.removed(added) == text


@pytest.mark.parametrize(
    "text",
    [
        COURSE.replace(b"hub:\n  # where\n  database: /srv/x.sqlite", b"hub: {database: /srv/x}"),
        COURSE.replace(b"hub:\n  # where\n", b"hub: {\n").replace(b"\n\nacc", b"}\nacc"),
        COURSE.replace(b"  database: /srv/x.sqlite", b'  "database": /srv/x.sqlite'),
        b"course: A\n",
    ],
)
def test_what_is_written_otherwise_is_refused_with_the_line(text: bytes) -> None:
    with pytest.raises(Refused, match="add below hub: the line token_file: /etc/hubtui/token"):
        course_line.added(text, TOKEN, "course.yaml")


def test_no_yaml_is_no_yaml() -> None:
    with pytest.raises(ConfigError):
        course_line.added(b"course: [", TOKEN, "course.yaml")
