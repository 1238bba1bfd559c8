"""`fieldgate migrate`"""

import sys
from pathlib import Path

import click

from gateway.cli.options import main_file, report_language
from gateway.cli.problems import UNUSABLE, refuse
from gateway.domain.errors import ConfigError, StoreError
from gateway.domain.text import Lang, localize
from gateway.expected_stores import JOURNAL
from gateway.store import DatabasePlace, hold
from gateway.store.database import Migrated


@click.command("migrate")
@main_file
@click.option("--check", is_flag=True, help="Only list what would be done.")
@report_language
def command(config: Path, check: bool, lang: Lang) -> None:
    """Migrate the database to this release, as the next start would: first a copy, then the changes. Needs a stopped
    gateway; `--check` changes nothing and may run beside one.

    Exit status 0 done, or nothing to do; 1 with `--check`: there is something to do; 2 not possible.

    Example: fieldgate migrate --check -c gateway.yaml
    """
    from gateway.settings import load_settings

    try:
        settings = load_settings(config)
    except ConfigError as error:
        refuse(error, lang)
    data = settings.data_dir
    try:
        place = DatabasePlace(data, settings.database)
        text, status = _checked(place, lang) if check else _migrated(place, lang)
    except StoreError as error:
        click.echo(error.text(lang), err=True)
        sys.exit(UNUSABLE)
    click.echo(text)
    sys.exit(status)


def _checked(place: DatabasePlace, lang: Lang) -> tuple[str, int]:
    from gateway.store.migrate import head

    if not place.exists():
        return localize("store.migrate.none", lang, path=place, head=head()), 0
    database = place.open()
    try:
        plan = database.plan()
    finally:
        database.dispose()
    if not plan.pending:
        return localize("store.migrate.current", lang, path=place, current=plan.current), 0
    pending, current = ", ".join(plan.pending), plan.current or "-"
    if place.file is None:
        return localize("database.migrate.pending", lang, place=place, current=current, pending=pending), 1
    return localize("store.migrate.pending", lang, path=place, current=current, pending=pending), 1


def _migrated(place: DatabasePlace, lang: Lang) -> tuple[str, int]:
    from gateway.lock import FileLock
    from gateway.store.migrate import head

    if not place.exists():
        return localize("store.migrate.none", lang, path=place, head=head()), 0
    lock = FileLock(place.data / JOURNAL, "migrate")
    try:
        database = place.open()
        try:
            hold(database)
            made: Migrated = database.upgrade()
        finally:
            database.close()
    finally:
        lock.release()
    if not made.pending:
        return localize("store.migrate.current", lang, path=place, current=made.current), 0
    if place.file is None:
        return localize("database.migrate.done", lang, place=place, current=made.current, head=head()), 0
    return localize("store.migrate.done", lang, path=place, current=made.current, head=head(), copy=made.copy), 0
