"""A consistent copy of a database that a running gateway writes. Only from another process: closing a file releases
the locks that this process holds on it."""

import os
from contextlib import closing
from pathlib import Path

from pysqlite3 import dbapi2 as sqlite

from gateway.durable import copy_failed, new_file


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database as of one moment, with its write-ahead log. Writers continue meanwhile. Raises StoreError."""
    new_file(target).close()
    try:
        with (
            closing(sqlite.connect(f"file:{source}?mode=ro", uri=True, timeout=30)) as old,
            closing(sqlite.connect(str(target))) as new,
        ):
            old.backup(new)  # one step: one read transaction
        _sync(target)
    except (sqlite.Error, OSError) as error:
        raise copy_failed(target, error) from error


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
