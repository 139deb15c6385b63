"""Names and other text of strangers: how to show it, which names to refuse, which look alike.

NativeAuthenticator's form takes nearly everything as a name: escape codes, ``[markup]``, reversed
text, ``$(id)``, 300 characters. So nothing of it reaches a screen, a log or a command unjudged.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator

_ACCOUNT = re.compile(r"[a-z][a-z0-9_-]{0,30}[a-z0-9]", re.ASCII)
_ENDS_BADLY = re.compile(r"[a-z][a-z0-9_-]{0,30}[_-]", re.ASCII)

IMPOSSIBLE = (
    "can't be a Unix account: 2–32 of a–z 0–9 _ -, starting with a letter. "
    "Ask the student to sign up again."
)
IMPOSSIBLE_END = "can't be a Unix account: it ends with _ or -. Ask the student to sign up again."

# Names that Debian's and Ubuntu's packages give to accounts or groups, whether installed here or
# not: whoever holds one of them would own the service that is installed next year.
RESERVED = frozenset(
    """
    root admin administrator superuser toor sudo sudoers wheel operator hubtui jupyter jupyterhub

    daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody
    nogroup adm tty disk kmem dialout fax voice cdrom floppy tape audio dip src shadow utmp video
    sasl plugdev staff users input sgx kvm render netdev crontab lpadmin scanner bluetooth
    messagebus polkitd uuidd tcpdump tss landscape lxd pollinate fwupd-refresh usbmux rtkit avahi
    avahi-autoipd saned colord geoclue pulse pulse-access pipewire gdm lightdm sddm whoopsie
    speech-dispatcher hplip cups-pk-helper dnsmasq syslog sshd ssh ssl-cert ftp telnetd statd rpc
    ntp ntpsec chrony openntpd dhcpcd dhcpd unbound bind named nslcd sssd munge slurm
    systemd-bus-proxy systemd-coredump systemd-journal systemd-network systemd-oom systemd-resolve
    systemd-timesync

    postfix postdrop postmaster exim debian-exim dovecot dovenull opendkim spamd clamav amavis
    mailman nginx apache httpd caddy haproxy squid traefik varnish tomcat postgres postgresql
    mysql mariadb redis mongodb memcache memcached rabbitmq couchdb elasticsearch influxdb
    prometheus grafana zabbix nagios munin icinga telegraf collectd docker containerd podman
    libvirt libvirt-qemu qemu vagrant ubuntu debian cloud-init git gitlab gitlab-runner ansible
    cloudsdk certbot letsencrypt acme fail2ban snapd snap-daemon rsync rslsync nfs nfsnobody samba
    sambashare winbindd wireshark debian-tor openvpn nm-openvpn wireguard strongswan

    localhost hostmaster webmaster abuse security noreply guest anonymous system
    """.split()
)

_RESERVED_FAMILIES = ("systemd-", "jupyterhub-", "hubtui-", "gitlab-", "snap_")


def impossible(name: str) -> str | None:
    """Why `name` can't be a Unix account on Debian or Ubuntu, or None where it can.

    useradd itself refuses almost nothing (``../anna`` made a folder ``/anna``), so this pattern is
    the gate. A name that ends with a newline is refused, too: the whole of it has to match.
    """
    if _ACCOUNT.fullmatch(name):
        return None
    return IMPOSSIBLE_END if _ENDS_BADLY.fullmatch(name) else IMPOSSIBLE


def is_reserved(name: str) -> bool:
    """Whether the system or a package claims `name`; the hub's admins and the course's group are
    for the caller to add."""
    return name in RESERVED or name.startswith(_RESERVED_FAMILIES)


# --- showing ------------------------------------------------------------------------------------

# Unicode's Default_Ignorable_Code_Point where category alone does not give it away, and the blank
# braille cell: letters and marks by name, on the screen nothing at all.
_INVISIBLE = frozenset(
    chr(code)
    for codes in (
        (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
        range(0x180B, 0x1810),
        range(0xFE00, 0xFE10),
        range(0xE0100, 0xE01F0),
    )
    for code in codes
)
_MOST_MARKS = 4  # on one letter; what piles up more than that overflows the row above


def shown(text: str | bytes, limit: int | None = None) -> str:
    r"""`text` on one line that is safe for a terminal and a table cell.

    Controls, line breaks, direction marks, everything invisible and marks without a letter appear
    as escapes: ``\n``, ``\x9b``, ``\u202e``. Bytes that are not UTF-8 do, too. The rest, brackets
    and backslashes among it, stays as it is: never hand the result to anything that reads markup.
    `limit` is the greatest length in characters; what had to be cut ends with ``…``. Never raises.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    if text.isascii() and text.isprintable():
        return text if limit is None or len(text) <= limit else _cut(text, limit)
    if limit is None:
        return "".join(_pieces(text))
    pieces: list[str] = []
    room = limit
    for piece in _pieces(text):
        pieces.append(piece)
        room -= len(piece)
        if room < 0:
            break
    else:
        return "".join(pieces)
    # An escape is cut as a whole: half of one would read as something else.
    while pieces and room < 1:
        room += len(pieces.pop())
    return "".join(pieces) + "…" * (limit > 0)


def _cut(text: str, limit: int) -> str:
    return text[: limit - 1] + "…" if limit > 0 else ""


def _pieces(text: str) -> Iterator[str]:
    marks = _MOST_MARKS  # nothing there yet to carry a mark
    for char in text:
        if not char.isprintable() or char in _INVISIBLE:
            marks = _MOST_MARKS
            yield _escape(char)
        elif unicodedata.category(char)[0] == "M":
            marks += 1
            yield char if marks <= _MOST_MARKS else _escape(char)
        else:
            marks = _MOST_MARKS if char == " " else 0
            yield char


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


# --- names that look alike ----------------------------------------------------------------------

_CONFUSABLE = str.maketrans({"0": "o", "1": "l", "-": None, "_": None})
_LONGEST = 64  # an account has at most 32: what is longer is no slip of the finger


def twins(name: str, others: Iterable[str]) -> list[str]:
    """Those of `others`, sorted, that a person could take for `name`; `name` itself is none.

    One letter more, less, other, or two swapped; or the same but for case, ``-`` and ``_``, 0 and
    o, 1 and l, and Unicode's spellings of the same (NFKC). To ask for many names use `TwinIndex`.
    """
    folded = _fold(name)
    return sorted({other for other in others if other != name and _alike(folded, _fold(other))})


class TwinIndex:
    """`twins` for many questions about the same names: each answer takes the time of one name.

    Two texts are one edit apart only if leaving out at most one letter of each can make them equal,
    so every name is filed under itself and each of its shortenings.
    """

    def __init__(self, others: Iterable[str]) -> None:
        self._filed: defaultdict[str, set[str]] = defaultdict(set)
        self._folded = {other: _fold(other) for other in others}
        for other, folded in self._folded.items():
            for key in _keys(folded):
                self._filed[key].add(other)

    def of(self, name: str) -> list[str]:
        folded = _fold(name)
        near: set[str] = set()
        for key in _keys(folded):
            near |= self._filed.get(key, set())
        near.discard(name)
        return sorted(other for other in near if _alike(folded, self._folded[other]))


def _fold(name: str) -> str:
    return name.lower() if name.isascii() else unicodedata.normalize("NFKC", name).casefold()


def _alike(one: str, two: str) -> bool:
    if one.translate(_CONFUSABLE) == two.translate(_CONFUSABLE):
        return True
    return max(len(one), len(two)) <= _LONGEST and _one_edit(one, two)


def _one_edit(one: str, two: str) -> bool:
    if abs(len(one) - len(two)) > 1:
        return False
    start = 0
    for left, right in zip(one, two, strict=False):
        if left != right:
            break
        start += 1
    one, two = one[start:], two[start:]
    if len(one) == len(two):
        return one[1:] == two[1:] or (one[1::-1] == two[:2] and one[2:] == two[2:])
    return one[1:] == two or one == two[1:]


def _keys(folded: str) -> Iterator[str]:
    yield "\0" + folded.translate(_CONFUSABLE)
    if len(folded) <= _LONGEST:
        yield folded
        for at in range(len(folded)):
            yield folded[:at] + folded[at + 1 :]
