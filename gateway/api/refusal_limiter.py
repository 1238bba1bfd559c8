"""A caller that is refused again and again has to wait: a bound on what guessing costs, and on what it writes."""

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from typing import Final

BURST: Final = 20
"""Refusals in a row from one address."""
EVERY: Final = 3.0
"""Seconds until one more is allowed."""
ADDRESSES: Final = 4096
"""Addresses that are remembered; those refused last."""
KNOWN: Final = 1024
"""Keys that were good lately: who has one is not held up by others at the same address."""
REPORT_EVERY: Final = 600.0
"""Seconds between two audit rows about one address and reason."""
ROWS: Final = 60
"""Audit rows about refused access in `REPORT_EVERY` seconds, of all addresses together."""


def source_of(address: str) -> str:
    """IPv4 as it is, IPv6 by its /64: whoever has one address there has them all."""
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
    """Per address; memory is bounded. `now` in seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._callers: OrderedDict[str, _Caller] = OrderedDict()
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._window, self._rows = float("-inf"), 0

    def wait(self, address: str, now: float) -> float:
        """Seconds this address has to wait; 0 = it may try."""
        caller = self._callers.get(source_of(address))
        if caller is None:
            return 0.0
        self._refill(caller, now)
        return 0.0 if caller.left >= 1 else (1 - caller.left) * EVERY

    def refused(self, address: str, now: float, reason: str = "wrong_key", *, guess: bool = True) -> int:
        """Count one; without a `guess` it costs the address nothing. How many refusals for this reason an audit row
        should report now, 0 = none is due."""
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
        """This key was good."""
        digest = sha256(secret.encode()).digest()
        self._known[digest] = None
        self._known.move_to_end(digest)
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)

    def recently_accepted(self, secret: str) -> bool:
        """Was this key good lately?"""
        return sha256(secret.encode()).digest() in self._known

    def _refill(self, caller: _Caller, now: float) -> None:
        caller.left = min(float(BURST), caller.left + (now - caller.at) / EVERY)
        caller.at = now
