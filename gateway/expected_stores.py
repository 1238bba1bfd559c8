"""`stores.json` in the data folder: which stores there must be, and which they are. A start that misses one of them, or
finds another, is refused: it would be a fresh start without a word."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.domain.errors import StoreError
from gateway.durable import replace_synced

NAME: Final = "stores.json"
DATABASE: Final = "fieldgate.sqlite"
JOURNAL: Final = "journal.sqlite"
FILES: Final = {"database": DATABASE, "journal": JOURNAL, "series": "series/segments.json"}
"""Store -> the file that must be there."""


def expected(data: Path) -> dict[str, int]:
    """Store -> identity (0 = none to compare), as of the last start; {} for a new folder, and for one of a release that
    kept no marker. Raises StoreError when the marker cannot be read."""
    try:
        found = json.loads((data / NAME).read_text("utf-8"))["stores"]
        return {str(name): int(identity) for name, identity in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError.of("store.marker", path=data / NAME, error=error) from error


def missing(data: Path) -> list[Path]:
    """What must be there and is not. Raises StoreError."""
    return [data / FILES[name] for name in expected(data) if not (data / FILES[name]).exists()]


def check_present(data: Path) -> None:
    """Before anything is opened. Raises StoreError: something is missing."""
    if gone := missing(data):
        raise StoreError.of("store.missing", paths=", ".join(map(str, gone)))


def settle(data: Path, found: Mapping[str, int]) -> None:
    """After all are open: compare, and write what is there now, synced. Raises StoreError: another file lies there."""
    before = expected(data)
    for name, identity in found.items():
        if before.get(name, identity) not in {0, identity}:
            raise StoreError.of("store.other", path=data / FILES[name])
    if before != dict(found):
        replace_synced(data / NAME, {"format": 1, "stores": dict(found)})
