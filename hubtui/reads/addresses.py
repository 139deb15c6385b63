"""Where the hub is reached: its own port, the proxy, the address that students open.

JupyterHub 1.2–5: `bind_url` (or ip, port, base_url) is the proxy's, `hub_bind_url` (or hub_ip,
hub_port) the hub's own; by default http://:8000 and http://127.0.0.1:8081.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from hubtui.reads import sites
from hubtui.reads.hubconfig import HubConfig
from hubtui.reads.oldscripts import OldScripts


def api(config: HubConfig | None) -> tuple[str, str]:
    """The hub's own API, by number, and where that is from."""
    host, port, where = _address(config, "hub_bind_url", "hub_ip", "hub_port", 8081)
    return f"http://{host}:{port}{_base(config)}/hub/api", where


def proxy(config: HubConfig | None) -> tuple[str, str]:
    """The proxy, by number, and where that is from."""
    host, port, where = _address(config, "bind_url", "ip", "port", 8000)
    return f"http://{host}:{port}{_base(config)}", where


def public(old: OldScripts, proxy: str | None = None) -> tuple[str | None, str]:
    """What students open: the name of a site of Apache or nginx that leads to the proxy, or else
    to this machine; or the old watchdog's address."""
    found = sites.sites()
    if site := sites.leading_to(_port(proxy), found):
        names = {each.url for each in found} - {site.url}
        also = f"; also here: {', '.join(sorted(names))}" if names else ""
        return site.url, site.where + also
    if old.url is not None:
        return old.url.value, f"URL in {old.url.by}"
    return None, "no site of Apache or nginx leads to this machine"


def _port(url: str | None) -> int | None:
    return urlsplit(url).port if url else None


def _address(
    config: HubConfig | None, url: str, ip: str, port: str, default: int
) -> tuple[str, int, str]:
    if bound := _parts(config, url):
        return _by_number(bound.hostname), bound.port or default, f"JupyterHub.{url}"
    host = config.get(f"JupyterHub.{ip}") if config else None
    number = config.get(f"JupyterHub.{port}") if config else None
    if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 65536:
        return _by_number(host), number, f"JupyterHub.{port}"
    return _by_number(host), default, "JupyterHub's default"


def _by_number(host: object) -> str:
    """The loopback address at which a listener on ``host`` answers."""
    try:
        address = ipaddress.ip_address(str(host))
    except ValueError:
        return "127.0.0.1"  # localhost, empty, *: the name could lead to somebody else's ::1
    if not address.is_loopback:
        return "[::1]" if address == ipaddress.IPv6Address("::1") else "127.0.0.1"
    return f"[{address}]" if address.version == 6 else str(address)


def _base(config: HubConfig | None) -> str:
    """``/jupyter`` where all of the hub lies below that path, else nothing."""
    base = config.get("JupyterHub.base_url") if config else None
    if base is None and (bound := _parts(config, "bind_url")):
        base = bound.path
    text = str(base or "").strip("/")
    return f"/{text}" if re.fullmatch(r"[A-Za-z0-9._~/-]+", text) and ".." not in text else ""


def _parts(config: HubConfig | None, setting: str) -> SplitResult | None:
    """A setting that is an address, in parts; None where it is none."""
    value = config.get(f"JupyterHub.{setting}") if config else None
    if not isinstance(value, str):
        return None
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return None
    return parts
