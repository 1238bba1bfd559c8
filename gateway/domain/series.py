"""Results of a store of readings: series, aggregates, counts. Times are µs since 1970 UTC."""

from dataclasses import dataclass

from gateway.domain.reading import F64, I64, U8


@dataclass(frozen=True, slots=True)
class Series:
    """Readings of one point of one device, sorted by `at`, each identity once."""

    at: I64
    value: F64
    quality: U8
    flags: U8
    received: I64


@dataclass(frozen=True, slots=True)
class Buckets:
    """Aggregates of good and uncertain readings over [start, start + every). Empty buckets are left out, never zero."""

    start: I64
    count: I64
    mean: F64
    min: F64
    max: F64
    first: F64
    last: F64


@dataclass(frozen=True, slots=True)
class RefusedReading:
    """A reading that the store will never take: `address` is its device and point, `payload` what was sent, `detail`
    the store's answer."""

    address: str
    payload: bytes
    detail: str


@dataclass(frozen=True, slots=True)
class Written:
    """Result of one write: rows = stored + duplicate + expired + refused; `conflict` of the stored replaced another
    value. `letters`: the refused ones, of this write alone."""

    stored: int
    duplicate: int
    expired: int
    conflict: int = 0
    refused: int = 0
    letters: tuple[RefusedReading, ...] = ()

    @property
    def rows(self) -> int:
        """All of them."""
        return self.stored + self.duplicate + self.expired + self.refused

    def plus(self, other: "Written") -> "Written":
        """Sum of two results."""
        return Written(
            self.stored + other.stored,
            self.duplicate + other.duplicate,
            self.expired + other.expired,
            self.conflict + other.conflict,
            self.refused + other.refused,
        )


@dataclass(frozen=True, slots=True)
class SeriesStats:
    """`first`, `last` are µs (0 when empty)."""

    rows: int
    bytes: int
    segments: int
    first: int
    last: int
