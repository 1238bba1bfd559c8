"""Which addresses an endpoint may be at (server-side request forgery guard).

Public addresses over https; addresses on the endpoint's own allow-list (an OA on the LAN) over http or https; never,
allow-listed or not, link-local, cloud metadata, multicast and unspecified ones. The networks are those of the IANA
special-purpose registries (RFC 6890 and its updates), written down here because `ipaddress.is_global` of Python 3.11
calls NAT64, 6to4, multicast and site-local addresses global.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NEVER: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",  # metadata of Alibaba, Azure, Oracle
        "::/128",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
        "fd00:ec2::254/128",
        "fd20:ce::254/128",  # the last: AWS, Google
    )
)
_NOT_PUBLIC: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
_PUBLIC_V6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NUMERIC = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def plain(address: Address) -> Address:
    """The address; for an IPv4-mapped IPv6 address the IPv4 address that the kernel would connect to."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def public(address: Address) -> bool:
    """True if the address is on the public internet. A NAT64 address (a network without IPv4) counts as the address
    it translates."""
    address = plain(address)
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in _PUBLIC_V6:
            return False
    return not _within(address, _NEVER) and not _within(address, _NOT_PUBLIC)


def permitted(address: Address, allow: Sequence[Network], *, tls: bool) -> bool:
    """True if an endpoint with this allow-list may be reached at `address`; without TLS only allow-listed ones."""
    address = plain(address)
    inner = IPv4Address(int(address) & 0xFFFFFFFF) if isinstance(address, IPv6Address) and address in _NAT64 else None
    if _within(address, _NEVER) or (inner is not None and _within(inner, _NEVER)):
        return False
    return _within(address, allow) or (tls and public(address))


@dataclass(frozen=True, slots=True)
class CheckedUrl:
    """A checked URL. `address` is set when the host is an IP literal."""

    url: str
    host: str
    port: int
    tls: bool
    address: Address | None = None


class BadTarget(ValueError):
    """A URL that no endpoint may have. `reason` is a text `delivery.url.<reason>` of the catalogue."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def parse_target(url: str) -> CheckedUrl:
    """Check a URL without touching the network.

    Refuses other schemes, user info, fragments, control and non-ASCII characters, percent-encoded hosts, and the
    spellings of an address that only some parsers understand (2130706433, 0x7f.1, 017700000001). Raises BadTarget.
    """
    if not url.isascii() or any(c <= " " or c in '\x7f\\"<>^`{|}' for c in url):
        raise BadTarget("characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadTarget("shape") from None
    if parts.scheme not in {"http", "https"}:
        raise BadTarget("scheme")
    if "@" in parts.netloc:
        raise BadTarget("userinfo")
    if parts.fragment or url.endswith("#"):
        raise BadTarget("fragment")
    tls = parts.scheme == "https"
    host, address = _host(parts)
    if port == 0:
        raise BadTarget("shape")
    return CheckedUrl(url, host, port or (443 if tls else 80), tls, address)


def _host(parts: SplitResult) -> tuple[str, Address | None]:
    host = parts.hostname or ""
    if not host:
        raise BadTarget("shape")
    if "[" in parts.netloc:
        if "%" in host:
            raise BadTarget("address")
        try:
            return host, IPv6Address(host)
        except ValueError:
            raise BadTarget("address") from None
    labels = host.removesuffix(".").split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadTarget("host")
    if _NUMERIC.fullmatch(labels[-1]):  # a name that ends in a number is an address to some parsers
        try:
            return host, ip_address(host)
        except ValueError:
            raise BadTarget("address") from None
    return host, None
