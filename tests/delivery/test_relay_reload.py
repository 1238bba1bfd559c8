"""C6: endpoints that come, change and go while deliveries are under way."""

import asyncio

from relay_kit import LoopClock, MemoryQueue, TestSink, inline, stop, until, virtually

from gateway.delivery import DeliveryConfig, Relay
from gateway.domain.delivery import Delivery
from gateway.domain.errors import DeliveryDeferred

CONFIG = DeliveryConfig()


def test_an_endpoint_that_goes_keeps_what_waits_and_others_notice_nothing() -> None:
    async def main() -> None:
        async def slowly(_: Delivery) -> None:
            await asyncio.sleep(1)

        queue, slow, other, back = MemoryQueue(), TestSink("oa", slowly), TestSink("crm"), TestSink("oa")
        for number in range(100):
            queue.add("oa", f"S{number}", 1)
        relay = Relay(queue, {"oa": slow, "crm": other}, LoopClock(), inline, CONFIG)
        task = asyncio.create_task(relay.run())
        await until(lambda: len(slow.taken) >= 10, 60)
        under_way = relay.use({"crm": other})
        await asyncio.wait(under_way)
        begun = len(slow.sent)
        assert len(slow.taken) == begun < 30, "what was under way ended"
        await asyncio.sleep(60)
        assert len(slow.sent) == begun, "nothing more began"
        assert set(relay.stats()) == {"crm"}
        queue.add("crm", "S1", 1)
        relay.notify()
        await until(lambda: other.taken == ["crm-S1-1"], 5)
        assert sum(row.state == "pending" for row in queue.rows) == 100 - begun
        relay.use({"crm": other, "oa": back})
        await until(lambda: len(back.taken) == 100 - begun, 60)
        assert {*back.taken} & {*slow.taken} == set()
        assert max(row.delivery.attempt for row in queue.rows) == 1, "and no attempt was spent"
        await stop(task)

    virtually(main)


def test_another_receiver_begins_without_the_faults_of_the_one_before() -> None:
    async def main() -> None:
        async def refuse(_: Delivery) -> None:
            raise DeliveryDeferred("failing: 500", status=500)

        queue, bad, good = MemoryQueue(), TestSink("oa", refuse), TestSink("oa")
        for number in range(50):
            queue.add("oa", f"S{number}", 1)
        relay = Relay(queue, {"oa": bad}, LoopClock(), inline, CONFIG)
        task = asyncio.create_task(relay.run())
        await until(lambda: relay.stats()["oa"].breaker == "open", 60)
        relay.use({"oa": good})
        assert relay.stats()["oa"].breaker == "closed"
        assert relay.stats()["oa"].retried > 0, "counts go on"
        await until(lambda: len(good.taken) == 50, 600)
        await stop(task)

    virtually(main)
