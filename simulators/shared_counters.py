"""A few counters in a file mapped by two processes."""

import mmap
import struct
from pathlib import Path
from typing import Self


class Shared:
    """A few u64 in a file mapped by two processes."""

    def __init__(self, path: Path, size: int) -> None:
        path.write_bytes(b"\0" * size)
        self.path = path
        self._file = path.open("r+b")
        self._map = mmap.mmap(self._file.fileno(), size)

    def get(self, slot: int) -> int:
        """Value of a slot."""
        return int(struct.unpack_from("<Q", self._map, slot * 8)[0])

    def set(self, slot: int, value: int) -> None:
        """Set a slot."""
        struct.pack_into("<Q", self._map, slot * 8, value)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Unmap."""
        self._map.close()
        self._file.close()
