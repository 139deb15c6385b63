"""What is wrong with the public address, where hub and proxy are well: no restart cures it."""

from __future__ import annotations

from hubtui.watchdog.records import Got, Probe

_GATEWAY = (502, 503, 504)


def cause(public: Probe) -> tuple[str, bool]:
    """The cause, of catalogue.CAUSES, that an answer speaks of; and whether it leaves no doubt.

    An empty one where nothing can be said: it hung up, or there was no way to it.
    """
    match public.got:
        case Got.TLS if "expired" in public.text:
            return "certificate-expired", True
        case Got.TLS if "certificate" in public.text:
            return "certificate-wrong", True
        case Got.TLS:
            return "web-wrong", False
        case Got.DNS:
            return "name-unknown", True
        case Got.REFUSED:
            return "web-down", True
        case Got.SILENT:
            return "apache-workers", False
        case Got.STATUS if public.status in _GATEWAY:
            return "apache-backend", False
        case Got.STATUS:
            return "web-wrong", False
        case _:
            return "", False
