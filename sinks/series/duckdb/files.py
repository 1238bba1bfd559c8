"""The files of the store in a data folder (`gateway.adapter_ports.SeriesFiles`), without the store."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gateway.adapter_ports import LOCKED, MISSING, RecoveryReport
from gateway.domain.error_reasons import library_text
from gateway.domain.errors import StoreError, StoreUnavailable
from gateway.durable import copy_plain, move_aside, replace_synced
from sinks.series.duckdb import repair
from sinks.series.duckdb.copy_segment import copy_segment
from sinks.series.duckdb.segment import NAMES


class SegmentFiles:
    """Of the data folder `data`."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "series"

    def copy(self, target: Path) -> None:
        """As SeriesFiles. Live files before late ones: the live file's cursor counts, and a late file may be ahead of
        it, never behind."""
        copy = target / "series"
        copy.mkdir(mode=0o700)
        kept = []
        for path in sorted(self._folder.glob("*.duckdb"), key=_late_last):
            with suppress(FileNotFoundError):  # retention deletes whole files
                copy_segment(path, copy / path.name)
                kept.append(path.stem)
        for path in self._folder.glob("*.json"):
            if path.name != NAMES:
                copy_plain(path, copy / path.name)
        replace_synced(copy / NAMES, {"segments": sorted(kept)})

    def inspect(self) -> Iterator[tuple[Path, str]]:
        """As SeriesFiles."""
        for name in repair.listed(self._folder):
            yield self._folder / f"{name}.duckdb", MISSING
        for path in sorted(self._folder.glob("*.duckdb")):
            if what := repair.damage(path):
                yield path, what

    def repair(self, report: RecoveryReport, *, missed: bool) -> bool:
        """As SeriesFiles."""
        folder = self._folder
        folder.mkdir(exist_ok=True)
        replay = missed and not (folder / NAMES).exists()
        if replay:
            report.add_loss("recover.segment.missing", path=folder)
        repair.finish(folder)
        for name in self._listed(report):
            report.add_loss("recover.segment.missing", path=folder / f"{name}.duckdb")
            replay = True
        for path in sorted(folder.glob("*.duckdb")):
            if what := repair.damage(path):
                if what == LOCKED:
                    raise StoreUnavailable.of("store.segment.locked", path=path, what="-")
                aside, kept, gone = repair.replace(path)
                found, lost = library_text(what), "?" if gone < 0 else str(gone)
                report.add_loss("recover.segment.damaged", path=path, what=found, aside=aside, kept=kept, lost=lost)
                replay = True
        return replay or not (folder / NAMES).exists()

    def _listed(self, report: RecoveryReport) -> list[str]:
        try:
            return repair.listed(self._folder)
        except StoreError as error:
            report.add("recover.marker", aside=move_aside(self._folder / NAMES), error=error)
            return []

    def cursor(self, partition: int) -> int:
        """As SeriesFiles."""
        return repair.cursor(self._folder, partition)

    def rewind(self, partition: int, seq: int) -> None:
        """As SeriesFiles."""
        repair.rewind(self._folder, partition, seq)


def _late_last(path: Path) -> tuple[bool, str]:
    return path.stem.startswith("late"), path.stem
