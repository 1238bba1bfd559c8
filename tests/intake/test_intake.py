"""emit: durable when it returns, merged, balanced; facts; what happens when the journal refuses."""

import asyncio
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intake_parts import JOURNAL, T0, Rig, parcel

from gateway.domain.device import Site
from gateway.domain.errors import InvariantBroken, StoreFull, StoreUnavailable
from gateway.domain.reading import Batch, Flag, Quality
from gateway.domain.record import Closed, DeviceDefined, Parcel, Raw, Receipts, SiteSet, Tick
from gateway.intake import Balance
from gateway.ports import Append


async def test_definitions_stand_before_their_batch_and_once(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    await rig.intake.emit(parcel(7))
    await rig.intake.emit(parcel(7))
    await rig.intake.emit(parcel(8))
    kinds = [type(body) for body in rig.bodies()]
    assert kinds == [DeviceDefined, Batch, Batch, DeviceDefined, Batch]
    assert rig.names.written == {7, 8}
    rig.close()


async def test_parcels_that_arrive_together_become_one_batch(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    parcels = [parcel(n, 3, receipts=Receipts("s", [n + 1], [n * 11])) for n in range(40)]
    await asyncio.gather(*(rig.intake.emit(p) for p in parcels))
    (batch,) = [body for body in rig.bodies() if isinstance(body, Batch)]
    assert batch.device.tolist() == [n for n in range(40) for _ in range(3)]
    assert batch.frame.tolist() == [n for n in range(40) for _ in range(3)]
    assert rig.names.requested == 1
    assert rig.intake.balance() == Balance(received=40, journaled=40, decoded=120, readings_journaled=120)
    assert all(rig.journal.claim("s", n + 1, n * 11) for n in range(40))
    assert not rig.journal.claim("s", 1, 0)
    rig.close()


async def test_a_batch_record_has_a_bound(tmp_path: Path) -> None:
    rig = Rig(tmp_path, linger="0ms")
    await asyncio.gather(*(rig.intake.emit(_block(n, 30_000)) for n in range(5)))
    assert [len(body) for body in rig.bodies() if isinstance(body, Batch)] == [60_000, 60_000, 30_000]
    rig.close()


def _block(device: int, rows: int) -> Parcel:
    n = np.arange(rows, dtype=np.int64)
    one = np.ones(rows, np.int32)
    batch = Batch(
        one * device,
        n.astype(np.int32),
        T0 + n % 2,
        n / 3,
        np.full(rows, 2, np.uint8),
        np.zeros(rows, np.uint8),
        one * 0,
        np.array([T0]),
    )
    return Parcel("bulk", batch, messages=1)


async def test_an_empty_parcel_is_fine(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    await rig.intake.emit(parcel(1, 0, messages=0))
    await rig.intake.emit(parcel(1, 0, messages=3, duplicates=2, receipts=Receipts("s", [1], [2])))
    assert rig.bodies() == []
    assert rig.journal.claim("s", 1, 2), "receipts are kept also without readings"
    assert rig.intake.balance() == Balance(received=3, journaled=1, duplicate=2)
    rig.close()


async def test_rejected_messages_are_kept_bounded(tmp_path: Path) -> None:
    rig = Rig(tmp_path, raw_payload="10B")
    raws = (Raw("broker", "t", "bad_json", b"0123456789", T0), Raw("broker", "t", "bad_json", b"x" * 99, T0, "line 1"))
    await rig.intake.emit(parcel(1, 1, messages=3, rejected=raws))
    short, cut = rig.bodies()[-2:]
    assert short == raws[0]
    assert (cut.payload, cut.detail) == (b"x" * 10, "line 1; 10 of 99 bytes kept")
    assert rig.intake.balance("broker").rejected == 2
    assert rig.intake.balance("nobody") == Balance()
    rig.close()


async def test_wrong_clocks_are_counted_per_source(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    good, ahead, old = parcel(1), parcel(2, at=T0 + 301_000_000, source="b"), parcel(3, at=5, source="b")
    await asyncio.gather(*(rig.intake.emit(p) for p in (good, ahead, old)))
    (batch,) = [body for body in rig.bodies() if isinstance(body, Batch)]
    assert set(batch.at.tolist()) == {T0}
    assert batch.flags.tolist() == [0, 0] + [Flag.CLAMPED] * 4
    assert batch.quality.tolist() == [Quality.GOOD] * 2 + [Quality.UNCERTAIN] * 4
    assert (rig.intake.balance("broker").clamped, rig.intake.balance("b").clamped) == (0, 4)
    assert rig.intake.sources() == ["b", "broker"]
    rig.close()


async def test_a_clock_behind_the_journal_is_suspect(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    await rig.intake.append(Append((Tick(T0),)))
    rig.clock.at = T0 - 1
    await rig.intake.emit(parcel(1))
    rig.clock.at = T0
    await rig.intake.emit(parcel(1))
    flags = [set(body.flags.tolist()) for body in rig.bodies() if isinstance(body, Batch)]
    assert flags == [{Flag.CLOCK_SUSPECT}, {0}]
    assert rig.intake.balance().suspect == 2
    rig.close()
    again = Rig(tmp_path)
    again.clock.at = T0 - 1
    await again.intake.emit(parcel(1))
    assert set(again.bodies()[-1].flags.tolist()) == {Flag.CLOCK_SUSPECT}, "also after a restart"
    again.close()


async def test_facts_get_numbers_and_an_actor(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    assert await rig.intake.fact(SiteSet(Site("S1")), "ann") == 1
    facts = [Closed("r", 1, 0, "WO-1"), Closed("r", 1, 0, "WO-2", actor="bob")]
    assert await rig.intake.facts(facts, "ann") == [2, 3]
    assert [body.actor for body in rig.bodies()[1:]] == ["ann", "bob"]
    assert await rig.intake.facts([]) == []
    rig.close()


def _broken(kind: str) -> Parcel:
    whole = parcel(1, 3)
    batch = whole.batch
    return {
        "short column": dataclasses.replace(whole, batch=dataclasses.replace(batch, value=batch.value[:2])),
        "no receive time": dataclasses.replace(whole, batch=dataclasses.replace(batch, frame=batch.frame + 1)),
        "frames out of order": dataclasses.replace(
            whole, batch=dataclasses.replace(batch, frame=np.array([1, 0, 1], np.int32), received=np.array([1, 2]))
        ),
        "too many duplicates": dataclasses.replace(whole, duplicates=2),
        "receipts": dataclasses.replace(whole, receipts=Receipts("s", [1, 2], [1])),
    }[kind]


@pytest.mark.parametrize(
    "kind", ["short column", "no receive time", "frames out of order", "too many duplicates", "receipts"]
)
async def test_a_broken_parcel_is_never_journaled(tmp_path: Path, kind: str) -> None:
    rig = Rig(tmp_path)
    with pytest.raises(InvariantBroken, match="source broker"):
        await rig.intake.emit(_broken(kind))
    assert rig.bodies() == []
    assert rig.intake.balance() == Balance()
    rig.close()


TINY = JOURNAL.model_copy(update={"max_bytes": 4 * 1024 * 1024})


async def test_a_full_journal_holds_the_source_until_there_is_room(tmp_path: Path) -> None:
    rig = Rig(tmp_path, journal=TINY, linger="0ms", full_wait="60s")
    waiting: asyncio.Task[None] | None = None
    for n in range(200):
        waiting = asyncio.create_task(rig.intake.emit(_block(n, 5000)))
        await asyncio.wait([waiting], timeout=0.2)
        if not waiting.done():
            break
    assert waiting is not None
    assert not waiting.done()
    balance = rig.intake.balance()
    assert (balance.in_flight, balance.readings_in_flight) == (1, 5000)
    assert await rig.intake.fact(SiteSet(Site("S1"))) > 0, "facts pass"
    rig.journal.release(0, rig.journal.head(0))
    await asyncio.wait_for(waiting, 10)
    assert rig.intake.balance().in_flight == 0
    rig.close()


async def test_a_journal_that_stays_full_is_told_to_the_source(tmp_path: Path) -> None:
    rig = Rig(tmp_path, journal=TINY, linger="0ms", full_wait="0s")
    for n in range(200):
        try:
            await rig.intake.emit(_block(n, 5000))
        except StoreFull:
            break
    head = rig.journal.head(0)
    outcomes = await asyncio.gather(*(rig.intake.emit(_block(n, 5000)) for n in range(3)), return_exceptions=True)
    assert all(isinstance(outcome, StoreFull) for outcome in outcomes)
    assert rig.journal.head(0) == head
    balance = rig.intake.balance()
    assert (balance.refused, balance.readings_refused) == (4, 20_000)
    assert balance.readings_journaled == sum(len(b) for b in rig.bodies() if isinstance(b, Batch))
    rig.journal.release(0, head)
    await rig.intake.emit(_block(1, 5000))
    rig.close()


async def test_a_journal_that_fails_holds_the_source_but_not_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(tmp_path, full_wait="60s")
    good = rig.journal.append

    async def failing(*_: object) -> None:
        raise StoreUnavailable("the disk is away")

    monkeypatch.setattr(rig.journal, "append", failing)
    waiting = asyncio.create_task(rig.intake.emit(parcel(1)))
    await asyncio.wait([waiting], timeout=0.6)
    assert not waiting.done()
    assert isinstance(rig.intake.failing, StoreUnavailable)
    monkeypatch.setattr(rig.journal, "append", good)
    async with asyncio.timeout(10):
        await waiting
    assert rig.intake.failing is None
    monkeypatch.setattr(rig.journal, "append", failing)
    waiting = asyncio.create_task(rig.intake.emit(parcel(2)))
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await rig.intake.drain()
    with pytest.raises(StoreUnavailable):
        await waiting
    rig.close()


async def test_a_closed_journal_is_told_to_everyone(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.close()
    outcomes = await asyncio.gather(*(rig.intake.emit(parcel(n)) for n in range(3)), return_exceptions=True)
    assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
    assert rig.intake.balance().refused == 3
    assert rig.names.written == set()


async def test_a_cancelled_emit_leaves_the_others_alone(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    await rig.intake.emit(parcel(1))
    tasks = [asyncio.create_task(rig.intake.emit(parcel(n))) for n in range(5)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    await asyncio.wait(tasks)
    assert [task.cancelled() for task in tasks] == [False, False, True, False, False]
    await rig.intake.drain()
    assert rig.intake.balance() == Balance(received=6, journaled=6, decoded=12, readings_journaled=12)
    rig.close()


async def test_drain_waits_for_what_is_under_way(tmp_path: Path) -> None:
    rig = Rig(tmp_path, linger="50ms")
    await rig.intake.emit(parcel(1))
    task = asyncio.create_task(rig.intake.emit(parcel(2)))
    await asyncio.sleep(0)
    assert rig.intake.balance().in_flight == 1
    await rig.intake.drain()
    assert rig.intake.balance().in_flight == 0
    await task
    await rig.intake.drain()
    rig.close()


async def test_a_journal_that_keeps_less_than_it_says_stops_everything(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    whole = rig.journal.append

    async def forgetful(*args: object) -> object:
        return (await whole(*args))[:-1]  # type: ignore[arg-type]

    rig.journal.append = forgetful  # type: ignore[method-assign, assignment]
    with pytest.raises(InvariantBroken, match="the journal kept 0"):
        await rig.intake.emit(parcel(1))
    rig.close()


@pytest.mark.parametrize(
    "wrong",
    [Balance(received=1), Balance(journaled=1), Balance(decoded=2, readings_journaled=1), Balance(clamped=-1)],
)
def test_a_balance_that_does_not_balance(wrong: Balance) -> None:
    with pytest.raises(InvariantBroken):
        wrong.check()


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.integers(0, 6), st.integers(0, 2), st.integers(0, 2), st.integers(0, 3)),
        min_size=1,
        max_size=30,
    )
)
def test_nothing_gets_lost_between_emit_and_journal(parts: list[tuple[int, int, int, int, int]]) -> None:
    """Any parcels from several sources in any interleaving: every reading is there once, in each source's order."""
    import tempfile

    async def scenario(folder: Path) -> None:
        rig = Rig(folder, linger="0ms")

        async def source(name: str, mine: list[tuple[int, int, int, int, int]]) -> None:
            for n, (device, rows, duplicates, rejected, pause) in enumerate(mine):
                raws = tuple(Raw(name, str(n), "bad", b"", T0) for _ in range(rejected))
                messages = duplicates + rejected + 1
                at = T0 + n
                await rig.intake.emit(
                    parcel(device, rows, at=at, source=name, messages=messages, duplicates=duplicates, rejected=raws)
                )
                for _ in range(pause):
                    await asyncio.sleep(0)

        shares = {f"s{k}": parts[k::3] for k in range(3)}
        await asyncio.gather(*(source(name, mine) for name, mine in shares.items()))
        got = [r for body in rig.bodies() if isinstance(body, Batch) for r in body.readings()]
        assert sorted(r.device for r in got) == sorted(d for d, rows, *_ in parts for _ in range(rows))
        assert sum(isinstance(body, Raw) for body in rig.bodies()) == sum(part[3] for part in parts)
        for name, mine in shares.items():
            balance = rig.intake.balance(name)
            assert balance.received == sum(d + r + 1 for _, _, d, r, _ in mine)
            assert balance.journaled == len(mine)
            assert balance.decoded == balance.readings_journaled == sum(part[1] for part in mine)
        rig.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scenario(Path(folder)))
