"""Options that several commands share."""

from pathlib import Path

import click

MAIN_FILE = Path("gateway.yaml")
main_file = click.option(
    "-c", "--config", type=click.Path(path_type=Path, dir_okay=False), default=MAIN_FILE,
    show_default=True, help="The main file.",
)  # fmt: skip
report_language = click.option(
    "--lang", type=click.Choice(["zh", "en"]), help="Language of the report. [default: that of the main file]"
)
