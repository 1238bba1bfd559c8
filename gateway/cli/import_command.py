"""`fieldgate import`"""

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import MAIN_FILE, MainFile, report_language
from gateway.cli.problems import UNUSABLE, refuse
from gateway.domain.error_reasons import reason
from gateway.domain.errors import ConfigError, GatewayError, InvariantBroken, Problem, StoreError, StoreUnavailable
from gateway.domain.language_values import as_text_field
from gateway.domain.text import Lang, localize

if TYPE_CHECKING:
    from rich.progress import Progress

    from gateway.imports.rejects import Rejects
    from gateway.imports.target import ImportTarget


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Options of the command line."""

    file: Path
    mapping: Path
    config: Path
    configured: bool  # -c was given
    data: Path | None
    api: str
    quiet: bool
    lang: Lang
    actor: str
    strict: bool
    dry_run: bool


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--map", "mapping", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Map of the columns."
)
@click.option("-c", "--config", type=MainFile(), help=f"The main file, or the folder it is in. [default: {MAIN_FILE}]")
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help="The data folder, when not that of the main file."
)
@click.option("--api", default="", help="URL of the running gateway, when not that of the main file.")
@click.option("--strict", is_flag=True, help="Import nothing if any row is wrong.")
@click.option("--dry-run", is_flag=True, help="Check every row, send nothing.")
@click.option("--quiet", is_flag=True, help="No progress bar, no summary; rejected rows are still reported.")
@report_language
@click.option(
    "--actor", default="", help="Name of the importing person, for the audit. [default: the user of this machine]"
)
def command(
    file: Path,
    mapping: Path,
    config: Path | None,
    data: Path | None,
    api: str,
    strict: bool,
    dry_run: bool,
    quiet: bool,
    lang: Lang,
    actor: str,
) -> None:
    """Import history from a CSV file into the gateway, running or not, through the same journal and the same rules.

    A row is imported as a whole, or written to FILE.rejected.csv with the reason. Importing a file twice changes
    nothing. Orders are made at the end, for alarms that are still raised then. Exit status 0 all rows are imported, 1
    some rows were rejected, 2 nothing was done.

    Example: fieldgate import history.csv --map config/import/gas_hourly.yaml
    """
    path = config or MAIN_FILE
    order = ImportOptions(
        file, mapping, path, config is not None, data, api.rstrip("/"), quiet, lang, actor or _user(), strict, dry_run
    )
    try:
        status = asyncio.run(_import(order))
    except ConfigError as error:
        refuse(error, order.lang)
    except (GatewayError, InvariantBroken) as error:
        click.echo(as_text_field(reason(error), order.lang), err=True)
        sys.exit(UNUSABLE)
    sys.exit(status)


def _user() -> str:
    try:
        return getuser()
    except (KeyError, OSError):  # the user does not exist in this container
        return "import"


async def _import(order: ImportOptions) -> int:
    from gateway.imports.mapping import load_map
    from gateway.imports.target import GatewayImportTarget

    flaws: list[Problem] = []
    try:
        load_map(order.mapping)
    except ConfigError as error:
        flaws += error.problems
    if not order.file.is_file():
        flaws.append(Problem(str(order.file), "", "config.file.missing", {"value": str(order.file)}))
    if flaws:
        raise ConfigError(flaws)
    url, key, cert = _addresses(order)
    if url:
        async with GatewayImportTarget(url, _key(key), cert=cert) as remote:
            if await remote.is_running():
                return await _run(order, remote)
    if order.api and not order.configured:
        raise StoreError(localize("import.no_gateway", order.lang, url=order.api))
    return await _alone(order, url)


def _addresses(order: ImportOptions) -> tuple[str, Path | None, Path | None]:
    """(URL of the gateway or "", file of the admin key, certificate to verify)."""
    from gateway.api.config import key_file
    from gateway.settings import load_settings

    if order.api and order.data is not None:
        return order.api, order.data / "admin.key", None
    try:
        settings = load_settings(order.config)
    except ConfigError:
        if order.api:
            return order.api, order.data and order.data / "admin.key", None
        raise
    api = settings.api
    cert = api.tls.cert if api.tls and not order.api else None
    return (
        order.api or (api.address if api.port else ""),
        key_file(order.data or settings.data_dir, settings.tenant),
        cert,
    )


def _key(path: Path | None) -> str:
    try:
        return path.read_text("utf-8").strip() if path is not None else ""
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise StoreError.of("import.unwritable", path=path, error=reason(error)) from error


async def _alone(order: ImportOptions, url: str) -> int:
    """Import without a gateway: this process opens the data folder, without sources and API."""
    from gateway import logs
    from gateway.app.build import build
    from gateway.imports.handover import HandoverTarget
    from gateway.imports.job import DryRunTarget
    from gateway.imports.target import GatewayImportTarget, LocalImportTarget
    from gateway.settings.project import load_project

    project = load_project(order.config)
    if order.data is not None:
        project = replace(project, settings=project.settings.model_copy(update={"data_dir": order.data}))
    if order.dry_run:
        oldest = time.time_ns() // 1000 - project.settings.history.retention
        return await _run(order, DryRunTarget(project.declared, oldest))
    os.umask(0o077)
    logs.configure("warning", project.settings.log.format, project.settings.language)
    try:
        app = build(project, command="import")
    except StoreUnavailable as error:
        held = localize("import.held", order.lang, url=url or "-")
        raise StoreError(f"{error.text(order.lang)}\n{held}") from error
    await app.start(serving=False)
    key = project.settings.data_dir / "admin.key"

    async def leave() -> None:
        click.echo(localize("import.handed_over", order.lang), err=True)
        await app.stop()

    way = HandoverTarget(
        LocalImportTarget(app.imports),
        app.stores.lock.wanted,
        leave,
        lambda: GatewayImportTarget(url, _key(key)) if url else None,
    )
    watching = asyncio.create_task(way.watch())
    try:
        return await _run(order, way)
    finally:
        if not way.handed_over:
            watching.cancel()
            await app.imports.reap(before=1 << 62)
            await app.stop()
        await asyncio.gather(watching, return_exceptions=True)
        await way.close()


async def _run(order: ImportOptions, target: "ImportTarget") -> int:
    """Read, check, send, report."""
    from gateway.imports.job import prepare, send

    with _counting(order) as counter:
        prepared = await prepare(order.file, order.mapping, target, order.lang, time.time_ns() // 1000)
        rejects, columns = prepared.rejects, prepared.columns
        _report_rejects(order, rejects, prepared.rejected_file)
        if order.dry_run:
            click.echo(
                localize(
                    "import.checked",
                    order.lang,
                    rows=columns.rows,
                    readings=len(columns),
                    devices=len(columns.devices),
                    rejected=rejects.count,
                )
            )
            return 1 if rejects.count else 0
        if order.strict and rejects.count:
            click.echo(localize("import.strict", order.lang, count=rejects.count), err=True)
            return UNUSABLE
        if not columns.rows:
            click.echo(localize("import.nothing" if rejects.count else "import.file.no_rows", order.lang), err=True)
            return UNUSABLE
        counter.begin(len(columns), len(columns.devices))
        result = await send(target, columns, order.file.name, order.actor, counter.step)
    if not order.quiet:
        click.echo(
            localize(
                "import.done",
                order.lang,
                file=order.file,
                rows=columns.rows,
                devices=len(columns.devices),
                rejected=rejects.count,
                imported=result.imported,
                replaced=result.replaced,
                duplicates=result.duplicates,
                late=result.late,
                expired=result.expired,
                refused=result.refused,
                alarms=result.alarms,
                orders=result.orders,
            )
        )
    return 1 if rejects.count or result.refused else 0


def _report_rejects(order: ImportOptions, rejects: "Rejects", path: Path) -> None:
    if not rejects.count:
        return
    for reject in rejects.first:
        click.echo(reject.render(order.lang), err=True)
    if (more := rejects.count - len(rejects.first)) > 0:
        click.echo(localize("import.more", order.lang, count=more), err=True)
    click.echo(localize("import.rejected_in", order.lang, count=rejects.count, path=path), err=True)


class _Counter:
    """Progress that is not shown."""

    def begin(self, readings: int, devices: int) -> None:
        """Start with `total` readings to send."""

    def step(self, readings: int) -> None:
        """Add the number of readings sent."""


@contextmanager
def _counting(order: ImportOptions) -> Iterator[_Counter]:
    """A progress bar on a terminal, otherwise no output."""
    if order.quiet or not sys.stderr.isatty():
        yield _Counter()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Bar(order, progress)


class _Bar(_Counter):
    """Readings, readings per second, devices."""

    def __init__(self, order: ImportOptions, progress: "Progress") -> None:
        self._progress, self._started = progress, time.monotonic()
        self._task = progress.add_task(order.file.name, total=None, rate="")
        self._word, self._sent = localize("import.progress", order.lang), 0

    def begin(self, readings: int, devices: int) -> None:
        """Start with `total` readings to send."""
        self._started = time.monotonic()
        self._progress.update(self._task, total=readings, rate=f"{devices}")

    def step(self, readings: int) -> None:
        """Add the number of readings sent."""
        self._sent += readings
        rate = self._sent / max(0.001, time.monotonic() - self._started)
        self._progress.update(self._task, advance=readings, rate=f"{rate:,.0f} {self._word}/s")
