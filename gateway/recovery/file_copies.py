"""Consistent copies of files that a running gateway writes. Only from another process: closing a file releases the
locks that this process holds on it."""

import os
import shutil
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, Final

from pysqlite3 import dbapi2 as sqlite

from gateway.domain.error_reasons import reason
from gateway.domain.errors import StoreError, StoreFull, StoreUnavailable

TRIES: Final = 30
HEAD: Final = 3 * 4096
"""DuckDB's main header and its two database headers: they change with every checkpoint, and only then do blocks in use
give way to others."""
CHUNK: Final = 4 * 1024 * 1024


def copy_plain(source: Path, target: Path) -> None:
    """Copy a file that is never changed in place. Raises FileNotFoundError, StoreError."""
    try:
        with source.open("rb") as old, _new(target) as new:
            shutil.copyfileobj(old, new, CHUNK)
            new.flush()
            os.fsync(new.fileno())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _failed(target, error) from error


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database as of one moment, with its write-ahead log. Writers continue meanwhile. Raises StoreError."""
    _new(target).close()
    try:
        with (
            closing(sqlite.connect(f"file:{source}?mode=ro", uri=True, timeout=30)) as old,
            closing(sqlite.connect(str(target))) as new,
        ):
            old.backup(new)  # one step: one read transaction
        _sync(target)
    except (sqlite.Error, OSError) as error:
        raise _failed(target, error) from error


def copy_duckdb(source: Path, target: Path) -> None:
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


def _new(path: Path) -> BinaryIO:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _failed(path: Path, error: Exception) -> StoreError:
    full = "full" in str(error) or "No space" in str(error)
    return (StoreFull if full else StoreError).of("backup.failed", path=path, error=reason(error))
