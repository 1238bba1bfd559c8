"""`fieldgate backup`"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import main_file, report_language
from gateway.cli.problems import UNUSABLE, refuse
from gateway.domain.byte_size import format_size
from gateway.domain.errors import ConfigError, StoreError
from gateway.domain.text import Lang, localize

if TYPE_CHECKING:
    from gateway.settings.model import Settings


@click.command("backup")
@click.argument("target", type=click.Path(path_type=Path))
@main_file
@report_language
def command(target: Path, config: Path, lang: Lang) -> None:
    """Copy the data folder and the folder of the configuration to TARGET: a new folder, or a file .tar or .tar.gz. The
    gateway may run; everything acknowledged before is in the copy. The copy is opened and checked.

    It holds keys, names and phone numbers: keep it as safe as the data folder. `fieldgate restore` restores it.

    Exit status 0 done, 2 not done.

    Example: fieldgate backup /backup/fieldgate-2026-11-30.tar.gz -c gateway.yaml
    """
    from gateway.recovery.backup import back_up
    from gateway.settings import load_settings

    try:
        settings = load_settings(config)
    except ConfigError as error:
        refuse(error, lang)
    os.umask(0o077)
    try:
        made = back_up(settings, config, target)
    except StoreError as error:
        click.echo(error.text(lang), err=True)
        sys.exit(UNUSABLE)
    for path in made.left_out:
        click.echo(localize("backup.left_out", lang, path=path), err=True)
    for name in made.elsewhere:
        click.echo(localize("backup.elsewhere", lang, name=name), err=True)
    if not settings.database.embedded:
        click.echo(_dump(settings, lang), err=True)
    click.echo(localize("backup.done", lang, path=made.path, size=format_size(made.bytes), head=made.head))


def _dump(settings: "Settings", lang: Lang) -> str:
    """How to copy the database: before the journal, from which a start makes the orders that came after."""
    config = settings.database
    server = f"-h {config.host} -p {config.port} -U {config.user} -n {config.schema_name}"
    command = f"pg_dump -Fc {server} -f desk.dump {config.database}"
    from gateway.store import DatabasePlace

    place = DatabasePlace(settings.data_dir, config)
    return localize("database.backup.elsewhere", lang, place=place, command=command)
