"""The relay in virtual time: order, isolation, crash, outage, stop."""

import asyncio
import itertools
import random
import threading

import pytest
from relay_kit import LoopClock, MemoryQueue, TestSink, inline, stop, until, virtually

from gateway.delivery.config import DeliveryConfig
from gateway.delivery.endpoint_state import EndpointState
from gateway.delivery.relay import Relay
from gateway.domain.delivery import Delivery
from gateway.domain.duration import SECOND
from gateway.domain.errors import DeliveryDeferred, DeliveryRefused
from gateway.ports import LeaseRequest

CONFIG = DeliveryConfig()


def relay_of(queue: MemoryQueue, *sinks: TestSink, config: DeliveryConfig = CONFIG, **more: object) -> Relay:
    run = more.pop("run", inline)
    draw = random.Random(1).random
    return Relay(queue, {s.name: s for s in sinks}, LoopClock(), run, config, draw=draw, **more)  # type: ignore[arg-type]


def test_order_of_one_subject_holds_while_others_go_on() -> None:
    async def main() -> None:
        async def behave(delivery: Delivery) -> None:
            if delivery.id == "oa-A-1" and delivery.attempt < 4:
                raise DeliveryDeferred("failing: 500", status=500)

        queue, sink = MemoryQueue(), TestSink("oa", behave)
        for number in (1, 2, 3):
            for subject in "ABC":
                queue.add("oa", subject, number)
        task = asyncio.create_task(relay_of(queue, sink).run())
        await until(lambda: len(sink.taken) == 6, 3)
        assert all(not id_.startswith("oa-A") for id_ in sink.taken)
        await until(lambda: len(sink.taken) == 9)
        for subject in "ABC":
            mine = [id_ for id_ in sink.taken if id_.split("-")[1] == subject]
            assert mine == [f"oa-{subject}-{n}" for n in (1, 2, 3)]
        at = [when for when, d in sink.sent if d.id == "oa-A-1"]
        waits = [b - a for a, b in itertools.pairwise(at)]
        assert [round(w) for w in waits] == pytest.approx([5, 12, 300], rel=0.21)
        await stop(task)

    virtually(main)


def test_a_slow_endpoint_and_a_dead_one_delay_nobody() -> None:
    async def main() -> None:
        async def slow(_: Delivery) -> None:
            await asyncio.sleep(39)

        async def dead(_: Delivery) -> None:
            raise DeliveryDeferred("connect")

        queue = MemoryQueue(masks=True)
        sinks = [TestSink("slow", slow), TestSink("dead", dead), TestSink("oa")]
        for number in range(200):
            for sink in sinks:
                queue.add(sink.name, f"S{number}", 1)
        relay = relay_of(queue, *sinks)
        task = asyncio.create_task(relay.run())
        assert await until(lambda: len(sinks[2].taken) == 200, 5) < 2
        queue.add("oa", "X", 1)
        relay.notify()
        before = asyncio.get_running_loop().time()
        assert await until(lambda: "oa-X-1" in sinks[2].taken, 5) - before < 0.1
        assert max(sink.most_busy for sink in sinks) <= CONFIG.concurrency
        assert queue.most_leased <= (3 + 12) * CONFIG.concurrency  # the quick one's are leased ahead
        stats = relay.stats()
        assert (stats["oa"].delivered, stats["oa"].breaker, stats["oa"].last_error) == (201, "closed", "")
        assert (stats["dead"].breaker, stats["dead"].last_error) == ("open", "connect")
        await stop(task)

    virtually(main)


def test_an_outage_of_ten_minutes_keeps_everything_and_burns_few_attempts() -> None:
    async def main() -> None:
        over = 600.0

        async def behave(_: Delivery) -> None:
            await asyncio.sleep(0.05)
            if asyncio.get_running_loop().time() < over:
                raise DeliveryDeferred("failing: 503", status=503)

        queue, sink = MemoryQueue(), TestSink("oa", behave)
        for number in range(2):
            for subject in range(200):
                queue.add("oa", f"S{subject}", number)
        relay = relay_of(queue, sink)
        task = asyncio.create_task(relay.run())
        in_flight = 0
        while asyncio.get_running_loop().time() < over:
            await asyncio.sleep(1)
            in_flight = max(in_flight, relay.stats()["oa"].in_flight)
        assert in_flight <= CONFIG.concurrency
        assert queue.most_leased <= CONFIG.concurrency
        probes = over / (CONFIG.breaker.longest / SECOND)
        assert probes <= len(sink.sent) <= CONFIG.breaker.failures + CONFIG.concurrency + 5 + probes
        assert max(b - a for (a, _), (b, _) in itertools.pairwise(sink.sent)) <= CONFIG.breaker.longest / SECOND + 0.1
        recovered = await until(lambda: len(sink.taken) == 400, 30) - over
        assert recovered <= CONFIG.breaker.longest / SECOND + 5
        assert queue.states() == {"delivered": 400}
        assert sorted(set(sink.taken)) == sorted(sink.taken)
        assert max(row.delivery.attempt for row in queue.rows) <= 2, "what does not work at all costs no attempt"
        await stop(task)

    virtually(main)


def test_one_event_alone_is_delivered_soon_after_an_outage_of_hours() -> None:
    async def main() -> None:
        over = 12 * 3600.0

        async def behave(_: Delivery) -> None:
            if asyncio.get_running_loop().time() < over:
                raise DeliveryDeferred("connect")

        queue, sink = MemoryQueue(), TestSink("oa", behave)
        queue.add("oa", "A", 1)
        task = asyncio.create_task(relay_of(queue, sink).run())
        await asyncio.sleep(over)
        assert await until(lambda: sink.taken == ["oa-A-1"], 60) - over <= CONFIG.breaker.longest / SECOND
        gaps = [b - a for (a, _), (b, _) in itertools.pairwise(sink.sent)]
        assert max(gaps) <= CONFIG.breaker.longest / SECOND + 0.1
        await stop(task)

    virtually(main)


def test_a_breaker_that_opens_between_two_looks_is_not_forgotten() -> None:
    lane = EndpointState(TestSink("oa"), CONFIG.breaker, 8)
    for _ in range(CONFIG.breaker.failures):
        permit = lane.breaker.admit(0)
        assert permit is not None
        lane.breaker.failed(permit, 0)
    pause = CONFIG.breaker.pause
    assert lane.lease_request(pause - 1) is None
    assert lane.opens_in(pause - 1) == 1
    assert lane.opens_in(pause + 1) == 0, "time went on since it was asked"
    assert lane.lease_request(pause + 1) == LeaseRequest(1, longest=True)
    assert lane.breaker.admit(pause + 1) is not None
    assert lane.opens_in(pause + 2) is None, "the probe is under way"


def test_a_probe_that_hangs_does_not_make_the_next_come_later() -> None:
    async def main() -> None:
        async def behave(_: Delivery) -> None:
            await asyncio.sleep(12)
            raise DeliveryDeferred("timeout")

        queue, sink = MemoryQueue(), TestSink("oa", behave)
        for subject in range(20):
            queue.add("oa", f"S{subject}", 1)
        task = asyncio.create_task(relay_of(queue, sink).run())
        await asyncio.sleep(900)
        probes = [at for at, _ in sink.sent if at > 120]
        assert max(b - a for a, b in itertools.pairwise(probes)) <= CONFIG.breaker.longest / SECOND + 0.1
        await stop(task)

    virtually(main)


def test_a_message_that_always_fails_is_no_obstacle_and_goes_by_its_own_plan() -> None:
    async def main() -> None:
        async def behave(delivery: Delivery) -> None:
            if delivery.subject == "bad":
                raise DeliveryDeferred("failing: 500", status=500)

        queue, sink = MemoryQueue(), TestSink("oa", behave)
        queue.add("oa", "bad", 1, level=4)
        task = asyncio.create_task(relay_of(queue, sink).run())
        for number in range(40):
            await asyncio.sleep(1200)
            queue.add("oa", f"S{number}", 1)
            requested = asyncio.get_running_loop().time()
            done = await until(lambda number=number: f"oa-S{number}-1" in sink.taken, 90)  # type: ignore[misc]
            assert done - requested <= CONFIG.poll / SECOND + 2 * CONFIG.breaker.longest / SECOND
        assert queue.rows[0].delivery.attempt >= 5, "it is counted whenever the endpoint works for others"
        assert queue.states() == {"pending": 1, "delivered": 40}
        await stop(task)

    virtually(main)


def test_a_critical_event_overtakes_thousands_but_not_its_own_subject() -> None:
    async def main() -> None:
        async def behave(_: Delivery) -> None:
            await asyncio.sleep(0.02)

        queue, sink = MemoryQueue(), TestSink("oa", behave)
        for subject in range(1_000):
            queue.add("oa", f"S{subject}", 1)
        relay = relay_of(queue, sink)
        task = asyncio.create_task(relay.run())
        await until(lambda: len(sink.taken) >= 100, 30)
        requested = asyncio.get_running_loop().time()
        queue.add("oa", "X", 1, level=4)
        queue.add("oa", "X", 2, level=4)
        relay.notify()
        assert await until(lambda: "oa-X-2" in sink.taken, 30) - requested < 0.6, "two, one after the other"
        assert len(sink.taken) < 400
        await stop(task)

    virtually(main)


def test_what_is_leased_ahead_goes_back_when_the_endpoint_becomes_slow() -> None:
    async def main() -> None:
        async def behave(_: Delivery) -> None:
            await asyncio.sleep(0.01 if len(sink.sent) < 200 else 12)

        queue, sink = MemoryQueue(), TestSink("oa", behave)
        for subject in range(400):
            queue.add("oa", f"S{subject}", 1)
        relay = relay_of(queue, sink)
        task = asyncio.create_task(relay.run())
        await until(lambda: len(sink.sent) >= 200, 30)
        await asyncio.sleep(1)
        assert queue.most_leased > CONFIG.concurrency, "it was quick: some were leased ahead"
        queue.add("oa", "X", 1, level=4)
        relay.notify()
        requested = asyncio.get_running_loop().time()
        assert await until(lambda: any(d.subject == "X" for _, d in sink.sent), 60) - requested < 13
        await stop(task)

    virtually(main)


def test_a_killed_relay_leaves_its_deliveries_to_the_next_one() -> None:
    async def main() -> None:
        hang = asyncio.Event()

        async def behave(delivery: Delivery) -> None:
            await hang.wait()

        async def gone(_: object, /) -> None:  # a process that was killed reaches no queue
            await asyncio.Event().wait()

        queue, first, second = MemoryQueue(), TestSink("oa", behave), TestSink("oa")
        for subject in "AB":
            for number in (1, 2):
                queue.add("oa", subject, number)
        relay = relay_of(queue, first)
        task = asyncio.create_task(relay.run())
        await until(lambda: len(first.sent) == 2, 5)
        relay._exchange._run_blocking = gone  # type: ignore[assignment]
        task.cancel()
        killed_at = asyncio.get_running_loop().time()
        successor = asyncio.create_task(relay_of(queue, second).run())
        await asyncio.sleep(30)
        assert second.taken == []
        done = await until(lambda: len(second.taken) == 4, 100)
        assert done - killed_at == pytest.approx(CONFIG.lease / SECOND, abs=1.1)
        assert [id_ for id_ in second.taken if "-A-" in id_] == ["oa-A-1", "oa-A-2"]
        assert {d.id: d.attempt for _, d in second.sent}["oa-A-1"] == 1
        await stop(successor)
        await asyncio.gather(task, return_exceptions=True)

    virtually(main)


def test_a_stop_lets_attempts_end_and_gives_the_rest_back() -> None:
    async def main() -> None:
        async def behave(delivery: Delivery) -> None:
            await asyncio.sleep(5 if delivery.subject == "quick" else 30)

        queue, sink = MemoryQueue(), TestSink("oa", behave)
        for subject in ("quick", "late"):
            queue.add("oa", subject, 1)
            queue.add("oa", subject, 2)
        task = asyncio.create_task(relay_of(queue, sink).run())
        await until(lambda: len(sink.busy) == 2, 5)
        begun = asyncio.get_running_loop().time()
        await stop(task)
        assert asyncio.get_running_loop().time() - begun == pytest.approx(CONFIG.drain / SECOND, abs=0.1)
        assert sink.taken == ["oa-quick-1"]
        assert len(sink.sent) == 2  # nothing new was begun
        (late,) = [row for row in queue.rows if row.delivery.id == "oa-late-1"]
        assert [(s.state, s.reason, s.charge) for s in late.history] == [("retry", "stopped", False)]
        again = TestSink("oa")
        task = asyncio.create_task(relay_of(queue, again).run())
        await until(lambda: len(again.taken) == 3, 1)
        await stop(task)

    virtually(main)


def test_a_stop_during_the_lease_gives_it_back() -> None:
    async def main() -> None:
        async def slow(call):
            result = call()
            await asyncio.sleep(1)
            return result

        queue, sink = MemoryQueue(), TestSink("oa")
        queue.add("oa", "A", 1)
        task = asyncio.create_task(relay_of(queue, sink, run=slow).run())
        await asyncio.sleep(0.5)
        assert queue.rows[0].leased_until
        await stop(task)
        assert task.cancelled()
        assert sink.sent == []
        assert not queue.rows[0].leased_until

    virtually(main)


def test_gone_disables_and_a_person_enables() -> None:
    async def main() -> None:
        async def behave(_: Delivery) -> None:
            if not fixed:
                raise DeliveryRefused("gone: 410", status=410, disable=True)

        fixed = False
        queue, sink = MemoryQueue(), TestSink("oa", behave)
        for number in (1, 2, 3):
            queue.add("oa", "A", number)
        relay = relay_of(queue, sink)
        task = asyncio.create_task(relay.run())
        await asyncio.sleep(3600)
        assert queue.disabled == {"oa": "gone: 410"}
        assert len(sink.sent) == 1
        fixed = True
        queue.disabled.clear()
        relay.notify()
        await until(lambda: sink.taken == ["oa-A-1", "oa-A-2", "oa-A-3"], 1)
        assert {d.attempt for _, d in sink.sent} == {1}
        await stop(task)

    virtually(main)


def test_dead_letters_let_the_next_event_through() -> None:
    async def main() -> None:
        async def behave(delivery: Delivery) -> None:
            if delivery.id == "oa-A-1":
                raise DeliveryRefused("rejected: 422", status=422)
            if delivery.id == "oa-B-1":
                raise DeliveryDeferred("rejected: 400", status=400)

        queue, sink = MemoryQueue(), TestSink("oa", behave)
        for subject in "AB":
            for number in (1, 2):
                queue.add("oa", subject, number)
        relay = relay_of(queue, sink)
        task = asyncio.create_task(relay.run())
        await until(lambda: "oa-A-2" in sink.taken, 1)
        done = await until(lambda: "oa-B-2" in sink.taken)
        planned = sum(CONFIG.retries) / SECOND
        assert done == pytest.approx(planned, rel=0.2)
        assert [d.attempt for _, d in sink.sent if d.id == "oa-B-1"] == list(range(1, 12))
        assert queue.states() == {"dead": 2, "delivered": 2}
        assert queue.rows[2].history[-1].reason == "exhausted: rejected: 400"
        assert relay.stats()["oa"].dead == 2
        await stop(task)

    virtually(main)


def test_retry_after_pauses_the_whole_endpoint_without_burning_attempts() -> None:
    async def main() -> None:
        async def behave(delivery: Delivery) -> None:
            await asyncio.sleep(0.1)
            if asyncio.get_running_loop().time() < 120:
                raise DeliveryDeferred("busy: 429", status=429, retry_after=120 * SECOND)

        queue, sink = MemoryQueue(), TestSink("oa", behave)
        for subject in range(50):
            queue.add("oa", f"S{subject}", 1)
        task = asyncio.create_task(relay_of(queue, sink).run())
        await asyncio.sleep(119)
        assert len(sink.sent) == CONFIG.concurrency
        await until(lambda: len(sink.taken) == 50, 100)
        assert {d.attempt for _, d in sink.sent} == {1}
        await stop(task)

    virtually(main)


async def test_notify_from_another_thread_and_after_the_end() -> None:
    queue, sink = MemoryQueue(), TestSink("oa")
    relay = relay_of(queue, sink)
    relay.notify()  # before it runs: nothing to wake
    task = asyncio.create_task(relay.run())
    while not queue.leases:
        await asyncio.sleep(0)
    queue.add("oa", "A", 1)
    thread = threading.Thread(target=relay.notify)
    thread.start()
    async with asyncio.timeout(5):
        while not sink.taken:
            await asyncio.sleep(0.001)
    thread.join()
    await stop(task)
    relay.notify()


def test_a_step_of_the_wall_clock_sends_nothing_twice_at_once() -> None:
    async def main() -> None:
        async def slow(_: Delivery) -> None:
            await asyncio.sleep(20)

        queue, sink = MemoryQueue(), TestSink("oa", slow)
        for number in range(10):
            queue.add("oa", f"S{number}", 1)
        relay = relay_of(queue, sink)
        clock = relay._clock
        assert isinstance(clock, LoopClock)
        task = asyncio.create_task(relay.run())
        await until(lambda: len(sink.sent) >= 2, 1)
        clock.step = 30 * 24 * 3600 * SECOND  # every lease is over by this clock
        relay.notify()
        await until(lambda: len(sink.taken) == 10, 100)
        assert len(sink.sent) == 10, "what is under way is not begun again"
        assert relay.stats()["oa"].in_flight == 0
        await stop(task)

    virtually(main)
