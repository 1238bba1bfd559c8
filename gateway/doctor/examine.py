"""All checks, in the order of the report."""

import asyncio
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from gateway.adapters import SERIES, SOURCES
from gateway.api.config import key_file
from gateway.doctor import machine, running_gateway
from gateway.domain.errors import GatewayError, InvariantBroken, StoreUnavailable
from gateway.domain.finding import DoctorFinding, ok, warn
from gateway.domain.text import Lang
from gateway.expected_stores import JOURNAL
from gateway.journal import JournalReader
from gateway.lock import FileLock
from gateway.settings import Project
from gateway.settings.disk_forecast import forecast_of_project
from gateway.settings.model import Settings, sections


def examine(project: Project, lang: Lang) -> Iterator[DoctorFinding]:
    """Findings, as they are made. Connects to brokers and to a running gateway; writes nothing."""
    settings, data = project.settings, project.settings.data_dir
    running = _running(data)
    yield ok("doctor.running", path=data) if running else ok("doctor.stopped", path=data)
    yield from machine.versions(machine.mosquitto_version())
    journal = data / JOURNAL
    yield machine.disk(forecast_of_project(project))
    yield machine.clock(time.time_ns() // 1000, _newest(journal))
    yield machine.clock_kept(machine.kernel_clock(), machine.chrony())
    yield from machine.modes(_private(settings))
    if not any(problem.path.startswith("database") for problem in project.filled):
        yield from running_gateway.stores(settings)
    if running and settings.api.port:
        url, cert = _health(settings)
        yield from running_gateway.fetch_health(url, lang, cert, settings.sources) or [
            warn("doctor.unheard", "doctor.unheard.do", url=url)
        ]
    yield from _commands(project)
    unset = {problem.path.split(".")[1] for problem in project.filled if problem.path.startswith("sources.")}
    for problem in project.filled:
        yield warn("doctor.unset", "doctor.unset.do", place=problem.path)
    yield from asyncio.run(_sources(settings, running=running, unset=unset))
    if not any(problem.path.startswith("series") for problem in project.filled):
        yield from asyncio.run(_stores(settings, running=running))


def _commands(project: Project) -> Iterator[DoctorFinding]:
    """What may be sent to devices."""
    reached: dict[str, set[str]] = {name: set() for name in project.commands.sources}
    names: dict[str, set[str]] = {name: set() for name in project.commands.sources}
    for device in project.declared.devices:
        for one in project.commands.candidates(device):
            reached[one.source].add(device.code)
            names[one.source].add(one.definition.name)
    for source, found in names.items():
        if found:
            yield ok("doctor.commands", source=source, names=", ".join(sorted(found)), devices=len(reached[source]))
    if not any(names.values()):
        yield ok("doctor.no_commands")


def _running(data: Path) -> bool:
    if not data.is_dir():
        return False
    try:
        FileLock(data / JOURNAL, "doctor").release()
    except StoreUnavailable:
        return True
    return False


def _newest(journal: Path) -> int:
    if not journal.is_file():
        return 0
    with suppress(GatewayError, InvariantBroken):
        reader = JournalReader(journal)
        try:
            newest = reader.last(0)
            return newest.at if newest is not None else 0
        finally:
            reader.close()
    return 0


def _health(settings: Settings) -> tuple[str, Path | None]:
    """Address that answers without a key: the health listener, or the API if other machines reach that; and its
    certificate."""
    api, health = settings.api, settings.health
    if health.exposed or health.port == 0:
        return api.address, api.tls.cert if api.tls else None
    port = health.port if health.port is not None else api.port + 1
    return f"http://[{health.host}]:{port}" if ":" in health.host else f"http://{health.host}:{port}", None


def _private(settings: Settings) -> dict[Path, str]:
    """Files and folders that only the gateway's user may read."""
    data = settings.data_dir
    found = {data: "data", key_file(data, settings.tenant): "data"}  # what else is in the folder, the folder protects
    for _, section in sections(settings):
        for name in type(section).model_fields:
            value: Any = getattr(section, name)
            if isinstance(value, Path) and name in ("password_file", "secret_file", "key_file", "token_file", "key"):
                found[value] = "secret"
    return {path: kind for path, kind in found.items() if path.exists()}


async def _stores(settings: Settings, *, running: bool) -> list[DoctorFinding]:
    found: list[DoctorFinding] = []
    for name, config in settings.stores.items():
        found += await SERIES[config.type].examine(name, config, running=running)
    return found


async def _sources(settings: Settings, *, running: bool, unset: Collection[str]) -> list[DoctorFinding]:
    """`unset`: sources whose address or password is not known here."""
    found: list[DoctorFinding] = []
    for name, config in settings.sources.items():
        if name not in unset:
            found += await SOURCES[config.type].examine(name, config, running=running)
    return found
