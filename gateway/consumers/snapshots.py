"""Engine snapshots on disk: one file per sequence number, the newest few are kept.

A snapshot of sequence S is valid only while the desk's cursor is >= S (DESIGN section 6): with an older desk, the
transitions between the cursor and S would never be made again.
"""

import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

_NAME = re.compile(r"p(\d+)-(\d{20})\.snapshot")


class Snapshots:
    """The folder of snapshots of one partition."""

    def __init__(self, folder: Path, partition: int, keep: int = 3) -> None:
        self._folder, self._partition, self._keep = folder, partition, keep
        folder.mkdir(parents=True, exist_ok=True)

    def _files(self) -> list[tuple[int, Path]]:
        matches = ((_NAME.fullmatch(path.name), path) for path in self._folder.iterdir())
        return sorted((int(m[2]), path) for m, path in matches if m and int(m[1]) == self._partition)

    def save(self, seq: int, blob: bytes) -> None:
        """Durable when it returns; a crash in between leaves the older ones."""
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
        """(seq, blob) of those the desk has caught up with, newest first; damaged files are passed over."""
        for seq, path in reversed(self._files()):
            raw = path.read_bytes()
            if seq <= cursor and len(raw) >= 4 and zlib.crc32(raw[4:]) == int.from_bytes(raw[:4], "little"):
                yield seq, raw[4:]

    def oldest(self) -> int:
        """The journal must keep everything after this; 0 when there is none."""
        return min((seq for seq, _ in self._files()), default=0)
