"""Points that are kept for a shorter time than the rest: their rows are deleted, some thousand at a time."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import Batch
from sinks.series.newest_index import NewestIndex
from sinks.series.postgres.session import PostgresSession
from sinks.series.postgres.tables import moment

AT_ONCE = 50_000
_DELETE = """
DELETE FROM {s}.reading WHERE (device, point, at) IN (
    SELECT r.device, r.point, r.at FROM {s}.device_point k JOIN {s}.reading r
    ON r.device = k.device AND r.point = k.point AND r.at < {before}
    WHERE k.point = {point} LIMIT {most}) RETURNING 1
"""


class ShortRetentionTable:
    """Point -> the moment (µs) before which its readings are gone; it is in the table `short_retention`."""

    def __init__(self, session: PostgresSession, schema: str, newest: NewestIndex) -> None:
        self._session, self._schema, self._newest = session, schema, newest
        question = f"SELECT point, (extract(epoch FROM before) * 1000000)::bigint FROM {schema}.short_retention"
        with session.errors():
            self._wanted = {int(point): int(at) for point, at in session.run(question)}
        self._done: dict[int, int] = {}

    def is_kept(self, batch: Batch) -> NDArray[np.bool_]:
        """bool per row: False if it is too old for its point."""
        kept = np.ones(len(batch), np.bool_)
        for point, before in self._wanted.items():
            kept &= (batch.point != point) | (batch.at >= before)
        return kept

    def expire(self, moments: Mapping[int, int]) -> bool:
        """See `SeriesStore.expire`."""
        with self._session.errors():
            if moments != self._wanted:
                self._aim(moments)
            for point, before in moments.items():
                if self._done.get(point) == before:
                    continue
                text = _DELETE.format(s=self._schema, before=moment(before), point=int(point), most=AT_ONCE)
                if len(self._session.run(text)) < AT_ONCE:
                    self._done[point] = before
                return True
        return False

    def _aim(self, moments: Mapping[int, int]) -> None:
        with self._session.transaction():
            self._session.run(f"DELETE FROM {self._schema}.short_retention")
            for point, at in moments.items():
                self._session.run(f"INSERT INTO {self._schema}.short_retention VALUES (%s, {moment(at)})", [point])
        self._wanted = dict(moments)
        self._done = {point: at for point, at in self._done.items() if moments.get(point) == at}
        for point, at in moments.items():
            self._newest.drop(point, at)
