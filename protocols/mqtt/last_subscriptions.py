"""The filters last subscribed in our session, in a small file: so filters edited while the gateway was down are found.

The broker keeps the subscriptions of a session and has no request that lists them.
"""

import json
from collections.abc import Collection
from pathlib import Path

import structlog

from gateway.durable import replace_synced

log = structlog.get_logger()


class LastSubscriptions:
    """`file` None: nothing is remembered. `session` names broker and client. Blocking."""

    def __init__(self, file: Path | None, session: str) -> None:
        self._file, self._session = file, session

    def before(self) -> frozenset[str]:
        """Filters the session may have; empty for another session, and when there is nothing to read."""
        if self._file is None:
            return frozenset()
        try:
            found = json.loads(self._file.read_text("utf-8"))
            return frozenset(map(str, found["filters"])) if found["session"] == self._session else frozenset()
        except FileNotFoundError:
            return frozenset()
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("subscriptions of the last start not known", file=str(self._file), error=str(error))
            return frozenset()

    def remember(self, filters: Collection[str]) -> None:
        """These may be there from now on."""
        if self._file is None or self.before() == frozenset(filters):
            return
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_synced(self._file, {"session": self._session, "filters": sorted(filters)})
        except OSError as error:
            log.warning("subscriptions not remembered", file=str(self._file), error=str(error))
