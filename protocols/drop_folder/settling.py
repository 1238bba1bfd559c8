"""Which files are whole: those that have not changed for a while. Pure."""

from collections.abc import Mapping

from protocols.drop_folder.folder import Stamp


class Settling:
    """Remembers since when each file is as it is."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[Stamp, float]] = {}

    def ready(self, files: Mapping[str, Stamp], now: float, settle: float) -> list[str]:
        """Names in order of those unchanged for `settle` seconds; `now` in seconds of a clock that is never set."""
        since: dict[str, tuple[Stamp, float]] = {}
        for name, stamp in files.items():
            before = self._since.get(name)
            since[name] = before if before is not None and before[0] == stamp else (stamp, now)
        self._since = since
        return sorted(name for name, (_, first) in since.items() if now - first >= settle)
