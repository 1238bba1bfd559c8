"""Integrity check and identity of the database file, without SQLAlchemy, read-only where possible."""

import secrets
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from pysqlite3 import dbapi2 as sqlite

from gateway.domain.error_reasons import reason
from gateway.domain.errors import StoreUnavailable

APPLICATION: Final = 0x46474442  # "FGDB"
STEPS: Final = 10_000
"""Instructions of SQLite between two checks of the time; about a millisecond."""
_DAMAGE: Final = {11, 26}  # SQLITE_CORRUPT, SQLITE_NOTADB


def find_damage(path: Path, seconds: float | None = None) -> str:
    """First finding of `PRAGMA quick_check` within `seconds` (None = no limit); "" = nothing found.

    Raises StoreUnavailable when the file cannot be read now.
    """
    until = None if seconds is None else time.monotonic() + seconds
    try:
        with closing(_reader(path)) as db:
            db.set_progress_handler(lambda: until is not None and time.monotonic() > until, STEPS)
            found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite.SQLITE_INTERRUPT:
            return ""
        if code not in _DAMAGE:
            raise StoreUnavailable.of("journal.failing", path=path, what=reason(error)) from error
        found = str(error)
    return "" if found == "ok" else " ".join(str(found).split())


def identity(path: Path) -> int:
    """Random number created with the file and kept in its header; created now for a file of an older release."""
    with closing(sqlite.connect(str(path), timeout=10, isolation_level=None)) as db:
        known = int(db.execute("PRAGMA user_version").fetchone()[0])
        if known:
            return known
        known = secrets.randbelow(2**31 - 1) + 1
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute(f"PRAGMA user_version = {known}")
    return known


def _reader(path: Path) -> Any:
    return sqlite.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
