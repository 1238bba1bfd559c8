"""`fieldgate doctor`"""

import sys
from pathlib import Path

import click

from gateway.cli.options import main_file, report_language
from gateway.cli.problems import refuse
from gateway.domain.errors import ConfigError
from gateway.domain.text import Lang, localize


@click.command("doctor")
@main_file
@report_language
def command(config: Path, lang: Lang) -> None:
    """Check the machine, the data folder, the brokers and, if one runs, the gateway: versions, disk, clock, file
    permissions, queues, settings of the broker, balance of messages. Each line is ok, warn or bad, with what to do.
    Changes nothing; while no gateway runs, it connects to the brokers and Modbus links only.

    Exit status 0 nothing is bad, 1 something is bad, 2 the configuration does not load.

    Example: fieldgate doctor -c gateway.yaml
    """
    from gateway.doctor import Grade, examine
    from gateway.settings import load_project

    try:
        project = load_project(config, offline=True)
    except ConfigError as error:
        refuse(error, lang)
    grades = []
    for finding in examine(project, lang):
        click.echo(finding.text(lang))
        grades.append(finding.grade)
    counts = {grade.value: grades.count(grade) for grade in Grade}
    click.echo(localize("doctor.sum", lang, **counts))
    sys.exit(1 if counts[Grade.BAD.value] else 0)
