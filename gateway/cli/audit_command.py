"""`fieldgate audit`"""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from gateway.cli.options import main_file, report_language
from gateway.cli.problems import UNUSABLE, refuse
from gateway.domain.errors import ConfigError, StoreError
from gateway.domain.text import Lang, localize

if TYPE_CHECKING:
    from gateway.domain.audit_chain import ChainHead, ChainReport
    from gateway.settings.model import Settings
    from gateway.store import Database

BROKEN: Final = 1
_PLACE = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")


@click.group("audit")
def command() -> None:
    """The audit of orders: who did what to which order, row after row.

    Example: fieldgate audit verify
    """


@command.command("verify")
@click.option(
    "--backup",
    type=click.Path(path_type=Path),
    help="Check the database of this backup (folder, archive or database file) instead.",
)
@click.option("--noted", default="", metavar="NUMBER:HASH", help="Newest row as it was noted earlier, NUMBER:HASH.")
@main_file
@report_language
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Output.")
def verify(backup: Path | None, noted: str, config: Path, lang: Lang, form: str) -> None:
    """Check that the audit of orders is whole: that no row was changed, removed or put in between.

    Each row has a hash that covers the row before it. A running gateway goes on meanwhile, and nothing is changed.
    With --noted, a chain that was written anew as a whole is found, too: note the newest row that this command prints
    in another place.

    Exit status 0 whole, 1 a row differs (the first one is shown), 2 it could not be checked.

    \b
    Example: fieldgate audit verify --backup /backup/fieldgate-2026-11-30.tar.gz
    """
    from gateway.settings import load_settings
    from gateway.store import AuditTrail

    try:
        settings = load_settings(config)
    except ConfigError as error:
        refuse(error, lang)
    try:
        expected = _noted(noted)
        with _database(settings, backup) as (database, place):
            trail = AuditTrail(database, settings.tenant)
            if not trail.chained():
                raise StoreError.of("audit.older", place=place)
            report = trail.check(expected)
            no = trail.number_of(report.broken.order) if report.broken else ""
    except StoreError as error:
        click.echo(error.text(lang), err=True)
        sys.exit(UNUSABLE)
    click.echo(_values(report, no, lang) if form == "json" else _text(report, place, no, lang))
    sys.exit(BROKEN if report.broken else 0)


def _noted(written: str) -> "ChainHead | None":
    from gateway.domain.audit_chain import ChainHead

    if not written:
        return None
    found = _PLACE.fullmatch(written.strip())
    if found is None:
        raise StoreError.of("audit.not_noted", value=written)
    return ChainHead(int(found[1]), found[2])


@contextmanager
def _database(settings: "Settings", backup: Path | None) -> Iterator[tuple["Database", str]]:
    """The database to read, and its name in messages. Raises StoreError."""
    from gateway.recovery.backup_database import database_of
    from gateway.store import Database, DatabasePlace

    if backup is not None:
        with database_of(backup) as file:
            database = Database.at(file)
            try:
                yield database, str(backup)
            finally:
                database.dispose()
        return
    place = DatabasePlace(settings.data_dir, settings.database)
    if not place.exists():
        raise StoreError.of("store.nothing_here", path=place.data)
    database = place.open()
    try:
        yield database, str(place)
    finally:
        database.dispose()


def _text(report: "ChainReport", place: str, no: str, lang: Lang) -> str:
    newest = str(report.head)
    if report.broken is None:
        return localize("audit.ok", lang, place=place, rows=report.rows, erased=report.erased, newest=newest)
    broken = report.broken
    key = "audit.broken_order" if no else "audit.broken"
    fields = {"place": place, "number": broken.number, "no": no, "seq": broken.seq, "why": broken.why}
    before = localize("audit.before", lang, rows=report.rows, newest=newest)
    return f"{localize(key, lang, **fields)}\n{before}"


def _values(report: "ChainReport", no: str, lang: Lang) -> str:
    broken = report.broken
    found: dict[str, object] = {
        "whole": broken is None,
        "rows": report.rows,
        "erased": report.erased,
        "newest": str(report.head),
    }
    if broken is not None:
        found["broken"] = {"row": broken.number, "order": no, "version": broken.seq, "why": broken.why.text(lang)}
    return json.dumps(found, ensure_ascii=False, indent=2)
