"""All readings of the server, for backtest, explain and export, in any process."""

from collections.abc import Sequence

from gateway.domain.duration import HOUR
from gateway.domain.reading import Batch
from sinks.series.postgres.config import PostgresConfig
from sinks.series.postgres.query import ReadingQueries
from sinks.series.postgres.session import PostgresSession

EVER = -(2**62)
LONGEST = 6 * HOUR
"""µs that counting all of a long history may take."""


class PostgresHistory:
    """A HistoryReader over a connection of its own. It creates no tables and locks out no other process."""

    def __init__(self, config: PostgresConfig) -> None:
        """Raises StoreError."""
        self._session = PostgresSession(config, LONGEST)
        self._queries = ReadingQueries(self._session, config.schema_name)

    def spans(self, start: int, end: int) -> list[tuple[int, int, int]]:
        """See `HistoryReader.spans`."""
        return self._queries.spans(start, end)

    def rows(self, start: int, end: int, devices: Sequence[int] | None, points: Sequence[int] | None) -> Batch:
        """See `HistoryReader.rows`."""
        return self._queries.rows(start, end, devices, points)

    def before(self, moment: int, devices: Sequence[int], points: Sequence[int]) -> Batch:
        """See `HistoryReader.before`."""
        return self._queries.before(moment, devices, EVER, points)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()
