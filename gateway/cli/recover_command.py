"""`fieldgate recover`"""

import sys
from pathlib import Path

import click

from gateway.cli.options import main_file, report_language
from gateway.cli.problems import UNUSABLE, refuse
from gateway.domain.errors import ConfigError, InvariantBroken, StoreError
from gateway.domain.text import Lang, localize


@click.command("recover")
@main_file
@report_language
def command(config: Path, lang: Lang) -> None:
    """Repair damaged or missing files of the data folder. Needs a stopped gateway.

    A damaged file is moved aside (<name>.damaged-<time>), never deleted; its readable parts are kept; what the journal
    holds is restored: the registry's rows, readings of a lost segment, alarms. Losses are listed, by number and time.
    `fieldgate check --data` only checks.

    Exit status 0 nothing is lost, 1 something is lost (it is listed), 2 not possible.

    Example: fieldgate recover -c gateway.yaml
    """
    from gateway.recovery import recover
    from gateway.settings import load_settings

    try:
        settings = load_settings(config)
    except ConfigError as error:
        refuse(error, lang)
    try:
        report = recover(settings)
    except StoreError as error:
        click.echo(error.text(lang), err=True)
        sys.exit(UNUSABLE)
    except InvariantBroken as error:
        click.echo(str(error), err=True)
        sys.exit(UNUSABLE)
    for key, fields in report.lines:
        click.echo(localize(key, lang, **fields), err=report.losses)
    click.echo(localize("recover.lost" if report.losses else "recover.done", lang), err=report.losses)
    sys.exit(1 if report.losses else 0)
