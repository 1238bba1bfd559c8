"""When to ping and when to give a connection up. Seconds of a monotonic clock; no I/O."""

from enum import Enum


class KeepaliveAction(Enum):
    """What is due now."""

    NOTHING = "nothing"
    PING = "ping"
    DEAD = "dead"


class Keepalive:
    """Pings after half an interval without sending; dead when nothing came in the half interval after a ping.

    Any byte counts: a PINGRESP may stand behind megabytes of messages. While reading is paused (back-pressure)
    pings go on, but silence proves nothing.
    """

    def __init__(self, interval: float, now: float) -> None:
        self._half = interval / 2
        self._sent = now
        self._received_at = now
        self._pinged: float | None = None
        self._paused = False

    def sent(self, now: float) -> None:
        """Some packet went out."""
        self._sent = now

    def received(self, now: float) -> None:
        """Some bytes came in."""
        self._received_at = now
        self._pinged = None

    def paused(self, paused: bool, now: float) -> None:
        """Reading stopped or goes on."""
        self._paused = paused
        if not paused and self._pinged is not None:
            self._pinged = now  # the answer has its time from here on

    def due(self, now: float) -> KeepaliveAction:
        """Ask a few times per interval. After PING the caller sends one."""
        if self._pinged is not None and not self._paused and now - self._pinged >= self._half:
            return KeepaliveAction.DEAD
        if now - self._sent < self._half:
            return KeepaliveAction.NOTHING
        self._sent = now
        if self._pinged is None:
            self._pinged = now
        return KeepaliveAction.PING
