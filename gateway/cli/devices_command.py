"""`fieldgate devices`"""

import csv
import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import main_file, report_language
from gateway.cli.problems import print_filled, refuse
from gateway.domain.duration import iso
from gateway.domain.errors import ConfigError, StoreError
from gateway.domain.text import Lang, localize
from gateway.expected_stores import JOURNAL

if TYPE_CHECKING:
    from gateway.domain.record import Raw
    from gateway.settings.project import Project
    from gateway.try_out import UnknownDevice

PAGE = 1_000  # dead letters per read
LETTERS = 100_000
"""Largest number of dead letters read, newest first."""


@click.group("devices")
def command() -> None:
    """Devices that this installation receives messages from.

    Example: fieldgate devices unknown
    """


@command.command("unknown")
@main_file
@report_language
def unknown(config: Path, lang: Lang | None) -> None:
    """List devices that send messages and are not in the list, as lines ready for it: code, and the profile that reads
    most points of their messages. Details of each (messages, last one, topic) go to standard error.

    Reads the dead letters, whether the gateway runs or not, and changes nothing. The lines have the columns of your
    list, so they can be appended to it; a running gateway applies it at once. Fill in the profile where it is empty.

    \b
    Example: fieldgate devices unknown
             fieldgate devices unknown >> devices.csv
    """
    from gateway.clock import SystemClock
    from gateway.settings import load_project
    from gateway.try_out import UnknownDevices, propose_profiles
    from gateway.try_out.unknown_devices import MOST

    try:
        project = load_project(config, offline=True)
    except ConfigError as error:
        refuse(error, lang or "zh")
    language: Lang = lang or project.settings.language
    print_filled(project.filled, language)
    unknown_devices = UnknownDevices()
    try:
        for raws in _letters(project):
            unknown_devices.add(raws, {device.code: device for device in project.declared.devices})
    except StoreError as error:
        click.echo(error.text(language), err=True)
        sys.exit(1)
    if not unknown_devices.found:
        click.echo(localize("devices.none", language), err=True)
        return
    propose_profiles(unknown_devices, project, SystemClock())
    for one in unknown_devices.found.values():
        key = "devices.fits" if one.profile else "devices.fits_none"
        why = localize(key, language, profile=one.profile, rows=one.rows)
        click.echo(
            localize(
                "devices.line", language, code=one.code, count=one.count, last=iso(one.last), topic=one.topic, why=why
            ),
            err=True,
        )
    if unknown_devices.beyond:
        click.echo(localize("devices.more", language, count=MOST), err=True)
    lists = project.settings.registry.devices
    click.echo(_rows(unknown_devices.found.values(), lists), nl=False)
    if lists is not None and sys.stdout.isatty():
        click.echo(localize("devices.append", language, file=lists), err=True)


def _letters(project: "Project") -> Iterator[list["Raw"]]:
    """Dead letters in pages, newest first."""
    from gateway.domain.record import Raw
    from gateway.journal.reader import JournalReader

    file = project.settings.data_dir / JOURNAL
    if not file.is_file():
        return
    reader = JournalReader(file)
    try:
        before: int | None = None
        for _ in range(LETTERS // PAGE):
            records = reader.dead_letters(PAGE, before, project.settings.tenant)
            if not records:
                return
            yield [record.body for record in records if isinstance(record.body, Raw)]
            before = records[-1].seq
    finally:
        reader.close()


def _rows(unknown_devices: Iterable["UnknownDevice"], file: Path | None) -> str:
    """Lines in the columns of the device list; with a header when there is no list."""
    columns, separator = _columns(file)
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\n")
    if not columns:
        columns = ["code", "profile"]
        writer.writerow(columns)
    for one in unknown_devices:
        cells = {"code": one.code, "profile": one.profile}
        writer.writerow([cells.get(column, "") for column in columns])
    return out.getvalue()


def _columns(file: Path | None) -> tuple[list[str], str]:
    """The field of each column of the list ("" = another column) and the separator; [] when there is no list."""
    from gateway.settings.csv_table import read_table
    from gateway.settings.inventory import DEVICE_COLUMNS

    if file is None or not file.is_file():
        return [], ","
    table = read_table(file, DEVICE_COLUMNS, ("code", "profile"))
    first = next(iter(file.read_text("utf-8-sig", "replace").splitlines()), "")
    separator = max(",;\t", key=first.count)
    fields = {written: name for name, written in table.header.items()}
    return [fields.get(head.strip(), "") for head in next(csv.reader([first], delimiter=separator), [])], separator
