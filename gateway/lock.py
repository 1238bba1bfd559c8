"""Exclusive lock on the data folder: a file beside the journal that names its holder.

Releases before 0.1 lock the same file, without a name. A gateway that starts while an import holds the lock keeps a
file `<lock>.wanted` beside it; the import checks for it and releases the lock.
"""

import fcntl
import os
import time
from pathlib import Path
from typing import Final

import structlog

from gateway.domain.errors import StoreUnavailable

log = structlog.get_logger()
YIELDING: Final = "import"
"""The command that releases the lock on request."""
POLL: Final = 0.1
"""Seconds between two checks."""


class FileLock:
    """Allows one process to write a data folder: a lock on `<path>.lock`, held until `release` or the end of the
    process.

    `command` names the holder to other processes. Raises StoreUnavailable while another process holds the lock; an
    import is requested to release it, and waited for up to `patience` seconds.
    """

    def __init__(self, path: Path, command: str = "", patience: float = 0.0) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._wanted = path.with_name(path.name + ".lock.wanted")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailable.of("journal.failing", path=path, what=error) from error
        try:
            if not self._taken():
                self._wait(path, patience)
        except BaseException:
            os.close(self._handle)
            raise
        self._wanted.unlink(missing_ok=True)
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()} {command}\n".encode(), 0)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _wait(self, path: Path, patience: float) -> None:
        until = time.monotonic() + patience
        try:
            while not self._taken():
                pid, command = self._holder()
                if command != YIELDING or time.monotonic() >= until:
                    raise held(path, pid, command)
                if not self._wanted.exists():
                    log.warning("an import has the data and is asked to give way", process=pid)
                    self._wanted.touch(0o600)
                time.sleep(POLL)
        finally:
            self._wanted.unlink(missing_ok=True)

    def _holder(self) -> tuple[str, str]:
        """(process id, command) as the holder wrote them, empty when it did not."""
        pid, _, command = os.pread(self._handle, 200, 0).decode("utf-8", "replace").strip().partition(" ")
        return pid, command

    def wanted(self) -> bool:
        """True if a gateway that starts waits for this lock."""
        return self._wanted.exists()

    def release(self) -> None:
        """Release the lock. May be called twice."""
        if self._handle >= 0:
            os.close(self._handle)
        self._handle = -1


def held(path: Path, pid: str, command: str) -> StoreUnavailable:
    """The error that names the holder and what to do."""
    if not pid:
        return StoreUnavailable.of("journal.held", path=path.parent)
    return StoreUnavailable.of("journal.held_by", path=path.parent, pid=pid, command=f"fieldgate {command}".strip())
