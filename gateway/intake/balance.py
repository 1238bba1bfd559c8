"""Nothing gets lost in between: what came in equals what went somewhere, always asserted (DESIGN section 5)."""

from dataclasses import dataclass, fields

from gateway.domain.errors import InvariantBroken


@dataclass(frozen=True, slots=True)
class Balance:
    """Counts since the start of the process, of one source or of all.

    Messages (or poll cycles): received = journaled + duplicate + rejected + refused + in_flight. A refused one was not
    acknowledged: it comes again, or its source says so. Readings: decoded = readings_journaled + readings_refused +
    readings_in_flight; `clamped` and `suspect` of the journaled ones carry those flags.
    """

    received: int = 0
    journaled: int = 0
    duplicate: int = 0
    rejected: int = 0
    refused: int = 0
    in_flight: int = 0
    decoded: int = 0
    readings_journaled: int = 0
    readings_refused: int = 0
    readings_in_flight: int = 0
    clamped: int = 0
    suspect: int = 0

    def check(self) -> None:
        """Raises InvariantBroken when something got lost, or came from nowhere."""
        messages = self.journaled + self.duplicate + self.rejected + self.refused + self.in_flight
        readings = self.readings_journaled + self.readings_refused + self.readings_in_flight
        if self.received != messages or self.decoded != readings:
            raise InvariantBroken(f"intake does not balance: {self}")
        if any(getattr(self, item.name) < 0 for item in fields(self)):
            raise InvariantBroken(f"intake counts below zero: {self}")

    def __add__(self, other: "Balance") -> "Balance":
        return Balance(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(self)))
