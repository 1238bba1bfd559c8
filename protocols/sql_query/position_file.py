"""The position of a source on disk: a small file that is written after the journal has the rows."""

import json
from dataclasses import dataclass
from pathlib import Path

import structlog

from gateway.durable import replace_synced
from protocols.sql_query.position import ReadPosition, as_stored, from_stored

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StoredProgress:
    """`done`: µs of the last run that read everything, 0 = none did."""

    position: ReadPosition
    done: int = 0


class PositionFile:
    """Blocking. `column`: the cursor; the position of another one is not used."""

    def __init__(self, file: Path, column: str | None) -> None:
        self._file, self._column = file, column or ""

    def load(self) -> StoredProgress:
        """What was saved last; from the start when there is nothing, or nothing that can be read: rows that are read
        again become the same readings."""
        try:
            found = json.loads(self._file.read_text("utf-8"))
            if found["position"]["column"] != self._column:
                log.info("another cursor column: the query is read from its start", file=str(self._file))
                return StoredProgress(ReadPosition())
            return StoredProgress(from_stored(found["position"]), int(found["done"]))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, ArithmeticError) as error:
            log.warning("the position of a query cannot be read", file=str(self._file), error=str(error))
        return StoredProgress(ReadPosition())

    def save(self, progress: StoredProgress) -> None:
        """Raises OSError."""
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        value = {"position": as_stored(progress.position, self._column), "done": progress.done}
        replace_synced(self._file, value)
