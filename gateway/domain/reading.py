"""Readings: columns on the hot path, one object at a time elsewhere (DESIGN section 5)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any

import numpy as np
from numpy.typing import NDArray

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]


class Quality(IntEnum):
    """Reliability of a value (OPC UA Part 8 severity words). A bad reading has no value."""

    BAD = 0
    UNCERTAIN = 1
    GOOD = 2


class Flag(IntFlag):
    """Marks set on a reading between device and journal. 1 is never given: stored readings may have it."""

    NONE = 0
    CLAMPED = 2  # wrong clock: `at` is the receive time
    CONFLICT = 4  # replaced another value of the same identity
    IMPORTED = 8  # history brought in by `fieldgate import`
    CLOCK_SUSPECT = 16  # received while the gateway's own clock ran behind its journal
    IMPLAUSIBLE = 32  # outside of its profile's `plausible`; uncertain, and unknown to rules
    RETAINED = 64  # retained message without an event time; uncertain, stored, never judged
    CORRECTED = 128  # a person wrote this value over the one that was received


@dataclass(frozen=True, slots=True)
class Reading:
    """Scalar view of one row: identity is (device, point, at).

    `at`, `received` are µs since 1970 UTC; `value` is in the point's canonical unit, NaN iff quality is bad.
    """

    device: int
    point: int
    at: int
    value: float
    quality: Quality = Quality.GOOD
    flags: Flag = Flag.NONE
    received: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Columns of readings, n rows in m frames.

    device i32[n], point i32[n] registry ids · at i64[n] µs event time · value f64[n] canonical unit, NaN iff bad ·
    quality u8[n] · flags u8[n] · frame i32[n] index into received, non-decreasing · received i64[m] µs.
    A frame is one message, or one poll cycle of one device: its rows are applied together, then judged.
    """

    device: I32
    point: I32
    at: I64
    value: F64
    quality: U8
    flags: U8
    frame: I32
    received: I64

    def __len__(self) -> int:
        return len(self.device)

    @property
    def frames(self) -> int:
        """m, the number of frames."""
        return len(self.received)

    def select(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> "Batch":
        """The selected rows; frame numbers and `received` are unchanged."""
        return Batch(
            self.device[rows],
            self.point[rows],
            self.at[rows],
            self.value[rows],
            self.quality[rows],
            self.flags[rows],
            self.frame[rows],
            self.received,
        )

    def readings(self) -> list[Reading]:
        """The rows as objects, in order. For tests and the API, never the hot path."""
        return [
            Reading(d, p, a, v, Quality(q), Flag(f), int(self.received[m]))
            for d, p, a, v, q, f, m in zip(
                self.device.tolist(),
                self.point.tolist(),
                self.at.tolist(),
                self.value.tolist(),
                self.quality.tolist(),
                self.flags.tolist(),
                self.frame.tolist(),
                strict=True,
            )
        ]


def empty_batch() -> Batch:
    """No rows, no frames."""
    return batch_of(())


def batch_of(frames: Iterable[Sequence[Reading]]) -> Batch:
    """One frame per inner sequence; a frame's `received` is that of its first reading."""
    rows: list[Reading] = []
    frame: list[int] = []
    received: list[int] = []
    for index, readings in enumerate(frames):
        received.append(readings[0].received if readings else 0)
        rows.extend(readings)
        frame.extend([index] * len(readings))
    return Batch(
        np.array([r.device for r in rows], np.int32),
        np.array([r.point for r in rows], np.int32),
        np.array([r.at for r in rows], np.int64),
        np.array([r.value for r in rows], np.float64),
        np.array([r.quality for r in rows], np.uint8),
        np.array([r.flags for r in rows], np.uint8),
        np.array(frame, np.int32),
        np.array(received, np.int64),
    )


def concat(batches: Sequence[Batch]) -> Batch:
    """All rows in order; frames are renumbered."""
    if len(batches) == 1:
        return batches[0]
    if not batches:
        return empty_batch()
    shifts = np.cumsum([0] + [b.frames for b in batches[:-1]])
    return Batch(
        np.concatenate([b.device for b in batches]),
        np.concatenate([b.point for b in batches]),
        np.concatenate([b.at for b in batches]),
        np.concatenate([b.value for b in batches]),
        np.concatenate([b.quality for b in batches]),
        np.concatenate([b.flags for b in batches]),
        np.concatenate([b.frame + np.int32(s) for b, s in zip(batches, shifts, strict=True)]),
        np.concatenate([b.received for b in batches]),
    )


_COLUMNS = (
    ("device", "<i4"),
    ("point", "<i4"),
    ("at", "<i8"),
    ("value", "<f8"),
    ("quality", "u1"),
    ("flags", "u1"),
    ("frame", "<i4"),
)


def encode_batch(batch: Batch) -> bytes:
    """n u32, m u32, then the columns of `_COLUMNS` and `received` i64[m], little endian, without padding."""
    head = np.array([len(batch), batch.frames], "<u4").tobytes()
    parts = [np.ascontiguousarray(getattr(batch, name), kind).tobytes() for name, kind in _COLUMNS]
    return b"".join([head, *parts, np.ascontiguousarray(batch.received, "<i8").tobytes()])


def decode_batch(blob: bytes) -> Batch:
    """The inverse of `encode_batch`; columns are read-only views. Raises ValueError on a wrong length."""
    n, m = (int(x) for x in np.frombuffer(blob, "<u4", 2)) if len(blob) >= 8 else (0, 0)
    if len(blob) != 8 + n * 30 + m * 8 or len(blob) < 8:
        raise ValueError(f"batch of {len(blob)} bytes, expected {8 + n * 30 + m * 8}")
    columns: list[NDArray[Any]] = []
    offset = 8
    for _, kind in _COLUMNS:
        column = np.frombuffer(blob, kind, n, offset)
        columns.append(column)
        offset += column.nbytes
    device, point, at, value, quality, flags, frame = columns
    return Batch(device, point, at, value, quality, flags, frame, np.frombuffer(blob, "<i8", m, offset))
