"""A reading that its neighbours make implausible is stored so, and the same file again changes nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from gateway.domain.device import Device, Plausible, Point
from gateway.domain.duration import SECOND
from gateway.domain.plausible.plausibility import Plausibility
from gateway.domain.reading import Batch, Flag, Quality
from gateway.domain.record import Define, Record
from gateway.import_service.deduplicate import outcome
from gateway.import_service.session import ImportSession
from gateway.import_service.wire import Chunk
from sinks.series.duckdb.config import DuckDbConfig
from sinks.series.duckdb.store import DuckDbStore

NOW = 1_780_000_000 * SECOND


class Now:
    def now(self) -> int:
        return NOW


class Names:
    """One meter with one point."""

    version = 1
    point = Point(1, "meter", "flow", plausible=Plausible(min=0.0, max=50.0, max_rate=1.0))

    def device(self, code: str) -> Device | None:
        return Device(1, code, "meter", "gas_meter")

    def points(self, profile: str) -> Mapping[tuple[str, int], Point]:
        return {("flow", 0): self.point}

    def point_by_id(self, point: int) -> Point | None:
        return self.point

    def device_limits(self) -> Mapping[int, Point]:
        return {}

    def state_code(self, point: int, text: str, device: int = 0) -> int | None:
        return None

    def pending(self, batch: Batch) -> Sequence[Define]:
        return ()

    def journaled(self, defines: Sequence[Define]) -> None:
        pass


def _import(store: DuckDbStore, seq: int, values: list[float], quality: list[int]) -> dict[str, int]:
    names, session = Names(), ImportSession("i", "f.csv", "me", NOW)
    count = len(values)
    moments = [NOW - (count - n) * SECOND for n in range(count)]
    session.add(Chunk(0, ["M-1"], [("flow", 0)], [0] * count, [0] * count, moments, [*values], quality), names)
    part = session.cut(whole=True)
    assert part is not None
    made = outcome(part, store, {}, NOW, np.zeros(len(part.at), np.int64))
    if len(made.batch):
        store.write(0, [Record(seq, NOW, Plausibility(names).judge(made.batch).batch)])
    return made.counts


def test_the_same_file_again_changes_nothing(tmp_path: Path) -> None:
    store = DuckDbStore(tmp_path / "series", DuckDbConfig.model_validate({"retention": "10d"}), Now())
    values = [10.0, 10.5, 40.0, 11.0, 99.0, 11.0]
    assert _import(store, 1, values, [])["imported"] == len(values)
    stored = store.range(1, 1, 0, NOW)
    implausible = (stored.flags & Flag.IMPLAUSIBLE) != 0
    assert np.flatnonzero(implausible).tolist() == [2, 4], "too fast, out of bounds"
    assert stored.quality[implausible].tolist() == [Quality.UNCERTAIN] * 2
    assert stored.value.tolist() == values
    again = _import(store, 2, values, [])
    assert (again["imported"], again["duplicates"], again["replaced"]) == (0, len(values), 0)
    store.close()


@pytest.mark.parametrize(("quality", "same"), [(Quality.GOOD, False), (Quality.UNCERTAIN, True)])
def test_what_came_as_uncertain_is_not_the_same_as_good(tmp_path: Path, quality: Quality, same: bool) -> None:
    store = DuckDbStore(tmp_path / "series", DuckDbConfig.model_validate({"retention": "10d"}), Now())
    _import(store, 1, [10.0], [int(Quality.UNCERTAIN)])
    assert not store.range(1, 1, 0, NOW).flags[0] & Flag.IMPLAUSIBLE, "within the bounds"
    counts = _import(store, 2, [10.0], [int(quality)])
    assert counts["replaced"] == (0 if same else 1)
    store.close()
