"""Options that several commands share."""

from pathlib import Path

import click

from gateway.cli.language import LANGUAGES, MAIN_FILE, remembered, resolved

__all__ = ["MAIN_FILE", "any_language", "main_file", "report_language"]

main_file = click.option(
    "-c", "--config", type=click.Path(path_type=Path, dir_okay=False), default=MAIN_FILE,
    show_default=True, help="The main file.",
)  # fmt: skip
_LANGUAGE = "Language of what is printed. [default: that of the main file, else of the locale]"
report_language = click.option("--lang", type=click.Choice(LANGUAGES), callback=resolved, help=_LANGUAGE)
any_language = click.option(
    "--lang", type=click.Choice(LANGUAGES), callback=remembered, expose_value=False, help=_LANGUAGE
)
