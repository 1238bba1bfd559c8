"""Readings of a file as columns, sorted by device and time, cut into chunks."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from gateway.domain.reading import Quality
from gateway.import_service.wire import Chunk

BYTES_PER_READING = 26
"""Largest number of readings in a chunk, without texts."""


@dataclass(slots=True)
class Columns:
    """n readings: device i32, point i32 index `devices`, `points`; at i64 µs; value f64; quality u8. 25 bytes each,
    about three times that while they are sorted. The value of a state point indexes `texts`.

    `rows` counts rows of the file.
    """

    devices: list[str] = field(default_factory=list)
    points: list[tuple[str, int]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    state: set[int] = field(default_factory=set)
    device: "array[int]" = field(default_factory=lambda: array("i"))
    point: "array[int]" = field(default_factory=lambda: array("i"))
    at: "array[int]" = field(default_factory=lambda: array("q"))
    value: "array[float]" = field(default_factory=lambda: array("d"))
    quality: "array[int]" = field(default_factory=lambda: array("B"))
    rows: int = 0

    def __len__(self) -> int:
        return len(self.at)

    def chunks(self, max_bytes: int) -> Iterator[Chunk]:
        """All readings by device, then time; equal moments stay in the order of the file."""
        at, device = np.frombuffer(self.at, np.int64), np.frombuffer(self.device, np.int32)
        point, value = np.frombuffer(self.point, np.int32), np.frombuffer(self.value, np.float64)
        quality = np.frombuffer(self.quality, np.uint8)
        order = np.lexsort((at, device))
        overhead = 256 + sum(len(name.encode()) + 8 for name, _ in self.points)
        longest = max((len(self.devices[d].encode()) for d in set(self.device)), default=0) + 8
        text = max((len(text.encode()) for text in self.texts), default=0)
        most = max(1, (max_bytes - overhead - longest * 64) // (BYTES_PER_READING + text))
        for number, start in enumerate(range(0, len(order), most)):
            rows = order[start : start + most]
            yield from self._chunk(number, device[rows], point[rows], at[rows], value[rows], quality[rows])

    def _chunk(
        self,
        number: int,
        device: "np.ndarray[tuple[int], np.dtype[np.int32]]",
        point: "np.ndarray[tuple[int], np.dtype[np.int32]]",
        at: "np.ndarray[tuple[int], np.dtype[np.int64]]",
        value: "np.ndarray[tuple[int], np.dtype[np.float64]]",
        quality: "np.ndarray[tuple[int], np.dtype[np.uint8]]",
    ) -> Iterator[Chunk]:
        used, local = np.unique(device, return_inverse=True)
        values: list[float | str | None] = [
            None if q == Quality.BAD else self.texts[int(v)] if p in self.state else v
            for v, p, q in zip(value.tolist(), point.tolist(), quality.tolist(), strict=True)
        ]
        plain = bool((quality != Quality.UNCERTAIN).all())
        yield Chunk(
            number,
            [self.devices[d] for d in used.tolist()],
            self.points,
            local.tolist(),
            point.tolist(),
            at.tolist(),
            values,
            [] if plain else quality.tolist(),
        )
