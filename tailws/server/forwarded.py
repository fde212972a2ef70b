"""What proxies say about whom they speak for: `X-Forwarded-*` and `Forwarded` (RFC 7239).

Reading only. Whether a word of it is believed depends on who sent it, and is `access`'s to decide.
"""

from __future__ import annotations

import ipaddress
import re

from msgspec import Struct

_FORWARDED_PAIR = re.compile(r'\s*([a-z]+)=("(?:[^"\\]|\\.)*"|[^\s;,"]+)\s*', re.IGNORECASE)
FORWARDING = {b"host", b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"}

#: Characters of a header that are looked at, from its end: what our own proxy wrote stands there.
MAX_LENGTH = 1024


class Hop(Struct, frozen=True):
    address: str = ""
    proto: str = ""
    host: str = ""


def hops_of(values: dict[str, list[str]]) -> list[Hop]:
    """Return the hops that proxies wrote down, the client's first.

    Where there is both, `X-Forwarded-*` counts: a proxy that writes those may well pass on a
    `Forwarded` that its client made up.
    """
    if any(name.startswith("x-forwarded-") for name in values):
        addresses = _list(values, "x-forwarded-for") or [""]
        proto = _list(values, "x-forwarded-proto") or [""]
        host = _list(values, "x-forwarded-host") or [""]
        hops = [Hop(_address(address)) for address in addresses]
        hops[-1] = Hop(hops[-1].address, proto[-1].lower(), host[-1].lower())
        return hops
    return [_hop(element) for element in _list(values, "forwarded")]


def _list(values: dict[str, list[str]], name: str) -> list[str]:
    joined = ",".join(values.get(name, []))[-MAX_LENGTH:]
    return [item.strip() for item in _SPLIT.findall(joined) if item.strip()]


_SPLIT = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^,"])+')


def _hop(element: str) -> Hop:
    """Read one element of `Forwarded` (RFC 7239, section 4)."""
    pairs = {name.lower(): _unquoted(value) for name, value in _FORWARDED_PAIR.findall(element)}
    return Hop(
        _address(pairs.get("for", "")),
        pairs.get("proto", "").lower(),
        pairs.get("host", "").lower(),
    )


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _address(text: str) -> str:
    """Return the IP address of `192.0.2.1:80`, `[2001:db8::1]:80` and the like, or ""."""
    try:
        return str(ipaddress.ip_address(bare_host(text)))
    except ValueError:
        return ""


def bare_host(host: str) -> str:
    """Return a host without its port, brackets and trailing dot."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, colon, port = host.rpartition(":")
    if colon and port.isdigit() and ":" not in name:
        host = name
    return host.rstrip(".")


def is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
