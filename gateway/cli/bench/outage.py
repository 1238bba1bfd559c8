"""A store of readings that is away while messages come: what is lost, how memory grows, how fast the store catches up.

A whole gateway with a real PostgreSQL as its store and a real mosquitto; the load goes on at the same rate before,
during and after the outage.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.cli.bench.ingest import Gauge, child, load_command, mqtt_source, write_project
from gateway.cli.bench.machine import rss_mb
from simulators.load import GATE_BYTES
from simulators.postgres_server import PASSWORD, PostgresProcess, postgres
from simulators.servers import BrokerProcess, free_port, mosquitto
from simulators.shared_counters import Shared

SERIES = """\
series: {{type: postgres, port: {port}, database: postgres, user: postgres, password: {password}}}
"""
WARM = 30.0
"""s before the outage, of which the second half gives the memory to compare with."""
STEP = 0.1
"""s between two steps of the load; memory is read once a second."""
POINTS = 4
"""Readings of a message."""
SETTLE = 5.0
"""s after which the store has what came last."""
PATIENCE = 1800.0
"""s until a store that does not catch up is given up."""


@dataclass(slots=True)
class _Run:
    """The load at `rate` messages a second, and the gateway's memory while it runs, MB."""

    gate: Shared
    rate: float
    pid: int
    memory: list[float] = field(default_factory=list)
    _start: float = field(default_factory=time.monotonic)
    _read: float = 0.0

    def until(self, done: Callable[[], bool]) -> list[float]:
        """Go on until `done`; returns the memory meanwhile."""
        first = len(self.memory)
        while not done():
            now = time.monotonic()
            self.gate.set(0, int((now - self._start) * self.rate))
            if now - self._read >= 1:
                self._read = now
                self.memory.append(rss_mb(self.pid))
            time.sleep(STEP)
        return self.memory[first:]

    def seconds(self, count: float) -> list[float]:
        """Go on for so long."""
        end = time.monotonic() + count
        return self.until(lambda: time.monotonic() >= end)


def measure(outage: float, rate: float, devices: int) -> dict[str, Any]:
    """{"lost", "rss_growth", "catch_up", ...}: readings acknowledged and not stored; largest memory during the outage
    and the catching up against that before, as a fraction; messages stored a second while catching up, by `rate`.

    Raises FileNotFoundError without mosquitto or PostgreSQL.
    """
    with tempfile.TemporaryDirectory(prefix="fieldgate-bench-") as name, postgres() as store:
        folder = Path(name)
        with mosquitto(folder / "broker") as broker:
            return _measure(folder, broker, store, outage, rate, devices)


def _measure(
    folder: Path, broker: BrokerProcess, store: PostgresProcess, outage: float, rate: float, devices: int
) -> dict[str, Any]:
    api, project = free_port(), folder / "project"
    project.mkdir()
    config = write_project(project, mqtt_source(broker.port), api, devices)
    text = config.read_text("utf-8")
    config.write_text(text + SERIES.format(port=store.port, password=PASSWORD), "utf-8")
    gauge = Gauge(api)
    with (
        Shared(folder / "gate", GATE_BYTES) as gate,
        child("-m", "gateway", "run", "-c", str(config), "--lang", "en") as gateway,
    ):
        gauge.ready(gateway)
        with child(*load_command(broker, "full", devices, gate, 1)):
            run = _Run(gate, rate, gateway.pid)
            run.seconds(WARM / 2)
            before, usual = run.seconds(WARM / 2), _lag(gauge)
            for _ in range(5):
                before, usual = before + run.seconds(0.7), max(usual, _lag(gauge))
            store.stop()
            meanwhile = run.seconds(outage)
            store.start()
            held = _stored(gauge)
            meanwhile += run.until(_until(lambda: _stored(gauge) > held))
            begun, at = _stored(gauge), time.monotonic()
            meanwhile += run.until(_until(lambda: _lag(gauge) <= usual))
            took, stored = time.monotonic() - at, _stored(gauge) - begun
            run.seconds(SETTLE)
            gate.set(2, 1)
            sent = gate.get(1)
    base = statistics.median(before)
    return {
        "lost": max(0, sent * POINTS - _rows(store)),
        "rss_growth": round(max(meanwhile) / base - 1, 3),
        "catch_up": round(stored / POINTS / took / rate, 2),
        "catch_up_seconds": round(took, 1),
        "rss_mb": round(base, 1),
        "published": sent,
        "outage_seconds": outage,
        "msgs_s": rate,
        "devices": devices,
    }


def _until(done: Callable[[], bool]) -> Callable[[], bool]:
    """`done`, called twice a second at most. Raises RuntimeError when it takes longer than PATIENCE."""
    end, last = time.monotonic() + PATIENCE, 0.0

    def check() -> bool:
        nonlocal last
        now = time.monotonic()
        if now > end:
            raise RuntimeError("the store does not catch up")
        if now - last < 0.5:
            return False
        last = now
        return done()

    return check


def _lag(gauge: Gauge) -> float:
    """Records on their way to the store; some are at all times."""
    return gauge.read("fieldgate_store_lag_records")


def _stored(gauge: Gauge) -> float:
    return gauge.read("fieldgate_store_readings_total", state="stored")


def _rows(server: PostgresProcess) -> int:
    """Readings in the store: each (device, point, time) once."""
    import psycopg

    where = {"host": "127.0.0.1", "port": server.port, "dbname": "postgres", "user": "postgres", "password": PASSWORD}
    with psycopg.connect(**where) as session:  # type: ignore[arg-type]
        found = session.execute("SELECT count(*) FROM (SELECT DISTINCT device, point, at FROM fieldgate.reading) r")
        return int((found.fetchone() or (0,))[0])
