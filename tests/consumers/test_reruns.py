"""History for the engine: looked up once the store has it, answered by a fact, asked again after a crash."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from rules_engine.engine_lab import POINTS, T0, S, charger, rule, told

from gateway.consumers import LookBackProcess, Reruns
from gateway.domain.alarm import Transition, canonical
from gateway.domain.history_request import HistoryRequest
from gateway.domain.reading import Batch, batch_of, concat, empty_batch
from gateway.domain.record import Body, DeviceSet, Fact, PointDefined, Record, Rerun, RuleSet
from rules.compiled import Rule
from rules.engine import Engine
from rules.format import compile_source

PLAIN = rule('  when: "gun_temp >= 85 degC"', rule_id="plain")
QUORUM = rule(
    '  when: {members: {of: "gun_temp >= 85 degC", at_least: 2}}',
    "{kind: charger, each: connector, group: site}",
    "quorum",
)
STREAK = rule('  when: {streak: {of: "gun_temp >= 80 degC", length: 2}}', rule_id="streak")


async def inline(call: Callable[[], Any]) -> Any:
    await asyncio.sleep(0)
    return call()


async def process(seed: bytes) -> LookBackProcess:
    return await LookBackProcess.start((sys.executable, "-m", "gateway.backtest.warmup_worker"), seed)


class Store:
    """What was stored, and up to which record."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.cursor = 0

    def _of(self, devices: Sequence[int]) -> Batch:
        everything = concat(self.batches) if self.batches else empty_batch()
        return everything.select(np.isin(everything.device, np.array(devices, np.int32)))

    def before(self, moment: int, devices: Sequence[int]) -> Batch:
        found = self._of(devices)
        return found.select(found.at < moment)

    def scan(self, start: int, end: int, devices: Sequence[int]) -> Iterator[Batch]:
        found = self._of(devices)
        found = found.select((found.at >= start) & (found.at < end))
        for row in np.argsort(found.at, kind="stable"):
            yield found.select(np.array([row]))


class Gateway:
    """Journal, engine and store, without a desk."""

    def __init__(self, *rules: Rule) -> None:
        self.engine, self.store = Engine(0, compile_source, "t"), Store()
        self.records: list[Record] = []
        self.got: list[Transition] = []
        self.judged = 0
        self.requested = asyncio.Event()
        for point in POINTS.values():
            self.write(PointDefined("t", point))
        self.write(DeviceSet(charger(1)))
        for one in rules:
            self.write(RuleSet(one.id, one.revision, one.source, "UTC"))
        self.reruns = Reruns(
            self,
            self.engine,
            self.store,
            self.store,
            rules_thread=inline,
            series_thread=inline,
            journal=self.journal,  # type: ignore[arg-type]
            worker=process,  # type: ignore[arg-type]
        )

    @property
    def wanted(self) -> tuple[HistoryRequest, ...]:
        return self.engine.wanted

    def write(self, body: Body, *, stored: bool = True) -> int:
        record = Record(len(self.records) + 1, T0 + len(self.records) * S, body)
        self.records.append(record)
        if isinstance(body, Batch):
            self.store.batches.append(body)
        self.got += self.engine.step(record)
        self.judged = record.seq
        self.store.cursor = record.seq if stored else self.store.cursor
        return record.seq

    async def journal(self, facts: Sequence[Fact]) -> list[int]:
        return [self.write(fact) for fact in facts]

    def read(self, at: int, value: float, *, stored: bool = True) -> None:
        self.write(batch_of([[told(1, "gun_temp", at, value, 1, received=max(at, 100))]]), stored=stored)

    async def settled(self) -> None:
        task = asyncio.create_task(self.reruns.run())
        async with asyncio.timeout(30):
            while not self.reruns.idle:
                await asyncio.sleep(0)
        task.cancel()


async def test_a_late_reading_is_answered() -> None:
    gateway = Gateway(PLAIN)
    for at, value in ((0, 20.0), (20, 20.0), (10, 90.0)):
        gateway.read(at, value)
    assert [one.device for one in gateway.wanted] == [1]
    await gateway.settled()
    assert [(t.change.value, (t.at - T0) // S, t.late) for t in gateway.got] == [
        ("raised", 10, True),
        ("cleared", 20, True),
    ]
    assert gateway.reruns.answered == 1


async def test_it_waits_for_the_store() -> None:
    gateway = Gateway(PLAIN)
    gateway.read(20, 20.0)
    gateway.read(10, 90.0, stored=False)
    task = asyncio.create_task(gateway.reruns.run())
    await asyncio.sleep(0.01)
    assert gateway.reruns.answered == 0
    gateway.store.cursor = len(gateway.records)
    await gateway.settled()
    assert gateway.reruns.answered == 1
    task.cancel()


async def test_a_group_is_answered_with_the_history_of_its_members() -> None:
    gateway = Gateway(QUORUM)
    for number in (1, 2):
        gateway.write(DeviceSet(charger(number, site="s1")))
    gateway.write(batch_of([[told(2, "gun_temp", 0, 90.0, 1)]]))
    gateway.read(20, 20.0)
    gateway.read(10, 90.0)
    assert [(one.rule, one.group, one.devices) for one in gateway.wanted] == [("quorum", "s1", (1, 2))]
    assert not gateway.reruns.settled(gateway.judged)
    assert gateway.reruns.settled(gateway.judged - 1)
    await gateway.settled()
    assert gateway.reruns.settled(gateway.judged)
    assert [(t.change.value, t.thing.group, t.late) for t in gateway.got] == [("raised", "s1", True)]


async def test_a_new_rule_is_warmed_up() -> None:
    gateway = Gateway()
    gateway.read(0, 90.0)
    gateway.read(20, 90.0)
    gateway.write(RuleSet("streak", STREAK.revision, STREAK.source, "UTC"))
    assert [one.rule for one in gateway.wanted] == ["streak"]
    await gateway.settled()
    assert [(t.change.value, t.rule) for t in gateway.got] == [("raised", "streak")]
    assert isinstance(gateway.records[-1].body, Rerun)


def _two_at_a_site(gateway: Gateway) -> None:
    """A quorum that a late reading makes true, and one that comes while the answer is under way."""
    for number in (1, 2):
        gateway.write(DeviceSet(charger(number, site="s1")))
    gateway.write(batch_of([[told(n, "gun_temp", 0, 20.0, 2)] for n in (1, 2)] + [[told(2, "gun_temp", 1, 90.0, 1)]]))
    gateway.read(20, 20.0)
    gateway.read(10, 90.0)
    gateway.read(30, 20.0)


async def test_much_history_is_judged_in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = Gateway(QUORUM), Gateway(QUORUM)
    for gateway in (here, there):
        _two_at_a_site(gateway)
    await here.settled()
    monkeypatch.setattr("gateway.consumers.reruns.FEW", 1)
    await there.settled()
    assert [canonical(one) for one in there.got] == [canonical(one) for one in here.got]
    assert [(t.change.value, t.late) for t in there.got] == [("raised", True), ("cleared", True)]
    for gateway in (here, there):
        gateway.write(RuleSet("streak", STREAK.revision, STREAK.source, "UTC"))
        await gateway.settled()
        assert gateway.engine.counts.cold == 0
    assert [canonical(one) for one in there.got] == [canonical(one) for one in here.got]
    assert there.engine.snapshot() == here.engine.snapshot()


async def test_late_readings_of_a_group_that_come_while_it_is_looked_at_are_looked_at_next() -> None:
    gateway = Gateway(QUORUM)
    _two_at_a_site(gateway)
    answers = gateway.journal

    async def meanwhile(facts: Sequence[Fact]) -> list[int]:
        if gateway.reruns.answered == 0:
            gateway.read(12, 20.0)  # older than what the history in the answer ends with
        return await answers(facts)

    gateway.reruns._journal = meanwhile
    await gateway.settled()
    assert gateway.reruns.answered == 2
    (episode,) = gateway.engine._episodes.of("s1").values()
    assert [((one.raised - T0) // S, (one.cleared - T0) // S) for one in episode] == [(10, 12)]


async def test_a_worker_that_fails_is_no_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.consumers.reruns.FEW", 0)
    gateway = Gateway()

    async def broken(seed: bytes) -> LookBackProcess:
        return await LookBackProcess.start((sys.executable, "-c", "raise SystemExit(3)"), seed)

    gateway.reruns._worker = broken
    gateway.read(0, 90.0)
    gateway.write(RuleSet("streak", STREAK.revision, STREAK.source, "UTC"))
    await gateway.settled()
    assert gateway.engine.counts.cold == 1


async def test_an_empty_store_is_an_answer() -> None:
    gateway = Gateway()
    gateway.read(0, 90.0)
    gateway.store.batches.clear()
    gateway.write(RuleSet("streak", STREAK.revision, STREAK.source, "UTC"))
    await gateway.settled()
    assert gateway.wanted == ()
    assert gateway.engine.counts.cold == 1


async def test_a_request_that_a_crash_left_open_is_asked_again() -> None:
    gateway = Gateway(PLAIN)
    gateway.read(20, 20.0)
    gateway.read(10, 90.0)
    gateway.engine = Engine.restore(gateway.engine.snapshot(), compile_source)
    gateway.reruns = Reruns(
        gateway,
        gateway.engine,
        gateway.store,
        gateway.store,
        rules_thread=inline,
        series_thread=inline,  # type: ignore[arg-type]
        journal=gateway.journal,
        worker=process,  # type: ignore[arg-type]
    )
    await gateway.settled()
    assert [t.late for t in gateway.got] == [True, True]


async def test_what_a_clock_wrote_that_was_ahead_is_no_history() -> None:
    gateway = Gateway(PLAIN)
    for at, value in ((0, 20.0), (20, 20.0), (9_000, 95.0)):
        gateway.read(at, value)
    wanted = HistoryRequest(1, 1, since=T0, start=T0)
    for until, rows in ((T0 + 100 * S, 2), (T0 + 10_000 * S, 3)):
        gateway.reruns._until = lambda until=until: until  # type: ignore[misc]
        found = gateway.reruns._look_up(wanted)
        assert found is not None
        assert len(found) == rows


async def test_too_much_history_is_given_up(monkeypatch: Any) -> None:
    monkeypatch.setattr("gateway.consumers.reruns.MOST_ROWS", 1)
    gateway = Gateway(PLAIN)
    for at, value in ((0, 20.0), (20, 20.0), (10, 90.0)):
        gateway.read(at, value)
    await gateway.settled()
    assert gateway.got == []
    assert gateway.engine.counts.given_up == 1
