"""Copy of the database before its tables change, to return to the release before."""

import os
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from pysqlite3 import dbapi2 as sqlite

from gateway.domain.error_reasons import reason
from gateway.domain.errors import StoreError, StoreFull

KEPT = 3
"""Copies kept, the newest."""


def back_up(path: Path, revision: str) -> Path:
    """Write `<path>.revision-<revision>-<UTC>`, synced; older copies beyond KEPT are deleted. Raises StoreFull,
    StoreError."""
    target = path.with_name(f"{path.name}.revision-{revision}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    scratch = target.with_name(target.name + ".part")
    for left in path.parent.glob(f"{path.name}.revision-*.part*"):
        left.unlink()
    os.close(os.open(scratch, os.O_WRONLY | os.O_CREAT, 0o600))
    try:
        with closing(sqlite.connect(str(path))) as source, closing(sqlite.connect(str(scratch))) as copy:
            source.backup(copy)
        for synced in (scratch, path.parent):
            handle = os.open(synced, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)
        scratch.rename(target)
    except (sqlite.Error, OSError) as error:
        scratch.unlink(missing_ok=True)
        full = "full" in str(error) or "No space" in str(error)
        raise (StoreFull if full else StoreError).of("store.backup", path=target, error=reason(error)) from error
    for old in sorted(copies(path))[:-KEPT]:
        old.unlink()
    return target


def copies(path: Path) -> list[Path]:
    """All copies of the database at `path`."""
    return [one for one in path.parent.glob(f"{path.name}.revision-*") if not one.name.endswith(".part")]
