"""Clocks that are wrong: the devices' and our own (RULES section 5, Clocks). Pure."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import Batch, Flag, Quality

YEAR_2000: Final = 946_684_800_000_000
"""µs; a clock before it was never set."""


def clamp(batch: Batch, ahead_limit: int) -> tuple[Batch, NDArray[np.bool_] | None]:
    """Replace wrong event times by the receive time of their frame: flagged, and uncertain unless bad.

    Wrong is more than `ahead_limit` µs after the receive time, or (not for imported history) before 2000. Returns the
    rows that changed, bool[n]; None = none did, and the batch is the same.
    """
    if not len(batch):
        return batch, None
    received = batch.received[batch.frame]
    imported = (batch.flags & Flag.IMPORTED) != 0
    wrong: NDArray[np.bool_] = (batch.at > received + ahead_limit) | ((batch.at < YEAR_2000) & ~imported)
    if not wrong.any():
        return batch, None
    doubtful = wrong & (batch.quality == Quality.GOOD)
    return Batch(
        batch.device,
        batch.point,
        np.where(wrong, received, batch.at),
        batch.value,
        np.where(doubtful, np.uint8(Quality.UNCERTAIN), batch.quality),
        np.where(wrong, batch.flags | np.uint8(Flag.CLAMPED), batch.flags),
        batch.frame,
        batch.received,
    ), wrong


def mark_suspect(batch: Batch) -> Batch:
    """All rows were received while the gateway's own clock ran behind its journal."""
    return Batch(
        batch.device,
        batch.point,
        batch.at,
        batch.value,
        batch.quality,
        batch.flags | np.uint8(Flag.CLOCK_SUSPECT),
        batch.frame,
        batch.received,
    )


class Watermark:
    """The newest time in the journal. Our clock is suspect while it is older."""

    def __init__(self, newest: int) -> None:
        self.newest = newest

    def observe(self, now: int) -> bool:
        """`now` (µs) is about to be journaled: is it suspect?"""
        suspect = now < self.newest
        self.newest = max(self.newest, now)
        return suspect
