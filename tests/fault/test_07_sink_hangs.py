"""Scenario 7: a receiver takes the connection and never answers, answers one byte a second, or resets in the middle.

Each attempt ends at the time limit as a whole, its connection is closed, and the event is sent again with the same id,
so that it has one effect. Others are not held up.
"""

import asyncio
from pathlib import Path

import pytest
from delivery_kit import post
from rough_receiver import NEVER, Said, receiving

PLANS = {
    "never": ([NEVER, NEVER], "timeout"),
    "a byte a second": ([Said(trickle=1.0), Said(trickle=1.0)], "timeout"),
    "reset in the head": ([Said(cut=10), Said(cut=10)], "broken"),
    "reset before a byte": ([Said(cut=0), Said(cut=0)], "broken"),
}
CONFIG = {"retries": ["100ms"] * 6, "breaker": {"pause": "100ms", "longest": "200ms"}}


@pytest.mark.parametrize("name", PLANS)
async def test_an_attempt_ends_and_comes_again(tmp_path: Path, name: str) -> None:
    plan, reason = PLANS[name]
    loop = asyncio.get_running_loop()
    async with (
        receiving(lambda _, times: plan[times] if times < len(plan) else Said()) as rough,
        receiving(lambda *_: Said()) as good,
        post(tmp_path, {"rough": rough.port, "good": good.port}, config=CONFIG) as out,
    ):
        began = loop.time()
        event = out.put("rough", "good", subject="A")
        await out.until(lambda: good.taken == [event], 5)
        await out.settled()
        assert [id_ for _, id_, _ in rough.got] == [event] * 3
        assert rough.taken == [event]
        assert [attempt.reason.partition(":")[0] for attempt in out.attempts(event)[:2]] == [reason] * 2
        assert loop.time() - began < 2 * 1.0 + 6, "the limit of one second is for the whole attempt"
        await out.until(lambda: rough.open <= 1, 5)


async def test_a_body_that_ends_early_is_an_answer_all_the_same(tmp_path: Path) -> None:
    """The status says that it was taken: the rest only explains."""
    cut = Said(cut=len("HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n") + 3, body="x" * 900)
    async with receiving(lambda *_: cut) as rough, post(tmp_path, {"rough": rough.port}, config=CONFIG) as out:
        event = out.put("rough", subject="A")
        await out.settled()
        assert [(a.state, a.status) for a in out.attempts(event)] == [("delivered", 200)]
        assert len(rough.got) == 1


async def test_one_that_hangs_holds_up_nobody_and_few_connections(tmp_path: Path) -> None:
    async with (
        receiving(lambda *_: NEVER) as rough,
        receiving(lambda *_: Said()) as good,
        post(tmp_path, {"rough": rough.port, "good": good.port}, config={}, timeout="5s") as out,
    ):
        for number in range(100):
            out.put("rough", "good", subject=f"S{number}")
        await out.until(lambda: len(good.taken) == 100, 30)
        assert rough.open <= 8
        assert out.relay.stats()["rough"].in_flight <= 8
