"""Benchmark of the stores of readings: rows/s through each adapter, in the batches of a gateway that catches up.

Every registered store that has a counterpart on this machine takes part.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

from gateway.adapters import SERIES
from gateway.consumers.series import MOST_ROWS
from gateway.domain.device import Point
from gateway.domain.duration import MS, SECOND
from gateway.domain.reading import Batch
from gateway.domain.record import Define, DeviceDefined, PointDefined, Record

DEVICES, POINTS, MESSAGES = 10_000, 4, 1_000
"""The fleet; points of one message; messages of one record."""
START = 1_780_000_000 * SECOND
Counterpart = Callable[[Path], AbstractContextManager[Mapping[str, Any]]]
"""Folder -> the configuration of a store that runs here. Raises FileNotFoundError when it cannot."""


@contextmanager
def _duckdb(folder: Path) -> Iterator[Mapping[str, Any]]:  # noqa: ARG001 - as Counterpart
    yield {"type": "duckdb"}


@contextmanager
def _postgres(folder: Path) -> Iterator[Mapping[str, Any]]:  # noqa: ARG001 - as Counterpart
    from simulators.postgres_server import PASSWORD, postgres

    with postgres() as server:
        yield {
            "type": "postgres",
            "port": server.port,
            "database": "postgres",
            "user": "postgres",
            "password": PASSWORD,
        }


@contextmanager
def _influx(folder: Path) -> Iterator[Mapping[str, Any]]:
    """A real VictoriaMetrics: an InfluxDB cannot be had here."""
    from simulators.servers import victoria_metrics

    with victoria_metrics(folder / "server") as server:
        url = f"http://127.0.0.1:{server.port}"
        yield {"type": "influx", "url": url, "org": "-", "bucket": "-", "server": "victoria_metrics"}


COUNTERPARTS: dict[str, Counterpart] = {"duckdb": _duckdb, "influx": _influx, "postgres": _postgres}
"""By the name of the adapter; a store that is not here has no counterpart, and no figure."""


class _Clock:
    """Implements Clock; stands still."""

    def now(self) -> int:
        """µs."""
        return START


def records(first: int) -> list[Record]:
    """One write of MOST_ROWS rows from sequence number `first` on: a message is a frame of one device with four
    points, the fleet in turn, a second a round."""
    found = []
    for seq in range(first, first + MOST_ROWS // (MESSAGES * POINTS)):
        message = np.arange((seq - 1) * MESSAGES, seq * MESSAGES, dtype=np.int64)
        at = np.repeat(START + message // DEVICES * SECOND + message % DEVICES, POINTS)
        rows = MESSAGES * POINTS
        batch = Batch(
            np.repeat((message % DEVICES + 1).astype(np.int32), POINTS),
            np.tile(np.arange(1, POINTS + 1, dtype=np.int32), MESSAGES),
            at,
            (np.arange(rows) % 977) / 7,
            np.full(rows, 2, np.uint8),
            np.zeros(rows, np.uint8),
            np.repeat(np.arange(MESSAGES, dtype=np.int32), POINTS),
            at[::POINTS] + 20 * MS,
        )
        found.append(Record(seq, int(at[-1]), batch))
    return found


def definitions() -> list[Record]:
    """The fleet and its points."""
    bodies: list[Define] = [DeviceDefined(number, "bench", f"d{number}", "bench") for number in range(1, DEVICES + 1)]
    bodies += [PointDefined("bench", Point(number, "bench", f"p{number}")) for number in range(1, POINTS + 1)]
    return [Record(0, START, body) for body in bodies]


def rows_per_second(name: str, config: Mapping[str, Any], folder: Path, seconds: float) -> float:
    """Rows/s of the calls of `write` alone, after a first one that makes tables. Raises RuntimeError when the store did
    not keep every row."""
    adapter, first, took, stored = SERIES[name], 1, 0.0, 0
    store = adapter.build(folder, adapter.config.model_validate(dict(config)), _Clock())
    with closing(store):
        store.learn(definitions)
        while took < seconds:
            made = records(first)
            begun = perf_counter()
            written = store.write(0, made)
            if first > 1:
                took += perf_counter() - begun
                stored += written.stored
            if written.stored != MOST_ROWS:
                raise RuntimeError(f"{name} stored {written.stored} of {MOST_ROWS} rows")
            first = made[-1].seq + 1
        if store.cursor(0) != first - 1:
            raise RuntimeError(f"{name} is at {store.cursor(0)}, not {first - 1}")
    return stored / took


def measure(seconds: float) -> dict[str, Any]:
    """{"NAME_rows_s": rows/s, or None for a store without a counterpart here}."""
    figures: dict[str, Any] = {}
    for name in SERIES:
        figures[f"{name}_rows_s"] = None
        if name not in COUNTERPARTS:
            continue
        with TemporaryDirectory() as scratch:
            try:
                with COUNTERPARTS[name](Path(scratch)) as config:
                    figures[f"{name}_rows_s"] = round(rows_per_second(name, config, Path(scratch), seconds))
            except FileNotFoundError:
                continue
    return figures
