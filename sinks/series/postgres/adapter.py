"""Exports of this folder (`gateway.adapter_ports.SeriesAdapter`). psycopg is imported on first use."""

import asyncio
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.adapter_ports import ConfigFindings, OpenHeldReadings, SeriesAdapter
from gateway.domain.errors import Problem, StoreError
from gateway.domain.finding import DoctorFinding
from gateway.ports import Clock
from sinks.series.postgres.config import PostgresConfig

if TYPE_CHECKING:
    from sinks.series.postgres.history import PostgresHistory
    from sinks.series.postgres.store import PostgresStore


CONNECTION = {
    *("type", "host", "port", "database", "user", "password_file", "schema_name", "ca_file", "cert_file", "key_file")
}


def _driver() -> None:
    if find_spec("psycopg") is None:
        raise StoreError.of("postgres.driver")


def _build(data_dir: Path, config: PostgresConfig, clock: Clock) -> "PostgresStore":  # noqa: ARG001 - the port
    _driver()
    from sinks.series.postgres.store import PostgresStore

    return PostgresStore(config, clock)


def _place(data_dir: Path, config: PostgresConfig) -> dict[str, str]:  # noqa: ARG001 - the port
    """The settings of the connection. A password that stands in the main file is among them."""
    found = {name: str(value) for name, value in config.model_dump(include=CONNECTION, exclude_none=True).items()}
    found["tls"] = config.tls_mode
    if config.password is not None:
        found["password"] = config.password.get_secret_value()
    return found


def _open_history(place: Mapping[str, str], connect: OpenHeldReadings | None) -> "PostgresHistory":  # noqa: ARG001 - the port
    _driver()
    from sinks.series.postgres.history import PostgresHistory

    return PostgresHistory(PostgresConfig.model_validate(dict(place)))


def _check(config: PostgresConfig, place: str, file: str) -> ConfigFindings:
    found = ConfigFindings()
    if find_spec("psycopg") is None:
        found.problems.append(Problem(file, f"{place}.type", "postgres.driver"))
    if not config.local and not config.tls_mode.startswith("verify"):
        found.warnings.append(Problem(file, f"{place}.tls", "postgres.warn.plain", {"place": config.address}))
    return found


async def _examine(name: str, config: PostgresConfig, *, running: bool) -> list[DoctorFinding]:  # noqa: ARG001 - the port
    if find_spec("psycopg") is None:
        return []
    from sinks.series.postgres.doctor import server

    return await asyncio.to_thread(server, config)


ADAPTER = SeriesAdapter(
    name="postgres",
    config=PostgresConfig,
    build=_build,
    place=_place,
    open_history=_open_history,
    check=_check,
    examine=_examine,
)
