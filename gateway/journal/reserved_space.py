"""A file that reserves space, to be freed when the disk is full: SQLite needs some even to delete."""

import os
from contextlib import suppress
from pathlib import Path

from gateway.journal.schema import NO_SPACE, free_space


class ReservedSpace:
    """`size` bytes beside the journal, as long as the disk keeps more than `floor` free without them."""

    def __init__(self, journal: Path, size: int, floor: int) -> None:
        self._path, self._size, self._floor = journal.with_name(journal.name + ".ballast"), size, floor
        self.present = self._path.exists()
        if self.present and (self._path.stat().st_size != size or free_space(journal) < NO_SPACE):
            self.release()  # of another configuration; or opening needs a little room

    def release(self) -> None:
        """Free the space."""
        self._path.unlink(missing_ok=True)
        self.present = False

    def take(self) -> None:
        """Reserve the space (again) when the disk has plenty."""
        if self.present or not self._size:
            return
        if free_space(self._path) < self._floor + 2 * self._size:
            return
        with suppress(OSError):
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(handle, 0, self._size)
                self.present = True
            finally:
                os.close(handle)
        if not self.present:
            self.release()
