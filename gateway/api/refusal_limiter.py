"""Addresses with many refused requests must wait. This limits guessing of keys, and the log lines and audit rows it
causes."""

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from typing import Final

BURST: Final = 20
"""Refusals in a row allowed for one address."""
EVERY: Final = 3.0
"""Seconds until one more is allowed."""
ADDRESSES: Final = 4096
"""Number of addresses remembered, those refused last."""
KNOWN: Final = 1024
"""Number of recently valid keys remembered: their holders are not delayed by others at the same address."""
REPORT_EVERY: Final = 600.0
"""Seconds between two audit rows about one address and reason."""
ROWS: Final = 60
"""Audit rows about refused access per `REPORT_EVERY`, for all addresses together."""


def source_of(address: str) -> str:
    """Key of an address: IPv4 unchanged, IPv6 by its /64, as one host may use all addresses of it."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return address


@dataclass(slots=True)
class _Caller:
    left: float
    at: float
    logged: dict[str, float] = field(default_factory=dict)
    unlogged: Counter[str] = field(default_factory=Counter)


class RefusalLimiter:
    """Limits refusals per address; memory is bounded. `now` in seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._callers: OrderedDict[str, _Caller] = OrderedDict()
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._window, self._rows = float("-inf"), 0

    def wait(self, address: str, now: float) -> float:
        """Seconds that this address must wait; 0 = it may try now."""
        caller = self._callers.get(source_of(address))
        if caller is None:
            return 0.0
        self._refill(caller, now)
        return 0.0 if caller.left >= 1 else (1 - caller.left) * EVERY

    def refused(self, address: str, now: float, reason: str = "wrong_key", *, guess: bool = True) -> int:
        """Count a refusal; only a `guess` counts against the address. Returns the number of refusals for this reason
        that an audit row should report now, 0 = no row is due."""
        source = source_of(address)
        caller = self._callers.pop(source, None) or _Caller(float(BURST), now)
        self._callers[source] = caller
        if len(self._callers) > ADDRESSES:
            self._callers.popitem(last=False)
        self._refill(caller, now)
        if guess:
            caller.left = max(0.0, caller.left - 1)
        caller.unlogged[reason] += 1
        if now - self._window >= REPORT_EVERY:
            self._window, self._rows = now, 0
        if now - caller.logged.get(reason, float("-inf")) < REPORT_EVERY or self._rows >= ROWS:
            return 0
        caller.logged[reason], self._rows = now, self._rows + 1
        return caller.unlogged.pop(reason)

    def accepted(self, secret: str) -> None:
        """Record that this key was valid."""
        digest = sha256(secret.encode()).digest()
        self._known[digest] = None
        self._known.move_to_end(digest)
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)

    def recently_accepted(self, secret: str) -> bool:
        """True if this key was valid recently."""
        return sha256(secret.encode()).digest() in self._known

    def _refill(self, caller: _Caller, now: float) -> None:
        caller.left = min(float(BURST), caller.left + (now - caller.at) / EVERY)
        caller.at = now
