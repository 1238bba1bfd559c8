"""All stored readings in great pieces, for backtest and explain: every process may ask the server."""

from collections.abc import Mapping, Sequence

import numpy as np

from gateway.domain.reading import Batch
from gateway.domain.regroup import in_order
from sinks.series.influx.connection import InfluxConnection
from sinks.series.influx.reader import EARLIEST, LATEST, InfluxReader
from sinks.series.pieces import pieces


class InfluxHistory:
    """A HistoryReader of the server at `place`."""

    def __init__(self, place: Mapping[str, str]) -> None:
        """Connects to nobody."""
        self._connection = InfluxConnection(place)
        self._reader = InfluxReader(self._connection, place["measurement"])

    def spans(self, start: int, end: int) -> list[tuple[int, int, int]]:
        """See `HistoryReader.spans`."""
        return pieces(self._reader.counts, max(start, EARLIEST), min(end, LATEST))

    def rows(self, start: int, end: int, devices: Sequence[int] | None, points: Sequence[int] | None) -> Batch:
        """See `HistoryReader.rows`."""
        return in_order(self._reader.rows(start, end, devices, points))

    def before(self, moment: int, devices: Sequence[int], points: Sequence[int]) -> Batch:
        """See `HistoryReader.before`."""
        found = self._reader.before(EARLIEST, moment, devices, points)
        return in_order(found.select(np.isin(found.point, np.array(points, np.int32))))

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()
