"""The running counts behind `Balance`, one set per source."""

from collections import Counter

from gateway.domain.errors import InvariantBroken
from gateway.domain.record import Parcel
from gateway.intake.balance import Balance


class SourceCounts:
    """Counts of one source. Arrivals and outcomes are counted apart, so that the balance shows a loss."""

    def __init__(self) -> None:
        self._n: Counter[str] = Counter()

    def arrive(self, parcel: Parcel) -> None:
        """Count a parcel that a source emitted."""
        self._n["received"] += parcel.messages
        self._n["decoded"] += len(parcel.batch)
        self._under_way(parcel, 1)

    def keep(self, parcel: Parcel, *, rows: int, clamped: int, suspect: bool, implausible: int) -> None:
        """Count a parcel that is on disk with `rows` readings."""
        self._under_way(parcel, -1)
        self._n["duplicate"] += parcel.duplicates
        self._n["rejected"] += len(parcel.rejected)
        self._n["partial"] += len(parcel.partial)
        self._n["journaled"] += parcel.messages - parcel.duplicates - len(parcel.rejected)
        self._n["readings_journaled"] += rows
        self._n["clamped"] += clamped
        self._n["suspect"] += rows if suspect else 0
        self._n["implausible"] += implausible

    def own(self, rows: int) -> None:
        """Count readings on disk that no device sent."""
        self._n["decoded"] += rows
        self._n["readings_journaled"] += rows

    def refuse(self, parcel: Parcel) -> None:
        """Count a parcel that could not be kept."""
        self._under_way(parcel, -1)
        self._n["refused"] += parcel.messages
        self._n["readings_refused"] += len(parcel.batch)

    def _under_way(self, parcel: Parcel, sign: int) -> None:
        self._n["in_flight"] += sign * parcel.messages
        self._n["readings_in_flight"] += sign * len(parcel.batch)

    def snapshot(self) -> Balance:
        """The present balance."""
        return Balance(**self._n)


def check_parcel(parcel: Parcel) -> None:
    """Check a parcel: columns of equal length, frames in order, message counts consistent.

    Raises InvariantBroken, as only a faulty source emits such a parcel.
    """
    batch, n = parcel.batch, len(parcel.batch)
    columns = (batch.point, batch.at, batch.value, batch.quality, batch.flags, batch.frame)
    if any(len(column) != n for column in columns):
        raise InvariantBroken(f"source {parcel.source}: columns of different length")
    frame = batch.frame
    if n and (frame[0] < 0 or frame[-1] >= batch.frames or bool((frame[1:] < frame[:-1]).any())):
        raise InvariantBroken(f"source {parcel.source}: frames out of order or without a receive time")
    journaled = parcel.messages - parcel.duplicates - len(parcel.rejected)
    if parcel.duplicates < 0 or journaled < 0:
        raise InvariantBroken(
            f"source {parcel.source}: {parcel.messages} messages, but {parcel.duplicates} duplicates"
            f" and {len(parcel.rejected)} rejected"
        )
    receipts = parcel.receipts
    if receipts is not None and len(receipts.packets) != len(receipts.digests):
        raise InvariantBroken(f"source {parcel.source}: receipts without their digests")
