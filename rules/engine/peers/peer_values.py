"""What the others are worth to each: mean, median, min or max of all values but one's own."""

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64
from rules.compiled import Aggregate

EPSILON = 1e-9


def others(what: Aggregate, values: F64, coverage: float) -> F64:
    """`values` f64[moments, members], NaN unknown -> the same shape: of the known values of all other members; NaN
    where there is none, or where fewer than `coverage` of the others are known.
    """
    known = ~np.isnan(values)
    count = known.sum(axis=1, keepdims=True) - known
    if what is Aggregate.MEAN:
        worth = _without(np.add, np.where(known, values, 0.0), 0.0) / np.maximum(count, 1)
    elif what is Aggregate.MIN:
        worth = _without(np.minimum, np.where(known, values, np.inf), np.inf)
    elif what is Aggregate.MAX:
        worth = _without(np.maximum, np.where(known, values, -np.inf), -np.inf)
    else:
        worth = _median(values, known, count)
    enough = (count > 0) & (count >= coverage * (values.shape[1] - 1) - EPSILON)
    return np.where(enough, worth, np.nan)


def _without(join: np.ufunc, values: F64, nothing: float) -> F64:
    """Everything but one's own joined from both ends, so that nothing has to be taken out again."""
    edge = np.full((len(values), 1), nothing)
    left = np.concatenate([edge, join.accumulate(values, axis=1)[:, :-1]], axis=1)
    right = np.concatenate([join.accumulate(values[:, ::-1], axis=1)[:, ::-1][:, 1:], edge], axis=1)
    found: F64 = join(left, right)
    return found


def _median(values: F64, known: NDArray[np.bool_], count: NDArray[np.integer]) -> F64:
    """The middle one of the others, of two the mean."""
    order = np.argsort(values, axis=1, kind="stable")  # unknown ones last
    ranked = np.take_along_axis(values, order, axis=1)
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(values.shape[1])[None, :], axis=1)
    rank = np.where(known, rank, values.shape[1])
    low, high = np.maximum(count - 1, 0) // 2, count // 2

    def nth(n: NDArray[np.integer]) -> F64:
        place = np.minimum(n + (n >= rank), values.shape[1] - 1)  # one's own is left out
        found: F64 = np.take_along_axis(ranked, place, axis=1)
        return found

    return (nth(low) + nth(high)) / 2
