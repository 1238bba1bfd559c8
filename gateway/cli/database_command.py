"""`fieldgate database`"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import main_file, report_language
from gateway.cli.problems import UNUSABLE, refuse
from gateway.domain.errors import ConfigError, InvariantBroken, StoreError
from gateway.domain.text import Lang, catalogue, localize

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from gateway.database_config import DatabaseConfig
    from gateway.settings.model import Settings


@click.group("database")
def command() -> None:
    """The database of registry, alarms, work orders and deliveries.

    Example: fieldgate database move --to postgresql://fieldgate@db.example/fieldgate
    """


@command.command("move")
@click.option("--to", "url", help="Server, by its URL. [default: that of the main file]")
@click.option("--password-file", type=click.Path(path_type=Path), help="File with the password for --to.")
@click.option("--schema", help="Schema of the tables on that server. [default: fieldgate_desk]")
@main_file
@report_language
def move(url: str | None, password_file: Path | None, schema: str | None, config: Path, lang: Lang) -> None:
    """Move the database from its file in the data folder to a PostgreSQL server. Needs a stopped gateway.

    Copies all tables in one transaction to a schema that is empty or missing, and compares the number of rows. The file
    is kept under another name (<name>.moved-<time>). Exit status 0 done, 2 nothing was done.

    Example: fieldgate database move --to postgresql://fieldgate@db.example/fieldgate --password-file db.password
    """
    from gateway.recovery.move import move as moved
    from gateway.settings import load_settings

    os.umask(0o077)
    try:
        settings = load_settings(config)
        target = _target(settings, url, password_file, schema, lang)
        made = moved(settings, target)
    except ConfigError as error:
        refuse(error, lang)
    except (StoreError, InvariantBroken) as error:
        click.echo(error.text(lang) if isinstance(error, StoreError) else str(error), err=True)
        sys.exit(UNUSABLE)
    fields = {"rows": made.rows, "tables": made.tables, "place": made.place, "aside": made.aside}
    click.echo(localize("database.move.done", lang, **fields))
    if url is not None:
        shown = f"postgresql://{target.user}@{target.host}:{target.port}/{target.database}"
        click.echo(localize("database.move.configure", lang, url=shown))


def _target(
    settings: "Settings", url: str | None, password_file: Path | None, schema: str | None, lang: Lang
) -> "DatabaseConfig":
    from pydantic import ValidationError

    from gateway.database_config import DatabaseConfig

    if url is None:
        if settings.database.embedded:
            raise StoreError(localize("database.move.no_target", lang))
        return settings.database
    written = {"url": url, "password_file": password_file, "schema_name": schema}
    try:
        return DatabaseConfig.model_validate({name: value for name, value in written.items() if value is not None})
    except ValidationError as error:
        raise StoreError("; ".join(_text(one, lang) for one in error.errors(include_input=False))) from None


def _text(error: "ErrorDetails", lang: Lang) -> str:
    """In the words of the catalogue, where a validator used them."""
    key = error["type"]
    return localize(key, lang, **error.get("ctx", {})) if key in catalogue() else error["msg"]
