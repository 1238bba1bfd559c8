"""For `fieldgate doctor`: whether the broker can be reached, and keeps messages while the gateway is away."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from gateway.domain.error_reasons import reason
from gateway.domain.errors import SourceError
from gateway.domain.finding import DoctorFinding, bad, ok, warn
from protocols.mqtt.config import MqttConfig
from protocols.mqtt.probe import probe
from protocols.mqtt.session import BrokerGrants

FILES: Final = (Path("/etc/mosquitto/mosquitto.conf"), Path("/etc/mosquitto/conf.d"))
WANTED: Final = {
    "persistence": "true", "max_queued_messages": "0", "max_inflight_messages": "0", "autosave_interval": "1",
    "autosave_on_changes": "false",
}  # fmt: skip
"""Measured by `benchmarks/mosquitto_queue.py`."""
DEFAULTS: Final = {
    "persistence": "false", "max_queued_messages": "1000", "max_inflight_messages": "20", "autosave_interval": "1800",
    "autosave_on_changes": "false",
}  # fmt: skip
USUAL: Final = 1883


async def broker(name: str, config: MqttConfig, conf: Sequence[Path] = FILES) -> list[DoctorFinding]:
    """Whether the broker is reached, what it grants, and whether a mosquitto on this machine keeps its queue."""
    try:
        password = await asyncio.to_thread(config.secret)
        found = await probe(config, password)
    except OSError as error:
        return [bad("doctor.secret", "doctor.secret.do", source=name, error=reason(error))]
    except SourceError as error:
        return [bad("doctor.broker_away", "doctor.broker_away.do", source=name, url=config.url, why=reason(error))]
    return [
        *granted(name, config, found),
        *(kept(name, config.address[1], conf) if here(config.address[0]) else [elsewhere(name)]),
    ]


def granted(name: str, config: MqttConfig, found: BrokerGrants | None) -> Iterator[DoctorFinding]:
    """What it grants against what the configuration asks for. Pure."""
    if found is None:
        yield ok("doctor.broker_311", source=name, url=config.url)
        return
    yield ok("doctor.broker", source=name, url=config.url, receive=found.receive_maximum)
    if found.qos < 1:
        yield bad("doctor.broker_qos", "doctor.broker_qos.do", source=name)
    if not found.wildcards:
        yield bad("doctor.broker_wild", "doctor.broker_wild.do", source=name)
    if found.session_expiry is not None and found.session_expiry < config.session_expiry // 1_000_000:
        yield warn("doctor.broker_expiry", "doctor.broker_expiry.do", source=name, seconds=found.session_expiry)


def here(host: str) -> bool:
    """Whether it is an address of this machine."""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
        return any(ipaddress.ip_address(str(one).partition("%")[0]).is_loopback for one in found)
    except (OSError, ValueError):
        return False


def elsewhere(name: str) -> DoctorFinding:
    """Its settings cannot be seen over the wire: the finding lists the wanted ones."""
    return ok("doctor.persistence_unseen", source=name, wanted=_lines(WANTED))


def kept(name: str, port: int, conf: Sequence[Path]) -> list[DoctorFinding]:
    """What the mosquitto of this machine that listens on `port` keeps, by its configuration files."""
    pairs = settings(conf)
    ports = {value.split()[0] for key, value in pairs or () if key in ("listener", "port")} or {str(USUAL)}
    if pairs is None or str(port) not in ports:
        return [elsewhere(name)]
    stands = {**DEFAULTS, **dict(pairs)}
    lacking = {key: value for key, value in WANTED.items() if stands[key] != value}
    if not lacking:
        return [ok("doctor.persistence", source=name)]
    return [warn("doctor.persistence_lacks", "doctor.persistence.do", source=name, wanted=_lines(lacking))]


def settings(conf: Sequence[Path]) -> list[tuple[str, str]] | None:
    """(key, value) of mosquitto's files, in order; None when there are none that can be read."""
    found: list[tuple[str, str]] = []
    read = False
    for path in conf:
        files = sorted(path.glob("*.conf")) if path.is_dir() else [path]
        for file in files:
            try:
                lines = file.read_text("utf-8").splitlines()
            except OSError:
                continue
            read = True
            pairs = [line.split(None, 1) for line in lines if line.strip() and not line.lstrip().startswith("#")]
            found += [(pair[0], pair[1].strip()) for pair in pairs if len(pair) == 2]
    return found if read else None


def _lines(wanted: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in wanted.items())
