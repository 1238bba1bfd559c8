"""The relay in virtual time: idleness, races, faults of the queue, of ours and of the clock, any weather."""

import asyncio
import itertools
import random

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from relay_kit import LoopClock, MemoryQueue, TestSink, inline, stop, until, virtually

from gateway.delivery.config import DeliveryConfig
from gateway.delivery.relay import Relay
from gateway.domain.delivery import Delivery
from gateway.domain.duration import MINUTE, SECOND
from gateway.domain.errors import DeliveryDeferred, DeliveryRefused, InvariantBroken, StoreUnavailable

CONFIG = DeliveryConfig()


def relay_of(queue: MemoryQueue, *sinks: TestSink, config: DeliveryConfig = CONFIG, **more: object) -> Relay:
    run = more.pop("run", inline)
    draw = random.Random(1).random
    return Relay(queue, {s.name: s for s in sinks}, LoopClock(), run, config, draw=draw, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("masks", [False, True])
def test_idle_costs_nothing(masks: bool) -> None:
    async def main() -> None:
        async def dead(_: Delivery) -> None:
            raise DeliveryDeferred("connect")

        queue, sink = MemoryQueue(masks=masks), TestSink("oa", dead)
        task = asyncio.create_task(relay_of(queue, sink).run())
        await asyncio.sleep(3600)
        assert queue.leases <= 3600 * SECOND // CONFIG.poll + 1
        for subject in range(50):
            queue.add("oa", f"S{subject}", 1)
        before, sent = queue.leases, len(sink.sent)
        await asyncio.sleep(3600)
        probes = 3600 * SECOND // CONFIG.breaker.longest
        assert queue.leases - before <= 2 * probes
        assert probes <= len(sink.sent) - sent <= probes + 20
        queue.disabled["oa"] = "by hand"
        before = queue.leases
        await asyncio.sleep(3600)
        assert queue.leases - before <= 200
        await stop(task)

    virtually(main)


def test_what_is_queued_during_a_lease_is_seen() -> None:
    async def main() -> None:
        queue, sink = MemoryQueue(), TestSink("oa")
        arrived = 0

        async def racing(call):
            nonlocal arrived
            result = call()
            if arrived < 20:
                arrived += 1
                queue.add("oa", f"S{arrived}", 1)  # committed after the lease has read, before its result is here
                relay.notify()
            await asyncio.sleep(0.001)
            return result

        relay = relay_of(queue, sink, run=racing)
        task = asyncio.create_task(relay.run())
        assert await until(lambda: len(sink.taken) == 20, 20) < 1
        await stop(task)

    virtually(main)


def test_the_queue_may_be_away_for_a_while() -> None:
    async def main() -> None:
        queue, sink = MemoryQueue(), TestSink("oa")
        queue.add("oa", "A", 1)
        away = True
        settles = 0
        lease, settle = queue.lease, queue.settle

        def leasing(*args):
            if away:
                raise StoreUnavailable("locked")
            return lease(*args)

        def settling(*args):
            nonlocal settles
            settles += 1
            if settles < 4:
                raise StoreUnavailable("locked")
            settle(*args)

        queue.lease, queue.settle = leasing, settling  # type: ignore[method-assign]
        with structlog.testing.capture_logs() as logs:
            task = asyncio.create_task(relay_of(queue, sink).run())
            await asyncio.sleep(60)
            away = False
            await until(lambda: queue.states() == {"delivered": 1}, 10)
            await asyncio.sleep(100)
            await stop(task)
        assert len(sink.sent) == 1
        assert settles == 4
        said = [log["event"] for log in logs if log["event"] != "first delivery"]
        assert said == ["delivery queue unavailable", "delivery queue available again"] * 2

    virtually(main)


def test_a_broken_invariant_stops_it_and_ends_nothing_half() -> None:
    async def main() -> None:
        async def behave(delivery: Delivery) -> None:
            if delivery.subject == "A":
                raise InvariantBroken("impossible")
            await asyncio.sleep(1)

        queue, sink = MemoryQueue(), TestSink("oa", behave)
        queue.add("oa", "A", 1)
        queue.add("oa", "B", 1)
        with pytest.raises(InvariantBroken):
            await relay_of(queue, sink).run()
        assert [row.state for row in queue.rows] == ["pending", "delivered"]

    virtually(main)


def test_a_fault_of_ours_hits_one_delivery_and_tells_no_secret() -> None:
    async def main() -> None:
        async def behave(delivery: Delivery) -> None:
            if delivery.subject == "A":
                raise KeyError("13800138000")

        queue, sink = MemoryQueue(), TestSink("sms", behave)
        for subject in "ABC":
            queue.add("sms", subject, 1)
        with structlog.testing.capture_logs() as logs:
            relay = relay_of(queue, sink)
            task = asyncio.create_task(relay.run())
            await until(lambda: queue.states() == {"dead": 1, "delivered": 2})
            await stop(task)
        assert len([d for _, d in sink.sent if d.subject == "A"]) == 11
        assert relay.stats()["sms"].breaker == "closed"
        assert logs[0]["kind"] == "KeyError"
        assert logs[0]["place"].startswith("test_relay_faults.py:")
        assert "13800138000" not in repr(logs)
        assert queue.rows[0].history[-1].reason == "exhausted: fault: KeyError"

    virtually(main)


def test_an_attempt_that_never_ends_is_given_up() -> None:
    async def main() -> None:
        async def behave(delivery: Delivery) -> None:
            if delivery.attempt == 1:
                await asyncio.Event().wait()

        queue, sink = MemoryQueue(), TestSink("oa", behave)
        queue.add("oa", "A", 1)
        task = asyncio.create_task(relay_of(queue, sink).run())
        done = await until(lambda: bool(sink.taken), 100)
        assert done == pytest.approx(CONFIG.deadline / SECOND + 5, abs=1.2)
        assert [s.reason for s in queue.rows[0].history] == ["timeout", ""]
        await stop(task)

    virtually(main)


@pytest.mark.parametrize("step", [-2 * 60 * MINUTE, 30 * 24 * 60 * MINUTE])
def test_a_step_of_the_wall_clock_costs_at_most_the_poll(step: int) -> None:
    async def main() -> None:
        async def behave(_: Delivery) -> None:
            if asyncio.get_running_loop().time() < 100:
                raise DeliveryDeferred("connect")

        queue, sink = MemoryQueue(), TestSink("oa", behave)
        for subject in range(20):
            queue.add("oa", f"S{subject}", 1)
        clock = LoopClock()
        relay = Relay(queue, {"oa": sink}, clock, inline, CONFIG, draw=lambda: 0.5)
        task = asyncio.create_task(relay.run())
        await asyncio.sleep(50)
        clock.step = step
        # What waits by the wall clock waits for it; all the rest goes out as if nothing had happened.
        waiting = {row.delivery.id for row in queue.rows if row.next_at}
        assert len(waiting) < 15
        await until(lambda: len(set(sink.taken) | waiting) == 20, 400)
        await stop(task)

    virtually(main)


TROUBLE = {
    "fail": DeliveryDeferred("failing: 500", status=500),
    "busy": DeliveryDeferred("busy: 503", status=503, retry_after=20 * SECOND),
    "fault": ZeroDivisionError(),
    "no": DeliveryRefused("rejected: 422", status=422),
}
PLAN = st.lists(st.sampled_from(["ok", "ok", "ok", "fail", "slow", "hang", "fault", "busy", "no"]), max_size=40)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PLAN, st.lists(st.floats(0.1, 400), max_size=3), st.booleans(), st.integers(1, 3))
def test_any_weather(plan: list[str], stops: list[float], masks: bool, concurrency: int) -> None:
    """At least once, in order per subject, never two of one subject at once, nothing left, whatever happens."""

    async def main() -> None:
        weather = iter(plan)

        async def behave(_: Delivery) -> None:
            match next(weather, "ok"):
                case "slow":
                    await asyncio.sleep(10)
                case "hang":
                    await asyncio.sleep(1000)
                case bad if bad in TROUBLE:
                    raise TROUBLE[bad]

        queue = MemoryQueue(masks=masks)
        sinks = [TestSink("oa", behave), TestSink("sms", behave)]
        for number in range(4):
            for subject in "ABC":
                for sink in sinks:
                    queue.add(sink.name, subject, number)
        config = DeliveryConfig(concurrency=concurrency)
        for after in stops:
            task = asyncio.create_task(relay_of(queue, *sinks, config=config).run())
            await asyncio.sleep(after)
            await stop(task)
        task = asyncio.create_task(relay_of(queue, *sinks, config=config).run())
        await until(lambda: "pending" not in queue.states())
        await stop(task)
        taken = {id_ for sink in sinks for id_ in sink.taken}
        assert all(row.state == "dead" or row.delivery.id in taken for row in queue.rows)
        for sink, subject in itertools.product(sinks, "ABC"):
            mine = [d.id for _, d in sink.sent if d.subject == subject]
            assert mine == sorted(mine)
        assert max(sink.most_busy for sink in sinks) <= concurrency

    virtually(main)


def test_the_first_failure_of_a_kind_has_a_line_and_the_first_success() -> None:
    """C2: the first failed delivery, and the first webhook, made no line."""

    async def main() -> None:
        ends = ["http: 503", "http: 503", "timeout", "http: 500"]

        async def behave(_: Delivery) -> None:
            if ends:
                raise DeliveryDeferred(ends.pop(0))

        queue, sink = MemoryQueue(), TestSink("oa", behave)
        for subject in "ABC":
            queue.add("oa", subject, 1)
        with structlog.testing.capture_logs() as logs:
            task = asyncio.create_task(relay_of(queue, sink).run())
            await until(lambda: queue.states() == {"delivered": 3})
            await stop(task)
        lines = [(log["event"], str(log.get("reason", ""))) for log in logs if "deliver" in log["event"]]
        assert sorted(lines) == [
            ("delivery failed", "http: 503"),
            ("delivery failed", "timeout"),
            ("first delivery", ""),
        ], logs

    virtually(main)
