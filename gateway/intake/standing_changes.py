"""What persons wrote about readings, applied to new ones: the factor of a meter, and corrections, which stand
when a device or a file sends the original once more."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64, U8, Batch, Flag, decode_batch
from gateway.domain.record import Body, Define, Fact, MeterExchanged, ReadingsCorrected

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Corrected:
    """Corrected readings of one (device, point), sorted by `at`."""

    at: I64
    value: F64
    quality: U8


class StandingChanges:
    """By (device, point). Empty in most installations: then a batch passes untouched."""

    def __init__(self) -> None:
        self._corrected: dict[int, _Corrected] = {}
        self._factors: dict[int, dict[int, float]] = {}
        self._scaled: set[int] = set()

    def correct(self, batch: Batch) -> None:
        """These readings stand from now on."""
        for key, rows in _by_key(batch):
            known = self._without(key, batch.at[rows])
            at = np.concatenate([known.at, batch.at[rows]])
            value, quality = (
                np.concatenate([old, new[rows]])
                for old, new in ((known.value, batch.value), (known.quality, batch.quality))
            )
            order = np.argsort(at, kind="stable")
            self._corrected[key] = _Corrected(at[order], value[order], quality[order])

    def forget(self, batch: Batch) -> None:
        """These moments are no longer corrected."""
        for key, rows in _by_key(batch):
            left = self._without(key, batch.at[rows])
            if len(left.at):
                self._corrected[key] = left
            else:
                self._corrected.pop(key, None)

    def exchange(self, fact: MeterExchanged) -> None:
        """Values of the meter after an exchange have its factor."""
        key = (fact.device << 32) | fact.point
        factors = self._factors.setdefault(key, {})
        factors.pop(fact.at, None)
        if not fact.undone:
            factors[fact.at] = fact.factor
        if any(factor != 1 for factor in factors.values()):
            self._scaled.add(key)
        else:
            self._scaled.discard(key)

    def take(self, facts: Iterable[Fact]) -> None:
        """Facts that are journaled: corrections, exchanges of meters; others mean nothing here."""
        for fact in facts:
            if isinstance(fact, MeterExchanged):
                self.exchange(fact)
            elif isinstance(fact, ReadingsCorrected):
                (self.forget if fact.undone else self.correct)(decode_batch(fact.batch))

    def load(self, corrected: Iterable[Batch], exchanges: Iterable[MeterExchanged]) -> None:
        """What stands at the start of the process, oldest first."""
        for batch in corrected:
            self.correct(batch)
        for fact in exchanges:
            self.exchange(fact)

    def apply(self, batch: Batch) -> Batch:
        """The batch with factors and corrections; the same one when it has none of these points."""
        return self.put_back(self._with_factors(batch))

    def put_back(self, batch: Batch) -> Batch:
        """The batch with corrections alone."""
        found = self._touched(batch, self._corrected)
        if found is None:
            return batch
        changed = replace(batch, value=batch.value.copy(), quality=batch.quality.copy(), flags=batch.flags.copy())
        for key in self._corrected.keys() & set(found.tolist()):
            self._put_back(changed, np.flatnonzero(found == key), self._corrected[key])
        return changed

    def _with_factors(self, batch: Batch) -> Batch:
        found = self._touched(batch, self._scaled)
        if found is None:
            return batch
        value = batch.value.copy()
        for key in self._scaled & set(found.tolist()):
            rows, begun = np.flatnonzero(found == key), np.array(sorted(self._factors[key]), np.int64)
            factor = np.array([1.0, *(self._factors[key][at] for at in begun.tolist())])
            value[rows] *= factor[np.searchsorted(begun, batch.at[rows], "left")]  # at its moment: still the old meter
        return replace(batch, value=value)

    @staticmethod
    def _touched(batch: Batch, known: Collection[int]) -> I64 | None:
        """Keys of the rows, when one of them is known."""
        if not known or not len(batch):
            return None
        found = keys_of(batch)
        return found if np.isin(found, np.fromiter(known, np.int64, len(known))).any() else None

    @staticmethod
    def _put_back(changed: Batch, rows: Rows, stands: _Corrected) -> None:
        place = np.minimum(np.searchsorted(stands.at, changed.at[rows]), len(stands.at) - 1)
        again = stands.at[place] == changed.at[rows]
        rows, place = rows[again], place[again]
        changed.value[rows], changed.quality[rows] = stands.value[place], stands.quality[place]
        changed.flags[rows] = np.uint8(Flag.CORRECTED)

    def _without(self, key: int, at: I64) -> _Corrected:
        known = self._corrected.get(key) or _Corrected(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.uint8))
        kept = ~np.isin(known.at, at)
        return _Corrected(known.at[kept], known.value[kept], known.quality[kept])


def with_readings(facts: Iterable[Fact], pending: Callable[[Batch], Sequence[Define]]) -> list[Body]:
    """The records of facts: corrected readings follow theirs as a batch, behind the `pending` definitions of it."""
    bodies: list[Body] = []
    for fact in facts:
        if isinstance(fact, ReadingsCorrected):
            batch = decode_batch(fact.batch)
            bodies += [*pending(batch), structs.replace(fact, batch=b""), batch]
        else:
            bodies.append(fact)
    return bodies


def keys_of(batch: Batch) -> I64:
    """device << 32 | point, i64[n]."""
    found: I64 = (batch.device.astype(np.int64) << 32) | batch.point
    return found


def _by_key(batch: Batch) -> list[tuple[int, Rows]]:
    keys = keys_of(batch)
    return [(key, np.flatnonzero(keys == key)) for key in np.unique(keys).tolist()]
