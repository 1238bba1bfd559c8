"""What the gateway needs of this folder (`gateway.adapter_ports.SeriesAdapter`). The client library is loaded when
needed: it is an extra (`pip install fieldgate[influx]`)."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.adapter_ports import ConfigFindings, OpenHeldReadings, SeriesAdapter
from gateway.domain.errors import Problem, StoreError
from gateway.domain.finding import DoctorFinding
from gateway.ports import Clock
from sinks.series.influx.config import InfluxConfig

if TYPE_CHECKING:
    from sinks.series.influx.history import InfluxHistory
    from sinks.series.influx.store import InfluxStore

LIBRARY = "influxdb_client"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _place(data_dir: Path, config: InfluxConfig) -> dict[str, str]:  # noqa: ARG001 - the port
    found = {
        "url": config.url,
        "org": config.org,
        "bucket": config.bucket,
        "measurement": config.measurement,
        "timeout": str(config.timeout),
        "token": "" if config.token is None else config.token.get_secret_value(),
    }
    files = {name: getattr(config, name) for name in ("token_file", "ca_file", "cert_file", "key_file")}
    return found | {name: str(path) for name, path in files.items() if path is not None}


def _build(data_dir: Path, config: InfluxConfig, clock: Clock) -> "InfluxStore":
    _needed()
    from sinks.series.influx.store import InfluxStore

    return InfluxStore(data_dir / "stores", config.name or config.type, _place(data_dir, config), config, clock)


def _open_history(place: Mapping[str, str], _: OpenHeldReadings | None) -> "InfluxHistory":
    _needed()
    from sinks.series.influx.history import InfluxHistory

    return InfluxHistory(place)


def _needed() -> None:
    if find_spec(LIBRARY) is None:
        raise StoreError.of("influx.library")


def _check(config: InfluxConfig, place: str, file: str) -> ConfigFindings:
    found = ConfigFindings()
    if find_spec(LIBRARY) is None:
        found.problems.append(Problem(file, f"{place}.type", "influx.library"))
    url = urlsplit(config.url)
    if url.scheme == "http" and url.hostname not in LOOPBACK:
        found.warnings.append(Problem(file, f"{place}.url", "influx.plain", {"value": config.url}))
    return found


async def _examine(name: str, config: InfluxConfig, *, running: bool) -> list[DoctorFinding]:  # noqa: ARG001 - the port
    from sinks.series.influx.examine import examine

    return await examine(name, config, _place(Path(), config))


ADAPTER = SeriesAdapter(
    name="influx",
    config=InfluxConfig,
    build=_build,
    place=_place,
    open_history=_open_history,
    readable=lambda config: config.durable,
    check=_check,
    examine=_examine,
)
