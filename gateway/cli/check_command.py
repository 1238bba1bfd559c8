"""`fieldgate check`"""

import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import MAIN_FILE, MainFile, report_language
from gateway.domain.duration import from_us
from gateway.domain.error_reasons import library_text
from gateway.domain.errors import Problem
from gateway.domain.text import Lang, localize

if TYPE_CHECKING:
    from gateway.settings import Project
    from gateway.settings.model import Settings


@click.command("check")
@click.option(
    "-c",
    "--config",
    type=MainFile(),
    default=MAIN_FILE,
    show_default=True,
    help="The main file, or the folder it is in; every other file is named in it.",
)
@click.option("--data", is_flag=True, help="Read all files of the data folder, too. Changes nothing; takes a while.")
@report_language
def command(config: Path, data: bool, lang: Lang) -> None:
    """Check the whole configuration and list all problems at once.

    Reads the main file, profiles, the lists of sites, customers and devices, templates and rules, and sums up what
    `fieldgate rules check` finds. Starts nothing and makes no connections. Exit status 0 no problems (there may be
    warnings), 2 problems.

    \b
    Example: fieldgate check -c gateway.yaml --lang en
      gateway.yaml
        line 12  sources.broker.keepalve: unknown key 'keepalve'; did you mean 'keepalive'?
      devices.csv
        line 17  row 17, column 场站: there is no site HZ-CY (rows 17); did you mean HZ-CX?
    """
    from gateway.cli.rules.check import summary
    from gateway.settings import inspect_project

    report = inspect_project(config)
    warnings = [*report.warnings, *_open_years(report.project)]
    if warnings:
        click.echo(localize("config.check.warnings", lang, count=len(warnings)), err=True)
        _print(warnings, lang)
    if report.project is None:
        _print(report.problems, lang)
        files = len({problem.file for problem in report.problems})
        click.echo(localize("config.check.failed", lang, count=len(report.problems), files=files), err=True)
        sys.exit(2)
    click.echo(localize("config.check.ok", lang, file=config, **report.project.counts()))
    for note in report.notes:
        click.echo(note.text(lang))
    click.echo(summary(report.project, lang))
    click.echo(_disk(report.project, lang))
    if data:
        _look_at_data(report.project.settings, lang)


def _open_years(project: "Project | None") -> list[Problem]:
    """Warnings of years that the calendars of the SLA lack. Those of the rules are in the summary of the rules."""
    if project is None:
        return []
    from gateway.clock import SystemClock

    today, file = from_us(SystemClock().now()).date(), str(project.file)
    found = []
    for calendar in sorted(project.sla.calendars(), key=lambda one: one.name):
        unknown, provisional = calendar.open_years(today)
        years = [("lint.calendar-year", year) for year in unknown]
        years += [("lint.calendar-provisional", year) for year in provisional]
        found += [Problem(file, "calendar", key, {"name": calendar.name, "year": str(year)}) for key, year in years]
    return found


def _disk(project: "Project", lang: Lang) -> str:
    from gateway.domain.byte_size import format_size
    from gateway.settings.disk_forecast import forecast_of_project

    room = forecast_of_project(project)
    free, floor, lasts = format_size(room.free), format_size(room.floor), room.time_left_text().text(lang)
    return localize("room.check", lang, path=project.settings.data_dir, free=free, floor=floor, lasts=lasts)


def _look_at_data(settings: "Settings", lang: Lang) -> None:
    from gateway.adapter_ports import LOCKED, MISSING
    from gateway.domain.errors import StoreError
    from gateway.recovery import inspect_data

    wrong = 0
    try:
        for path, what in inspect_data(settings):
            if what == LOCKED:
                click.echo(localize("check.data.locked", lang, path=path))
                continue
            wrong += 1
            key = "check.data.missing" if what == MISSING else "check.data.wrong"
            click.echo(localize(key, lang, path=path, what=library_text(what)), err=True)
    except StoreError as error:
        click.echo(error.text(lang), err=True)
        sys.exit(2)
    if wrong:
        click.echo(localize("check.data.failed", lang, count=wrong), err=True)
        sys.exit(2)
    click.echo(localize("check.data.ok", lang, path=settings.data_dir))


def _print(problems: Sequence[Problem], lang: Lang) -> None:
    """Print problems grouped by file, in the order of the lines."""
    for file, group in groupby(problems, key=lambda problem: problem.file):
        click.echo(file, err=True)
        for problem in group:
            line = localize("config.check.line", lang, line=problem.line) + "  " if problem.line else ""
            text = localize(problem.key, lang, **problem.fields)
            text = localize("config.problem", lang, place=problem.place(lang), text=text) if problem.path else text
            click.echo(f"  {line}{text}", err=True)
