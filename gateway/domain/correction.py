"""Corrections of stored readings, and exchanges of meters, by a person. Pure.

A correction writes new values over readings at their own moments, flagged `CORRECTED`; the originals stay in it.
"""

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from gateway.domain.reading import Batch, Flag, Quality, decode_batch

MOST_ROWS = 100_000
"""Readings of one correction."""


class CorrectionKind(StrEnum):
    """value: another value · bad: no value · scale: value * factor + offset."""

    VALUE = "value"
    BAD = "bad"
    SCALE = "scale"


class Correction(Struct, frozen=True):
    """Of the readings of one point in [start, end) µs. `value`, `offset` are in the canonical unit.

    `originals`: the readings before, as an encoded batch (without them where many are listed); `rows` counts them.
    `undone_at` µs: None = in force. `exchange`: id of the exchange of a meter that it belongs to, "" = none.
    """

    id: str
    device: int
    point: int
    start: int
    end: int
    kind: CorrectionKind
    reason: str
    actor: str
    at: int
    rows: int
    value: float | None = None
    factor: float = 1.0
    offset: float = 0.0
    originals: bytes = b""
    exchange: str = ""
    undone_at: int | None = None
    undone_by: str = ""
    undone_why: str = ""

    def before(self) -> Batch:
        """The readings before the correction."""
        return decode_batch(self.originals)

    def after(self) -> Batch:
        """The same readings, corrected, received when the correction was made."""
        return corrected(self.before(), self)

    def restored(self, now: int) -> Batch:
        """The readings before, received `now` µs. They stay as they are when the device sends them once more."""
        before = self.before()
        return replace(before, received=np.full(before.frames, now, np.int64))


class MeterExchange(Struct, frozen=True):
    """The counter `point` of `device` was exchanged at `at` µs. `final`: the old meter's last value, None = not read;
    `start`: the new meter's first one, both in the canonical unit; `factor` as of `MeterExchanged`. `known_at` µs."""

    id: str
    device: int
    point: int
    at: int
    start: float
    final: float | None
    factor: float
    reason: str
    actor: str
    known_at: int
    undone_at: int | None = None
    undone_by: str = ""
    undone_why: str = ""


class OriginalReading(NamedTuple):
    """What was received at a moment: value (NaN = no data), quality; `correction`: id of the newest on it."""

    value: float
    quality: int
    correction: str


def originals(corrections: Iterable[Correction]) -> dict[tuple[int, int, int], OriginalReading]:
    """(device, point, µs) -> the reading as it was received, of corrections in force, oldest first."""
    found: dict[tuple[int, int, int], OriginalReading] = {}
    for one in corrections:
        before = one.before()
        for at, value, quality in zip(before.at.tolist(), before.value.tolist(), before.quality.tolist(), strict=True):
            key = (one.device, one.point, at)
            first = found.get(key)
            found[key] = OriginalReading(value, quality, one.id) if first is None else first._replace(correction=one.id)
    return found


def corrected(before: Batch, how: Correction) -> Batch:
    """Readings as `how` makes them: good, or bad without a value; a bad reading that is scaled stays bad."""
    value = before.value
    if how.kind is CorrectionKind.SCALE:
        value = value * how.factor + how.offset
    else:
        to = how.value if how.kind is CorrectionKind.VALUE and how.value is not None else float("nan")
        value = np.full(len(before), to)
    quality = np.where(np.isnan(value), np.uint8(Quality.BAD), np.uint8(Quality.GOOD))
    flags = before.flags & ~np.uint8(Flag.IMPLAUSIBLE | Flag.RETAINED) | np.uint8(Flag.CORRECTED)
    return replace(before, value=value, quality=quality, flags=flags, received=np.full(before.frames, how.at, np.int64))
