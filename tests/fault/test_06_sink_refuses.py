"""Scenario 6: a receiver answers 500, then 503, for ten minutes.

Everything waits in the queue, another receiver notices nothing, Retry-After is obeyed, the breaker probes, nothing is
lost or given up. The ten minutes in virtual time; a short outage with real requests and the real queue.
"""

import asyncio
import itertools
from pathlib import Path

from delivery_kit import post
from relay_kit import LoopClock, MemoryQueue, TestSink, inline, stop, until, virtually
from rough_receiver import Said, receiving

from gateway.delivery import DeliveryConfig, Relay
from gateway.domain.delivery import Delivery
from gateway.domain.duration import SECOND
from gateway.domain.errors import DeliveryDeferred

CONFIG = DeliveryConfig()
LONGEST = CONFIG.breaker.longest / SECOND


def test_ten_minutes_of_500_and_503() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()

        async def refuse(_: Delivery) -> None:
            if loop.time() < 300:
                raise DeliveryDeferred("failing: 500", status=500)
            if loop.time() < 600:
                raise DeliveryDeferred("busy: 503", status=503, retry_after=60 * SECOND)

        queue, bad, good = MemoryQueue(), TestSink("bad", refuse), TestSink("good")
        relay = Relay(queue, {s.name: s for s in (bad, good)}, LoopClock(), inline, CONFIG, draw=lambda: 0.5)
        task = asyncio.create_task(relay.run())
        for number in range(600):
            for sink in (bad, good):
                queue.add(sink.name, f"S{number % 50}", number)
            relay.notify()
            await asyncio.sleep(0.9)
            assert len(good.taken) == number + 1, "the other one has every event at once"
        at = [when for when, _ in bad.sent]
        refused = [b - a for a, b in itertools.pairwise(at) if a > 20 and b < 300]
        assert max(refused) <= LONGEST + 0.1
        requested = [b - a for a, b in itertools.pairwise(at) if a > 330 and b < 600]
        assert requested, "it was asked again"
        assert min(requested) > 59.9, "and not before the time it named"
        await until(lambda: len(bad.taken) == 600, 600)
        assert loop.time() < 600 + 60 + 10
        for subject in range(50):
            mine = [id_ for id_ in bad.taken if id_.split("-")[1] == f"S{subject}"]
            assert mine == sorted(mine, key=lambda id_: int(id_.split("-")[2]))
        assert queue.states() == {"delivered": 1200}
        assert max(row.delivery.attempt for row in queue.rows) <= 3, "hardly an attempt is spent"
        await stop(task)

    virtually(main)


async def test_a_short_outage_on_the_wire(tmp_path: Path) -> None:
    over = False

    def answers(_: dict[str, object], times: int) -> Said:
        if over:
            return Said()
        return Said(500) if times % 2 else Said(503, headers="retry-after: 1\r\n")

    async with receiving(answers) as bad, receiving(lambda *_: Said()) as good:
        config = {"breaker": {"pause": "200ms", "longest": "1s"}, "retries": ["200ms"] * 5}
        async with post(tmp_path, {"bad": bad.port, "good": good.port}, config=config) as out:
            events = [out.put("bad", "good", subject=f"S{n % 4}") for n in range(20)]
            await out.until(lambda: len(good.taken) == 20)
            await out.until(lambda: len(bad.got) >= 5)
            assert out.relay.stats()["bad"].breaker != "closed"
            assert bad.taken == []
            over = True
            await out.settled()
            assert sorted(bad.taken) == sorted(events)
            assert {row.state for row in out.rows()} == {"delivered"}
