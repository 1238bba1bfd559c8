"""Finds the new rows of a write, those that are stored already, and those that replace another value."""

from collections.abc import Collection

import duckdb
import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import Batch
from sinks.series.duckdb import query
from sinks.series.duckdb.newest import NewestIndex, keys_of
from sinks.series.duckdb.segment import Segment


def judge(
    connection: duckdb.DuckDBPyConnection, segments: Collection[Segment], known: NewestIndex, batch: Batch
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """(rows that are no duplicates, of these the ones that replace another value, and those that a later row of
    this very write replaces: rows of one record have no order in the store)."""
    count = len(batch)
    keep, changed, replaced = np.ones(count, np.bool_), np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    if not count:
        return keep, changed, replaced
    key = keys_of(batch.device, batch.point)
    newest_of_all = max((s.last for s in segments if s.last is not None), default=-(2**62))
    sure = known.newer(key, batch.at, newest_of_all)
    order = np.lexsort((np.arange(count), batch.at, key))
    twin = np.zeros(count, np.bool_)  # same identity as another row of this very write
    same = (key[order][1:] == key[order][:-1]) & (batch.at[order][1:] == batch.at[order][:-1])
    twin[order[1:][same]] = True
    twin[order[:-1][same]] = True
    doubtful = np.flatnonzero(~sure | twin)
    if len(doubtful):
        stored = query.stored_values(connection, segments, batch, doubtful)
        kept: dict[tuple[int, int], int] = {}
        for row in doubtful.tolist():
            identity = (int(key[row]), int(batch.at[row]))
            value = (float(batch.value[row]), int(batch.quality[row]))
            before = stored.get(identity)
            keep[row] = before is None or not query.equal(before, value)
            changed[row] = before is not None and bool(keep[row])
            stored[identity] = value
            if keep[row]:
                replaced[kept.get(identity, row)] = identity in kept
                kept[identity] = row
    return keep, changed, replaced
