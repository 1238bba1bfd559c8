"""How far the server has the readings: a small file on this machine, so that a start needs no server."""

import json
from collections.abc import Mapping
from pathlib import Path

from gateway.domain.errors import StoreError, StoreFull
from gateway.durable import replace_synced


class StoreState:
    """The file `NAME.json`. `place` names server and bucket: a file of another place counts as none."""

    def __init__(self, path: Path, place: str) -> None:
        """Raises StoreError when the file cannot be read."""
        self._path, self._place = path, place
        self.cursors: dict[int, int] = {}
        self.moments: dict[int, int] = {}
        """Point -> µs: its older readings are deleted, and none are taken."""
        try:
            found = json.loads(path.read_text("utf-8"))
            if found["place"] == place:
                self.cursors = {int(key): int(seq) for key, seq in found["cursors"].items()}
                self.moments = {int(key): int(at) for key, at in found["moments"].items()}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError.of("store.marker", path=path, error=error) from error

    def move(self, partition: int, seq: int) -> None:
        """Everything up to `seq` is stored. Raises StoreFull."""
        if self.cursors.get(partition) != seq:
            self._save({**self.cursors, partition: seq}, self.moments)

    def aim(self, moments: Mapping[int, int]) -> None:
        """See `SeriesStore.expire`. Raises StoreFull."""
        if self.moments != moments:
            self._save(self.cursors, dict(moments))

    def _save(self, cursors: dict[int, int], moments: dict[int, int]) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_synced(self._path, {"place": self._place, "cursors": cursors, "moments": moments})
        except OSError as error:
            raise StoreFull(f"{self._path}: {error}") from error
        self.cursors, self.moments = cursors, moments
