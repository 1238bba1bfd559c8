"""What the intake tests stand on: a journal, a clock that is set by hand, a directory in memory."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.domain.device import Device, Point
from gateway.domain.reading import Batch, Reading, batch_of
from gateway.domain.record import Define, DeviceDefined, Parcel
from gateway.intake import Intake, IntakeConfig
from gateway.journal import JournalConfig, SqliteJournal

T0 = 1_790_000_000_000_000
JOURNAL = JournalConfig.model_validate({"linger": "0ms", "free_space_floor": "0B", "ballast": "0B"})


class HandClock:
    """Stands still until it is set."""

    def __init__(self, at: int = T0) -> None:
        self.at = at

    def now(self) -> int:
        return self.at


class Names:
    """A Directory that defines devices before their first reading."""

    version = 1

    def __init__(self) -> None:
        self.written: set[int] = set()
        self.requested = 0
        self.known: dict[int, Point] = {}
        self.limits: dict[int, Point] = {}

    def device(self, code: str) -> Device | None:
        return None

    def points(self, profile: str) -> Mapping[tuple[str, int], Point]:
        return {}

    def point_by_id(self, point: int) -> Point | None:
        return self.known.get(point)

    def device_limits(self) -> Mapping[int, Point]:
        return self.limits

    def state_code(self, point: int, text: str, device: int = 0) -> int | None:
        return None

    def pending(self, batch: Batch) -> Sequence[Define]:
        self.requested += 1
        return [DeviceDefined(d, "t", f"D{d}", "p") for d in sorted({*batch.device.tolist()} - self.written)]

    def journaled(self, defines: Sequence[Define]) -> None:
        self.written |= {d.id for d in defines if isinstance(d, DeviceDefined)}


def parcel(device: int, rows: int = 2, *, at: int = T0, source: str = "broker", **rest: Any) -> Parcel:
    """One message with `rows` readings of one device."""
    frame = [Reading(device, point, at, float(point), received=T0) for point in range(rows)]
    return Parcel(source, batch_of([frame] if rows else []), messages=rest.pop("messages", 1), **rest)


class Rig:
    """A journal with an intake in front."""

    def __init__(self, folder: Path, *, journal: JournalConfig = JOURNAL, **config: str) -> None:
        self.clock, self.names = HandClock(), Names()
        self.journal = SqliteJournal(folder / "j.db", journal, partition=0)
        self.intake = Intake(self.journal, self.names, self.clock, IntakeConfig.model_validate(config), partition=0)

    def bodies(self) -> list[Any]:
        """All there is in the journal."""
        return [record.body for record in self.journal.read(0, 0, 10_000)]

    def close(self) -> None:
        self.journal.close()
