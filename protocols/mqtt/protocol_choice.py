"""Which version of MQTT the next connection speaks. Pure."""

from typing import Final, Literal

Version = Literal["5", "3.1.1"]
_CLOSED: Final = 3
"""Connections in a row that end before CONNACK: a broker that does not know MQTT 5 may only hang up."""


class ProtocolChoice:
    """`wanted` as configured. With `auto` MQTT 5 is tried first, and the answer is remembered while the gateway runs.

    A broker that hangs up may also be one that is starting, or a proxy in front of it. So 3.1.1 after mere hanging up
    holds for one connection; the next one tries 5 once more, and if that is hung up on again, 3.1.1 is certain.
    """

    def __init__(self, wanted: Literal["auto", "5", "3.1.1"]) -> None:
        self.version: Version = "3.1.1" if wanted == "3.1.1" else "5"
        self._fixed = self._certain = wanted != "auto"
        self._closed = self._accepted = 0

    def refused(self) -> bool:
        """The broker answered that it does not speak this version. True when that changes the version."""
        if not self._fixed:
            self._certain = True
            self._other()
        return not self._fixed

    def closed(self) -> bool:
        """The connection ended before CONNACK. True when that changes the version."""
        self._closed += 1
        if self._certain or (self.version == "5" and self._closed < _CLOSED):
            return False
        self._other()
        return True

    def accepted(self) -> None:
        """CONNACK came."""
        self._closed = 0
        self._accepted += self.version == "3.1.1"
        self._certain = self._certain or self.version == "5" or self._accepted > 1

    def ended(self) -> None:
        """A connection that had been accepted is over."""
        if not self._certain:
            self.version, self._closed = "5", _CLOSED - 1

    def _other(self) -> None:
        self.version, self._closed = "3.1.1" if self.version == "5" else "5", 0
