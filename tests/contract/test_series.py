"""What the ports `SeriesStore` and `HistoryReader` promise, of every registered store."""

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread

import pytest
from contract.harness import SeriesPeer, peer_of
from msgspec import structs
from store_contract import NOW, Open, StoreContract, at, record

from gateway.adapter_ports import HistoryReader, RecoveryReport, SeriesAdapter
from gateway.adapters import SERIES
from gateway.domain.correction import Correction, CorrectionKind
from gateway.domain.duration import DAY, SECOND
from gateway.domain.errors import StoreError
from gateway.domain.reading import Batch, Flag, Quality, encode_batch
from gateway.domain.record import Record
from gateway.ports import HeldReadings, SeriesStore

RETENTION = "10d"
ENV = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


class HandClock:
    """Stands where it is put."""

    time = NOW

    def now(self) -> int:
        return self.time


@pytest.fixture(params=SERIES)
def adapter(request: pytest.FixtureRequest) -> SeriesAdapter:  # type: ignore[type-arg]
    found: SeriesAdapter = SERIES[request.param]  # type: ignore[type-arg]
    return found


@pytest.fixture
async def peer(adapter: SeriesAdapter, tmp_path: Path) -> AsyncIterator[SeriesPeer]:  # type: ignore[type-arg]
    async with peer_of(adapter.name)(tmp_path) as found:
        yield found


@pytest.fixture
def reopen(adapter: SeriesAdapter, peer: SeriesPeer) -> Iterator[Open]:  # type: ignore[type-arg]
    opened: list[SeriesStore] = []
    config = adapter.config.model_validate({**peer.config, "retention": RETENTION})

    def again() -> SeriesStore:
        opened.append(adapter.build(peer.data_dir, config, HandClock()))
        return opened[-1]

    yield again
    if opened:
        opened[-1].close()


@pytest.fixture
def store(reopen: Open) -> SeriesStore:
    return reopen()


class TestStore(StoreContract):
    """The contract of the store."""


def history_of(adapter: SeriesAdapter, peer: SeriesPeer, held: HeldReadings | None = None) -> HistoryReader:  # type: ignore[type-arg]
    config = adapter.config.model_validate({**peer.config, "retention": RETENTION})
    found: HistoryReader = adapter.open_history(
        adapter.place(peer.data_dir, config), None if held is None else lambda: held
    )
    return found


def rows(batch: Batch) -> list[tuple[int, int, int, float]]:
    """(device, point, s after NOW, value) in the order they came, points of a frame by their ids."""
    found = [batch.frame, batch.device, batch.point, (batch.at - NOW) // SECOND, batch.value]
    whole = sorted(zip(*(column.tolist() for column in found), strict=True), key=lambda row: (row[0], row[2]))
    return [row[1:] for row in whole]


def test_history_is_in_order_framed_and_each_once(adapter: SeriesAdapter, peer: SeriesPeer, reopen: Open) -> None:  # type: ignore[type-arg]
    store = reopen()
    store.write(0, [record(1, at(9, 1.0), at(3, 2.0, device=2), at(3, 3.0, device=2, point=2), at(-5e5, 4.0))])
    store.write(0, [record(2, at(9, 7.0), at(3, 2.0, device=2))])  # another value, and the same again
    store.close()
    with closing(history_of(adapter, peer)) as history:
        whole = history.rows(NOW - 9 * DAY, NOW + DAY, None, None)
        assert rows(whole) == [(1, 1, -500_000, 4.0), (2, 1, 3, 2.0), (2, 2, 3, 3.0), (1, 1, 9, 7.0)]
        assert whole.frame.tolist() == [0, 1, 1, 2]
        assert rows(history.rows(NOW, NOW + 9 * SECOND, [2], [2])) == [(2, 2, 3, 3.0)], "the end is outside"
        assert rows(history.rows(NOW, NOW + DAY, [], None)) == []
        assert rows(history.before(NOW + 9 * SECOND, [1, 2], [1])) == [(1, 1, -500_000, 4.0), (2, 1, 3, 2.0)]
        spans = history.spans(NOW - 9 * DAY, NOW + DAY)
        assert all(first[1] <= second[0] for first, second in pairwise(spans))
        assert sum(len(history.rows(start, end, None, None)) for start, end, _ in spans) == len(whole)
        assert history.spans(NOW + DAY, NOW + 2 * DAY) == []


def test_corrections_replace_what_was_stored_and_can_be_taken_back(
    adapter: SeriesAdapter,  # type: ignore[type-arg]
    peer: SeriesPeer,
    reopen: Open,
) -> None:
    """A value, no data, a whole time in another unit; then the originals once more."""
    store, ids = reopen(), [at(second, 10.0 * second) for second in range(1, 5)]
    store.write(0, [record(1, *ids)])
    before = store.range(1, 1, NOW, NOW + DAY)
    batch = record(1, *ids).body
    assert isinstance(batch, Batch)

    def made(kind: CorrectionKind, **more: float) -> Correction:
        how = Correction("c", 1, 1, NOW, NOW + DAY, kind, "", "", NOW + 9 * SECOND, 4, **more)  # type: ignore[arg-type]
        return structs.replace(how, originals=encode_batch(batch))

    seq, steps = (
        1,
        [
            (made(CorrectionKind.VALUE, value=7.0).after(), [7.0] * 4, Quality.GOOD),
            (made(CorrectionKind.BAD).after(), [math.nan] * 4, Quality.BAD),
            (made(CorrectionKind.SCALE, factor=0.5, offset=1.0).after(), [6.0, 11.0, 16.0, 21.0], Quality.GOOD),
            (made(CorrectionKind.SCALE).restored(NOW + 9 * SECOND), before.value.tolist(), Quality.GOOD),
        ],
    )
    for after, values, quality in steps:
        seq += 1
        assert store.write(0, [Record(seq, NOW, after)]).conflict == 4
        found = store.range(1, 1, NOW, NOW + DAY)
        assert found.value.tolist() == pytest.approx(values, nan_ok=True)
        assert set(found.quality.tolist()) == {int(quality)}
        assert bool((found.flags & Flag.CORRECTED).all()) is (after is not steps[-1][0])
    store.close()
    with closing(history_of(adapter, peer)) as history:
        assert [value for *_, value in rows(history.rows(NOW, NOW + DAY, None, None))] == [10.0, 20.0, 30.0, 40.0]


READER = """
import json, sys
from gateway.adapters import SERIES
from gateway.domain.reading import Batch, decode_batch, empty_batch
name, place, held, start, end = json.loads(sys.stdin.readline())

class Held:
    def rows(self, *_):
        return decode_batch(bytes.fromhex(held))
    def before(self, *_):
        return empty_batch()
    def counts(self, start, end, width):
        import numpy as np
        return np.zeros(-((start - end) // width), np.int64)

history = SERIES[name].open_history(place, Held if held is not None else None)
print(json.dumps(history.rows(start, end, None, None).value.tolist()))
history.close()
"""


def test_another_process_reads_beside_the_one_that_writes(
    adapter: SeriesAdapter,  # type: ignore[type-arg]
    peer: SeriesPeer,
    store: SeriesStore,
) -> None:
    """What it cannot read itself the writer holds for it."""
    store.write(0, [record(1, at(0, 1.0), at(1, 2.0)), record(2, at(2, 3.0))])
    held = store.held()
    start, end = NOW - DAY, NOW + DAY
    blob = None if held is None else encode_batch(held.rows(start, end, None, None)).hex()
    config = adapter.config.model_validate({**peer.config, "retention": RETENTION})
    requested = json.dumps([adapter.name, adapter.place(peer.data_dir, config), blob, start, end])
    found = subprocess.run([sys.executable, "-c", READER], input=requested, capture_output=True, text=True, env=ENV)
    assert found.stdout.strip() == "[1.0, 2.0, 3.0]", found.stderr
    if held is not None:
        assert int(held.counts(start, end, DAY).sum()) == 3
        assert len(held.before(NOW + 2 * SECOND, [1])) == 1
    store.write(0, [record(3, at(3, 4.0))])
    assert store.cursor(0) == 3


WRITER = """
import json, sys
from pathlib import Path
from store_contract import NOW, at, record
from gateway.adapters import SERIES

class Clock:
    def now(self):
        return NOW

name, folder, config = json.loads(sys.stdin.readline())
adapter = SERIES[name]
store = adapter.build(Path(folder), adapter.config.model_validate(config), Clock())
for seq in range(store.cursor(0) + 1, 10**6):
    store.write(0, [record(seq, at(seq, float(seq)), at(-3e5 + seq, float(seq), device=2))])
    print(seq, flush=True)
"""


def test_a_killed_writer_leaves_rows_and_cursor_together(
    adapter: SeriesAdapter,  # type: ignore[type-arg]
    peer: SeriesPeer,
    reopen: Open,
) -> None:
    requested = json.dumps([adapter.name, str(peer.data_dir), {**peer.config, "retention": RETENTION}]) + "\n"
    done = 0
    for writes in (1, 7, 30):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENV
        ) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(requested)
            child.stdin.flush()
            for _ in range(writes):
                done = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
            done = max([done, *(int(line) for line in child.stdout if line.endswith("\n"))])
    store = reopen()
    cursor = store.cursor(0)
    assert cursor >= done
    for device, start in ((1, NOW), (2, NOW - 300_000 * SECOND)):
        assert store.range(device, 1, start, start + DAY).value.tolist() == [float(i) for i in range(1, cursor + 1)]


@pytest.mark.parametrize("adapter", [name for name, one in SERIES.items() if one.files], indirect=True)
def test_its_files_can_be_copied_inspected_and_rewound(
    adapter: SeriesAdapter,  # type: ignore[type-arg]
    peer: SeriesPeer,
    reopen: Open,
    tmp_path: Path,
) -> None:
    """Without the store being open, and so that it opens again with all that it had."""
    assert adapter.files is not None
    store = reopen()
    store.write(0, [record(1, at(0, 1.0), at(-5e5, 4.0)), record(2, at(1, 2.0)), record(3, at(2, 3.0))])
    store.close()
    files = adapter.files(peer.data_dir)
    assert list(files.inspect()) == []
    assert (files.cursor(0), files.cursor(1)) == (3, 0)
    report = RecoveryReport()
    assert not files.repair(report, missed=False)
    assert report == RecoveryReport(), "what is whole stays as it is"

    (tmp_path / "copy").mkdir()
    files.copy(tmp_path / "copy")
    config = adapter.config.model_validate({**peer.config, "retention": RETENTION})
    with closing(adapter.build(tmp_path / "copy", config, HandClock())) as copied:
        assert copied.cursor(0) == 3
        assert copied.range(1, 1, NOW - 9 * DAY, NOW + DAY).value.tolist() == [4.0, 1.0, 2.0, 3.0]

    files.rewind(0, 1)
    assert files.cursor(0) == 1
    store = reopen()
    again = store.write(0, [record(2, at(1, 2.0)), record(3, at(2, 3.0), at(3, 5.0))])
    assert (again.stored, again.duplicate) == (1, 2)


def test_files_that_are_gone_are_missed(adapter: SeriesAdapter, tmp_path: Path) -> None:  # type: ignore[type-arg]
    if adapter.files is None:
        return
    files, report = adapter.files(tmp_path), RecoveryReport()
    assert files.cursor(0) == 0
    assert files.repair(report, missed=True)
    assert report.losses


def some(count: int, first: int = 1) -> list[Record]:
    """Two devices, a late row and a changed value in each."""
    return [
        record(seq, at(seq, float(seq)), at(seq - 1, -float(seq), device=2), at(-3e5 + seq, float(seq), device=2))
        for seq in range(first, first + count)
    ]


def contents(store: SeriesStore) -> list[tuple[object, ...]]:
    """Every reading, without what tells when it was stored."""
    found = [one for batch in store.scan(NOW - 9 * DAY, NOW + DAY) for one in batch.readings()]
    return sorted((one.device, one.point, one.at, one.value, one.quality, one.flags, one.received) for one in found)


def test_a_replay_gives_the_same_rows(peer: SeriesPeer, reopen: Open) -> None:
    if peer.forget is None:
        pytest.skip("the cursor moves with the rows")
    store = reopen()
    records = [*some(5), record(6, at(2, 9.0), at(9, math.nan, quality=Quality.BAD)), record(7, at(9, 1.0))]
    store.write(0, records)
    before = contents(store)
    assert len(before) == 16
    store.close()
    peer.forget()
    again = reopen()
    assert again.cursor(0) == 0
    again.write(0, records[:3])
    again.write(0, records[3:])
    assert contents(again) == before
    assert again.cursor(0) == 7


def test_while_it_is_away_writes_fail_and_nothing_is_lost(peer: SeriesPeer, store: SeriesStore) -> None:
    if peer.stop is None or peer.start is None:
        pytest.skip("no server")
    store.write(0, some(3))
    peer.stop()
    for _ in range(2):
        with pytest.raises(StoreError):
            store.write(0, some(2, 4))
    assert store.secured(0) == store.cursor(0) == 3
    peer.start()
    store.write(0, some(2, 4))
    assert store.range(1, 1, NOW, NOW + DAY).value.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_server_started_anew_in_the_middle_of_writes(peer: SeriesPeer, store: SeriesStore) -> None:
    if peer.stop is None or peer.start is None:
        pytest.skip("no server")
    records, failures = some(60), 0
    done = Event()

    def write() -> None:
        nonlocal failures
        while store.cursor(0) < len(records):
            try:
                store.write(0, records[store.cursor(0) :][:3])
            except StoreError:
                failures += 1
                done.wait(0.01)

    writer = Thread(target=write)
    writer.start()
    for seq in (5, 20):
        while store.cursor(0) < seq and writer.is_alive():
            done.wait(0.005)
        peer.stop()
        before = failures
        while failures == before and writer.is_alive():
            done.wait(0.005)
        peer.start()
    writer.join(60)
    assert not writer.is_alive()
    assert store.range(1, 1, NOW, NOW + DAY).value.tolist() == [float(seq) for seq in range(1, 61)]
    assert failures >= 2
