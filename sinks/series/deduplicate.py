"""Finds the new rows of a write, those that are stored already, and those that replace another value."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import Batch
from sinks.series.newest_index import NewestIndex, keys_of

Bools = NDArray[np.bool_]
Value = tuple[float, int]
"""(value, quality)"""
StoredValues = Callable[[NDArray[np.intp]], dict[tuple[int, int], Value]]
"""Rows of a batch -> {(key, at): what is stored of their identities}."""
_EVERYTHING = -(2**62)


@dataclass(frozen=True, slots=True)
class Judged:
    """bool[n] each. `keep`: no duplicate · `changed`: of these, replaces another value · `replaced`: a later row of
    this very write replaces it (rows of one record have no order in the store)."""

    keep: Bools
    changed: Bools
    replaced: Bools


def equal(a: Value, b: Value) -> bool:
    """True for the same value and quality; a bad reading has no value to compare."""
    return a[1] == b[1] and (a[0] == b[0] or (math.isnan(a[0]) and math.isnan(b[0])))


def judge(stored_values: StoredValues, known: NewestIndex, batch: Batch, unseen: int = _EVERYTHING) -> Judged:
    """`known` has the newest reading of the (device, point) that have any; of others nothing after `unseen` µs is
    stored. Only rows that are not later than that are looked up."""
    count = len(batch)
    keep, changed, replaced = np.ones(count, np.bool_), np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    if not count:
        return Judged(keep, changed, replaced)
    key = keys_of(batch.device, batch.point)
    doubtful = ~known.newer(key, batch.at, unseen)
    order = np.lexsort((np.arange(count), batch.at, key))
    twins = (key[order][1:] == key[order][:-1]) & (batch.at[order][1:] == batch.at[order][:-1])
    doubtful[order[1:][twins]] = True
    doubtful[order[:-1][twins]] = True
    rows = np.flatnonzero(doubtful)
    if len(rows):
        stored = stored_values(rows)
        kept: dict[tuple[int, int], int] = {}
        for row in rows.tolist():
            identity = (int(key[row]), int(batch.at[row]))
            value = (float(batch.value[row]), int(batch.quality[row]))
            before = stored.get(identity)
            keep[row] = before is None or not equal(before, value)
            changed[row] = before is not None and bool(keep[row])
            stored[identity] = value
            if keep[row]:
                replaced[kept.get(identity, row)] = identity in kept
                kept[identity] = row
    return Judged(keep, changed, replaced)
