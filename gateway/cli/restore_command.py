"""`fieldgate restore`"""

import os
import sys
from pathlib import Path

import click

from gateway.cli.options import report_language
from gateway.cli.problems import UNUSABLE
from gateway.domain.byte_size import format_size
from gateway.domain.errors import StoreError
from gateway.domain.text import Lang, localize


@click.command("restore")
@click.argument("backup", type=click.Path(path_type=Path))
@click.argument("data_dir", type=click.Path(path_type=Path))
@click.option(
    "--config-to",
    type=click.Path(path_type=Path),
    help="Also restore the saved configuration to this new or empty folder.",
)
@report_language
def command(backup: Path, data_dir: Path, config_to: Path | None, lang: Lang) -> None:
    """Restore BACKUP to DATA_DIR, which is new or empty: an installation is never overwritten. Every file is compared
    with its checksum first. Then start the gateway with a configuration whose `data_dir` it is.

    Exit status 0 done, 2 not done.

    Example: fieldgate restore /backup/fieldgate-2026-11-30.tar.gz /var/lib/fieldgate --config-to /etc/fieldgate
    """
    from gateway.recovery.restore import restore

    language = lang
    os.umask(0o077)
    try:
        found = restore(backup, data_dir, config_to)
    except StoreError as error:
        click.echo(error.text(language), err=True)
        sys.exit(UNUSABLE)
    click.echo(
        localize("restore.done", language, path=data_dir, at=found.at, size=format_size(found.bytes), head=found.head)
    )
    if config_to is not None:
        click.echo(localize("restore.config", language, path=config_to / found.main_file))
