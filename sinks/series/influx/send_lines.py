"""Lines to the server, in requests of a size it takes; a line it will never take is found by halving."""

from collections.abc import Sequence
from typing import Final

import structlog

from gateway.domain.errors import StoreUnavailable
from sinks.series.influx.connection import SLOW, InfluxConnection, LinesRefused

log = structlog.get_logger()
MOST_BAD: Final = 200
"""Bad lines of one write: more of them are a wrong setting, not bad readings."""


class LineSender:
    """`rows` of one request at most; less when the server finds that too large, and for a while when it is too slow."""

    def __init__(self, connection: InfluxConnection, rows: int) -> None:
        self._connection, self._limit, self._most = connection, rows, rows

    def send(self, lines: Sequence[bytes]) -> dict[int, str]:
        """All are stored but these: index -> why. Raises StoreUnavailable: some may be stored, all can be sent
        again."""
        refused: dict[int, str] = {}
        self._parts(lines, 0, len(lines), refused)
        return refused

    def _parts(self, lines: Sequence[bytes], first: int, end: int, refused: dict[int, str]) -> None:
        while first < end:
            stop = min(end, first + self._most)
            self._part(lines, first, stop, refused)
            first = stop

    def _part(self, lines: Sequence[bytes], first: int, end: int, refused: dict[int, str]) -> None:
        try:
            self._connection.write(lines[first:end])
            self._most = min(self._limit, self._most + self._most // 8 + 1)
        except LinesRefused as error:
            self._refused(error, lines, first, end, refused)
        except StoreUnavailable as error:
            if error.key == SLOW:  # the same request would be as slow again
                self._most = max(1, min(self._most, end - first) // 2)
            raise

    def _refused(
        self, error: LinesRefused, lines: Sequence[bytes], first: int, end: int, refused: dict[int, str]
    ) -> None:
        if end - first == 1:
            refused[first] = str(error)
            if len(refused) > MOST_BAD:
                log.warning("a store refuses nearly everything", detail=str(error))
                raise StoreUnavailable.of("store.why.refuses", count=MOST_BAD) from error
        elif error.too_large:
            self._limit = self._most = (end - first) // 2
            self._parts(lines, first, end, refused)
        else:
            middle = (first + end) // 2
            self._part(lines, first, middle, refused)
            self._part(lines, middle, end, refused)
