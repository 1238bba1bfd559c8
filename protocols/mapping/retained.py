"""Replays of retained messages: a state that was true when it was sent, at an unknown time (B9)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from gateway.domain.duration import MINUTE
from gateway.domain.reading import Batch, Flag, Quality

FRESH: Final = 5 * MINUTE
"""How old an event time may be where the profile promises no interval."""
INTERVALS: Final = 3
"""Of the promised interval; a silence that is longer is a gap everywhere else, too."""


def mark_retained(batch: Batch, frames: Sequence[int], every: Mapping[int, int]) -> Batch:
    """The readings of these frames uncertain and flagged, but for those that bring a fresh event time of their own.
    `every`: point -> its promised interval, µs."""
    rows = np.flatnonzero(np.isin(batch.frame, np.array(frames, np.int32)))
    if not len(rows):
        return batch
    at, received = batch.at[rows], batch.received[batch.frame[rows]]
    allowed = np.array([INTERVALS * every.get(p, 0) or FRESH for p in batch.point[rows].tolist()], np.int64)
    doubtful = rows[(at == received) | (received - at > allowed)]
    quality, flags = batch.quality.copy(), batch.flags.copy()
    quality[doubtful] = np.minimum(quality[doubtful], np.uint8(Quality.UNCERTAIN))
    flags[doubtful] |= np.uint8(Flag.RETAINED)
    return replace(batch, quality=quality, flags=flags)
