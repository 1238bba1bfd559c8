"""Check of the Host header: an unknown name means that a browser was directed here (DNS rebinding)."""

import re
import socket
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:@/\s]+))(?::[0-9]{1,5})?")


class AllowedHosts:
    """Host names under which this gateway may be called: IP addresses, localhost, this machine's name, that of
    `url`, and `more`."""

    def __init__(self, url: str, more: Iterable[str]) -> None:
        names = {"localhost", socket.gethostname(), urlsplit(url).hostname or "", *more}
        self._names = {name.lower().rstrip(".") for name in names} - {""}

    def known(self, header: str) -> bool:
        """True if `header` (`name:port`) is allowed. An absent header (HTTP/1.0) is allowed: no browser omits it."""
        if not header:
            return True
        match = _HOST.fullmatch(header)
        if match is None:
            return False
        name = match[1] or match[2]
        try:
            ip_address(name)
        except ValueError:
            return match[1] is None and name.lower().rstrip(".") in self._names
        return True
