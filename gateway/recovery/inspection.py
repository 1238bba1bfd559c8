"""Inspection of a whole data folder. Changes nothing; beside a running gateway its open files are left out."""

from collections.abc import Iterator
from pathlib import Path

from gateway import expected_stores
from gateway.adapter_ports import MISSING
from gateway.domain.errors import GatewayError, InvariantBroken
from gateway.expected_stores import JOURNAL
from gateway.journal import JournalReader
from gateway.recovery import series_stores
from gateway.settings.model import Settings
from gateway.store import DatabasePlace, integrity_check

Finding = tuple[Path, str]
"""A file, and its damage (MISSING, LOCKED, or the message of the library that reads it)."""


def inspect_data(settings: Settings) -> Iterator[Finding]:
    """Every finding; LOCKED ones are no damage. Takes as long as reading the folder takes. Raises StoreError."""
    data = settings.data_dir
    for path in expected_stores.missing(data):
        yield path, MISSING
    yield from _journal(data / JOURNAL)
    database = DatabasePlace(data, settings.database).file
    if database is not None and database.exists() and (what := integrity_check.find_damage(database)):
        yield database, what
    for _, files in series_stores.in_data_folder(settings):
        yield from files.inspect()


def _journal(path: Path) -> Iterator[Finding]:
    if not path.exists():
        return
    try:
        reader = JournalReader(path)
        try:
            found = reader.check()
        finally:
            reader.close()
    except (GatewayError, InvariantBroken) as error:
        found = [str(error)]
    if found:
        yield path, "; ".join(found[:3])
