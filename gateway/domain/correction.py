"""Corrections of stored readings, and exchanges of meters, by a person. Pure.

A correction writes new values over readings at their own moments, flagged `CORRECTED`; the originals stay in it.
"""

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from gateway.domain.duration import HOUR
from gateway.domain.reading import Batch, Flag, Quality, decode_batch

MOST_ROWS = 100_000
"""Readings of one correction."""
MOST_AHEAD = 24 * HOUR
"""µs; `clock.ahead_limit` is at most this."""


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


def factor_before(made: MeterExchange, others: Iterable[MeterExchange]) -> float:
    """The factor that readings after `made` have without it: that of the newest exchange before it, else 1."""
    earlier = [one for one in others if one.undone_at is None and one.at < made.at]
    return max(earlier, key=lambda one: one.at).factor if earlier else 1.0


def factor_ends(made: MeterExchange, others: Iterable[MeterExchange], now: int) -> int:
    """µs after the last reading that `made` is about: up to the next exchange, else as far as a device's clock may be
    ahead of `now`."""
    later = [one.at for one in others if one.undone_at is None and one.at > made.at]
    return min([*later, now + MOST_AHEAD]) + 1


def unscaled(batch: Batch, factor: float, now: int) -> Batch:
    """Readings that were multiplied by `factor` as they were before, received `now` µs. A quotient is rounded to 15
    digits where this is what was multiplied: so it is what the device sent, to the last bit."""
    value = batch.value / factor
    short = np.array([float(f"{one:.15g}") for one in value.tolist()], np.float64)
    exact = short * factor == batch.value
    received = np.full(batch.frames, now, np.int64)
    return replace(batch, value=np.where(exact, short, value), received=received)


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
