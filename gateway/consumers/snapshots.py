"""Engine snapshots on disk: one file per sequence number; the newest few are kept.

A snapshot of sequence S is valid only while the desk's cursor is >= S (DESIGN section 6): with an older desk, the
transitions between the cursor and S would never be made again.
"""

import os
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.domain.reading import Batch
from gateway.domain.record import Record, Tick

_NAME = re.compile(r"p(\d+)-(\d{20})\.snapshot")
EVERY = 10.0
"""Least number of seconds between two snapshots."""
LONGEST = 300.0
"""Largest number of seconds between two snapshots, while records come."""
READING_BYTES, RECORD_BYTES = 32, 64


class Pace:
    """Decides when a snapshot is worth its size. Pure; times in seconds of a monotonic clock.

    A start replays the records after the newest snapshot. Ticks alone replay at no cost, so they need no snapshot; and
    a snapshot larger than all records since the last one wears the disk more than it saves at the start. After
    `most_work` bytes a snapshot is made in any case: what is not in a snapshot must stay in the journal.
    """

    def __init__(self, most_work: int) -> None:
        self._most_work = most_work
        self._last: float | None = None
        self._size = self._work = 0

    def due(self, now: float) -> bool:
        """True if a snapshot should be made now."""
        if self._last is None or now < self._last + EVERY or not self._work:
            return False
        return self._work >= min(self._size, self._most_work) or now >= self._last + LONGEST

    def judged(self, now: float, records: Sequence[Record], transitions: int) -> None:
        """These records and transitions came since the last snapshot."""
        self._last = now if self._last is None else self._last
        self._work += RECORD_BYTES * transitions + sum(
            READING_BYTES * len(record.body) if isinstance(record.body, Batch) else RECORD_BYTES
            for record in records
            if not isinstance(record.body, Tick)
        )

    def made(self, now: float, size: int) -> None:
        """A snapshot of `size` bytes was made."""
        self._last, self._size, self._work = now, size, 0


class Snapshots:
    """The snapshot folder of one partition."""

    def __init__(self, folder: Path, partition: int, keep: int = 3) -> None:
        self._folder, self._partition, self._keep = folder, partition, keep
        folder.mkdir(parents=True, exist_ok=True)

    def _files(self) -> list[tuple[int, Path]]:
        matches = ((_NAME.fullmatch(path.name), path) for path in self._folder.iterdir())
        return sorted((int(m[2]), path) for m, path in matches if m and int(m[1]) == self._partition)

    def save(self, seq: int, blob: bytes) -> None:
        """Durable when it returns; a crash in between keeps the older ones."""
        path = self._folder / f"p{self._partition}-{seq:020d}.snapshot"
        scratch = path.with_suffix(".part")
        with scratch.open("wb") as file:
            file.write(zlib.crc32(blob).to_bytes(4, "little") + blob)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
        folder = os.open(self._folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        for _, old in self._files()[: -self._keep]:
            old.unlink()

    def valid(self, cursor: int) -> Iterator[tuple[int, bytes]]:
        """(seq, blob) of the snapshots at or below the desk's cursor, newest first; damaged files are skipped."""
        for seq, path in reversed(self._files()):
            raw = path.read_bytes()
            if seq <= cursor and len(raw) >= 4 and zlib.crc32(raw[4:]) == int.from_bytes(raw[:4], "little"):
                yield seq, raw[4:]

    def oldest(self) -> int:
        """The journal must keep everything after this sequence number; 0 when there is no snapshot."""
        return min((seq for seq, _ in self._files()), default=0)
