"""`fieldgate series`"""

import click

from gateway.cli.series.export import export


@click.group("series")
def command() -> None:
    """Work with stored readings.

    Example: fieldgate series export --parquet june.parquet --from 2026-06-01 --to 2026-07-01
    """


command.add_command(export)
