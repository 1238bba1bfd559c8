"""`stores.json` in the data folder: the stores that must exist, and their identities. A start that misses one of
them, or finds another one, is refused: otherwise it would silently start with an empty store."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.domain.errors import StoreError
from gateway.domain.language_values import Phrase
from gateway.durable import replace_synced

NAME: Final = "stores.json"
DATABASE: Final = "fieldgate.sqlite"
JOURNAL: Final = "journal.sqlite"
FILES: Final = {"database": DATABASE, "journal": JOURNAL, "series": "series/segments.json"}
"""Store -> the file that must be there."""
SERVER: Final = "server"
"""Instead of the file `database`: the relational database on a server."""


def expected(data: Path) -> dict[str, int]:
    """Store -> identity (0 = none to compare), as of the last start; {} for a new folder, and for one of a release
    without this file. Raises StoreError when the file cannot be read."""
    try:
        found = json.loads((data / NAME).read_text("utf-8"))["stores"]
        return {str(name): int(identity) for name, identity in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError.of("store.marker", path=data / NAME, error=error) from error


def missing(data: Path) -> list[Path]:
    """Stores that must exist and do not. Raises StoreError."""
    files = (data / FILES[name] for name in expected(data) if name in FILES)
    return [path for path in files if not path.exists()]


def check_database(data: Path, *, embedded: bool) -> None:
    """Raises StoreError if the last start had the database in another place: this one would be empty, or old."""
    known, now = expected(data), "database" if embedded else SERVER
    if known and now not in known:
        words = {"database": Phrase("database.a_file", {"path": data / DATABASE}), SERVER: Phrase("database.a_server")}
        other = SERVER if embedded else "database"
        if other in known:
            raise StoreError.of("database.changed", before=words[other], now=words[now])


def check_present(data: Path) -> None:
    """Check before anything is opened. Raises StoreError if a store is missing."""
    if gone := missing(data):
        raise StoreError.of("store.missing", paths=", ".join(map(str, gone)))


def settle(data: Path, found: Mapping[str, int]) -> None:
    """After all stores are open: compare, and write the present ones, synced. Raises StoreError when another store
    is there."""
    before = expected(data)
    for name, identity in found.items():
        if before.get(name, identity) not in {0, identity}:
            raise StoreError.of("store.other", path=data / FILES.get(name, name))
    if before != dict(found):
        replace_synced(data / NAME, {"format": 1, "stores": dict(found)})
