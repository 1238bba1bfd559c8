"""A consistent copy of a segment that a running gateway writes. Only from another process: closing a file releases
the locks that this process holds on it."""

from pathlib import Path
from typing import Final

from gateway.domain.errors import StoreUnavailable
from gateway.durable import copy_plain

TRIES: Final = 30
HEAD: Final = 3 * 4096
"""DuckDB's main header and its two database headers: they change with every checkpoint, and only then do blocks in use
give way to others."""


def copy_segment(source: Path, target: Path) -> None:
    """A DuckDB file and its log as a crash would leave them: what was committed is in the one or the other.

    Blocks are written where nothing was in use, then the header changes: with the same header before and after, no
    checkpoint came in between, and the log was only appended to. Raises FileNotFoundError, StoreError.
    """
    log, copied_log = _log(source), _log(target)
    for _ in range(TRIES):
        copied_log.unlink(missing_ok=True)
        before = _head(source)
        if log.exists():
            try:
                copy_plain(log, copied_log)
            except FileNotFoundError:
                continue  # folded into the file just now
        copy_plain(source, target)
        if _head(source) == before == _head(target):
            return
    raise StoreUnavailable.of("backup.busy", path=source, tries=TRIES)


def _log(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)
