"""Who listens on a port, seen in the kernel's own tables, with real sockets of real strangers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubtui.errors import ConfigError, HubDown, HubImpostor
from hubtui.server.listeners import (
    Listener,
    believed,
    expected_uid,
    listeners,
    parse,
    place_of,
)

ME = os.getuid()
STRANGER = 65534
as_root = pytest.mark.skipif(ME != 0, reason="only root can be somebody else")

# Three lines of a Debian 12: the hub, a connection to it, a student's v4-mapped listener.
HEADING = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
HUB = (
    "   0: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0"
    " 9154 1 00000000820cd1bd 100 0 0 10 0\n"
)
CONNECTION = (
    "   1: 0100007F:1F91 0100007F:C798 01 00000000:00000000 00:00000000 00000000     0        0"
    " 22436 1 00000000820cd1bd 20 4 30 10 -1\n"
)
STUDENT = (
    "   2: 0000000000000000FFFF00000100007F:1F92 00000000000000000000000000000000:0000 0A"
    " 00000000:00000000 00:00000000 00000000 20012        0 771 1 00000000820cd1bd 100 0 0 10 0\n"
)
TABLE = HEADING + HUB + CONNECTION + STUDENT

# A stranger's listener: becomes uid 65534, listens, says so; on a line of ours it accepts one
# connection, stops listening, and keeps the connection.
STRANGER_PROGRAM = """
import os, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
os.setgid(65534); os.setuid(65534)
s = socket.socket(family)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if ":" in sys.argv[1]: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, sys.argv[2] != "0")
s.bind((sys.argv[1], int(sys.argv[2]))); s.listen()
print(s.getsockname()[1], flush=True)
sys.stdin.readline()
c, _ = s.accept(); s.close()
print("gone", flush=True)
sys.stdin.readline()
"""


@contextmanager
def stranger(address: str, port: int = 0) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """A listener of uid 65534: its port and its process."""
    process = subprocess.Popen(
        [sys.executable, "-c", STRANGER_PROGRAM, address, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process
        finally:
            process.kill()


@contextmanager
def listening(address: str, port: int = 0) -> Iterator[int]:
    """A listener of our own uid: its port."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.listen()
        yield sock.getsockname()[1]


# The table as text


def test_a_table_gives_its_listeners_and_mapped_addresses_are_written_as_ipv4() -> None:
    assert parse(TABLE) == [
        Listener(address="127.0.0.1", port=8081, uid=0, inode=9154),
        Listener(address="127.0.0.1", port=8082, uid=20012, inode=771),
    ]


@given(st.text() | st.text(alphabet="0123456789ABCDEFabcdef: \n"))
def test_no_text_makes_the_parser_fail(text: str) -> None:
    assert isinstance(parse(text), list)


@given(st.data())
def test_a_damaged_row_costs_no_other_row(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(STUDENT) - 1))
    junk = data.draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
    damaged = STUDENT[:at] + junk + STUDENT[at + len(junk) :]
    found = parse(HEADING + damaged.strip() + "\n" + HUB)
    assert Listener(address="127.0.0.1", port=8081, uid=0, inode=9154) in found


# Real sockets


def test_our_own_listener_is_believed_and_nobody_at_all_is_a_hub_that_is_down() -> None:
    with listening("127.0.0.1") as port:
        believed("127.0.0.1", port, ME)
        assert [one.uid for one in listeners("127.0.0.1", port)] == [ME]
    with pytest.raises(HubDown, match=f"Nobody listens on port {port} of 127.0.0.1"):
        believed("127.0.0.1", port, ME)


def test_an_ipv6_listener_is_believed() -> None:
    with listening("::1") as port:
        believed("::1", port, ME)


@as_root
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::", "::ffff:127.0.0.1"])
def test_a_stranger_at_the_address_or_a_wildcard_is_an_impostor(address: str) -> None:
    with stranger(address) as (port, _), pytest.raises(HubImpostor) as caught:
        believed("127.0.0.1", port, 0)
    assert str(caught.value) == (
        f"Port {port} of 127.0.0.1 is held by uid 65534 (nobody), not by the hub's uid 0: "
        f"the token was not sent. Look: ss -ltnp 'sport = :{port}'"
    )


@as_root
@pytest.mark.parametrize("address", ["::1", "127.0.0.2"])
def test_a_stranger_at_another_address_of_this_machine_does_not_matter(address: str) -> None:
    with listening("127.0.0.1") as port, stranger(address, port):
        believed("127.0.0.1", port, ME)


@as_root
def test_a_stranger_for_ipv6_alone_beside_the_hub_does_not_matter() -> None:
    # Anybody could else keep hubtui, and the watchdog, from a hub that is well.
    with listening("127.0.0.1") as port, stranger("::", port):
        assert [one.uid for one in listeners("127.0.0.1", port)] == [0]
        believed("127.0.0.1", port, ME)


@pytest.mark.parametrize("first", ["127.0.0.1", "0.0.0.0"])
def test_linux_lets_nobody_listen_for_both_beside_a_listener_for_ipv4(first: str) -> None:
    with listening(first) as port, socket.socket(socket.AF_INET6) as both:
        both.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        with pytest.raises(OSError, match="in use"):
            both.bind(("::", port))


@as_root
def test_a_stranger_who_accepts_and_leaves_the_port_to_the_hub_is_an_impostor() -> None:
    with stranger("127.0.0.1") as (port, process):
        assert process.stdin is not None
        assert process.stdout is not None
        with socket.create_connection(("127.0.0.1", port)) as client:
            process.stdin.write("accept\n")
            process.stdin.flush()
            assert process.stdout.readline() == "gone\n"
            with listening("127.0.0.1", port):
                believed("127.0.0.1", port, 0)  # the listener is the hub's now,
                with pytest.raises(HubImpostor):  # but not who accepted us
                    believed("127.0.0.1", port, 0, client=client.getsockname())


def test_a_connection_that_the_hub_accepted_or_not_yet_is_believed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            believed("127.0.0.1", port, ME, client=client.getsockname())
            accepted, _ = server.accept()
            with accepted:
                believed("127.0.0.1", port, ME, client=client.getsockname())


# Whom to expect


def test_the_configured_uid_is_expected() -> None:
    assert expected_uid(998, Path("/nowhere")) == 998


def test_without_a_database_file_root_is_expected(tmp_path: Path) -> None:
    assert expected_uid(None, None) == 0
    assert expected_uid(None, tmp_path / "missing.sqlite") == 0


@as_root
def test_the_owner_of_the_database_is_expected_only_where_no_other_can_write() -> None:
    folder = Path("/var/lib") / f"hubtui-test-{os.getpid()}"  # /tmp is no safe parent
    database = folder / "jupyterhub.sqlite"
    folder.mkdir(mode=0o700)
    try:
        database.touch()
        os.chown(folder, 998, 998)
        os.chown(database, 998, 998)
        assert expected_uid(None, database) == 998
        folder.chmod(0o1777)
        assert expected_uid(None, database) == 0
        folder.chmod(0o700)
        os.chown(folder, STRANGER, STRANGER)
        assert expected_uid(None, database) == 0
    finally:
        database.unlink(missing_ok=True)
        folder.rmdir()


@as_root
def test_a_database_below_tmp_says_nothing(tmp_path: Path) -> None:
    database = tmp_path / "jupyterhub.sqlite"
    database.touch()
    os.chown(database, STRANGER, STRANGER)
    assert expected_uid(None, database) == 0


# Addresses


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8081/hub/api",
        "http://10.0.0.5:8081/hub/api",
        "http://0.0.0.0:8081/hub/api",
        "http://[::1%25lo]:8081/hub/api",
        "http://127.1:8081/hub/api",
        "http://user@127.0.0.1:8081/hub/api",
        "http://127.0.0.1:port/hub/api",
        "http://127.0.0.1:8081/hub/api?x",
        "ftp://127.0.0.1/hub/api",
        "127.0.0.1:8081",
        "http://127.0.0.1:8081/hub api",
        "",
    ],
)
def test_an_address_that_a_token_must_not_go_to_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^hub\.api in course\.yaml is "):
        place_of(url, "hub.api", 0)


def test_loopback_is_checked_by_uid_and_a_name_by_its_certificate() -> None:
    assert place_of("http://127.0.0.1:8081/hub/api/", "hub.api", 5).believe == 5
    assert place_of("https://[::1]/hub/api", "hub.api", 5).believe == 5
    assert place_of("http://[::ffff:127.0.0.1]/", "hub.api", 5).host == "127.0.0.1"
    named = place_of("https://jupyter.example.org/hub/api", "hub.api", 5)
    assert (named.port, named.path, named.believe) == (443, "/hub/api", None)
