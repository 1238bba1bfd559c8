"""Facts decided in SQL: journaled in order, marked afterwards, repeated after a crash in between."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from intake_parts import Rig

from gateway.domain.device import Site
from gateway.domain.errors import StoreUnavailable
from gateway.domain.record import Fact, SiteSet
from gateway.intake import ControlPump


class Rows:
    """A control outbox in memory."""

    def __init__(self, count: int) -> None:
        self.facts: dict[int, Fact] = {n: SiteSet(Site(f"S{n}")) for n in range(1, count + 1)}
        self.seqs: dict[int, int] = {}
        self.crash = False

    def pending(self, limit: int) -> Sequence[tuple[int, Fact]]:
        return [(row, fact) for row, fact in self.facts.items() if row not in self.seqs][:limit]

    def journaled(self, rows: Mapping[int, int]) -> None:
        if self.crash:
            raise StoreUnavailable("the desk's database went away")
        self.seqs.update(rows)


async def test_all_pending_facts_in_order(tmp_path: Path) -> None:
    rig, rows = Rig(tmp_path), Rows(1203)
    pump = ControlPump(rows, rig.intake)
    done = await asyncio.gather(pump.pump(), pump.pump())
    assert list(done) == [1203, 0]
    assert rig.bodies() == list(rows.facts.values())
    assert rows.seqs == {n: n for n in range(1, 1204)}
    assert await pump.pump() == 0
    rig.close()


async def test_a_crash_before_the_mark_repeats_them(tmp_path: Path) -> None:
    rig, rows = Rig(tmp_path), Rows(2)
    rows.crash = True
    pump = ControlPump(rows, rig.intake)
    with pytest.raises(StoreUnavailable):
        await pump.pump()
    rows.crash = False
    assert await pump.pump() == 2
    assert rig.bodies() == [*rows.facts.values(), *rows.facts.values()]
    assert rows.seqs == {1: 3, 2: 4}
    rig.close()


async def test_the_outbox_is_used_in_its_own_thread(tmp_path: Path) -> None:
    rig, rows, calls = Rig(tmp_path), Rows(1), []

    async def desk_thread(work: object) -> object:
        calls.append(work)
        return work()  # type: ignore[operator]

    assert await ControlPump(rows, rig.intake, desk_thread).pump() == 1
    assert len(calls) == 3, "pending, journaled, pending"
    rig.close()
