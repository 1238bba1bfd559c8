"""Reordering of the rows of batches, and regrouping into frames."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import Batch, empty_batch

Bools = NDArray[np.bool_]


def runs(*columns: NDArray[np.generic]) -> Bools:
    """bool[n]: True for the first row and for rows where any of these columns differs from the row before."""
    found = np.ones(len(columns[0]), np.bool_)
    found[1:] = False
    for column in columns:
        found[1:] |= column[1:] != column[:-1]
    return found


def reframed(batch: Batch, begin: Bools | None = None) -> Batch:
    """The same rows with a new frame at each row of `begin`, bool[n]; None = where the frame changes. A frame's receive
    time is that of the last of its rows. Frames without rows are left out."""
    if not len(batch):
        return empty_batch()
    begin = runs(batch.frame) if begin is None else begin
    received = np.maximum.reduceat(batch.received[batch.frame], np.flatnonzero(begin))
    return replace(batch, frame=(np.cumsum(begin) - 1).astype(np.int32), received=received)


def in_order(batch: Batch, *, twice: bool = True) -> Batch:
    """Rows sorted by time, then device; rows of one device and moment form a frame. `twice`: an identity (device,
    point, at) may occur twice; the last row is kept."""
    if not len(batch):
        return batch
    if twice:
        batch = batch.select(np.lexsort((batch.point, batch.device, batch.at)))
        last = np.append(runs(batch.device, batch.point, batch.at)[1:], True)
        batch = batch if last.all() else batch.select(last)
    else:
        key = _by_time_and_device(batch)
        if not bool((key[1:] >= key[:-1]).all()):
            batch = batch.select(np.argsort(key, kind="stable"))
    return reframed(batch, runs(batch.device, batch.at))


def _by_time_and_device(batch: Batch) -> NDArray[np.int64]:
    """i64[n] sort key: time, then device; time alone when both do not fit into one number."""
    first, span = int(batch.at.min()), int(batch.device.max()) + 1
    fits = int(batch.at.max()) - first < (1 << 62) // span
    return (batch.at - first) * span + batch.device if fits else batch.at
