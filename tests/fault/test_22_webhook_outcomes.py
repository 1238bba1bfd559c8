"""Scenario 22: what a receiver may answer, on the wire, with the queue on disk.

2xx · 401, 404, 405, redirects · 408, 425, 429, 5xx · 410 · the answer lost · a clock that is wrong at the receiver. The
same id every time, one subject in order, the most urgent first, dead letters only at the end of the plan.
"""

import itertools
import time
from pathlib import Path

import pytest
from delivery_kit import SECRET, post
from rough_receiver import Said, receiving
from sqlalchemy import update

from gateway.domain.alarm import Level
from gateway.store import tables
from sinks.http.signing import SignatureInvalid, verify

QUICK = {"retries": ["50ms"] * 5, "breaker": {"pause": "50ms", "longest": "100ms"}}
OUTCOMES = {  # answers until the last one repeats -> state, attempts, begin of the last reason
    "204": ([Said(204, body="")], "delivered", 1, ""),
    "500 thrice, then 200": ([Said(500)] * 3 + [Said()], "delivered", 4, ""),
    "408, 425, then 200": ([Said(408), Said(425), Said()], "delivered", 3, ""),
    "429 with Retry-After, then 200": ([Said(429, headers="retry-after: 1\r\n"), Said()], "delivered", 2, ""),
    "404, then it is deployed": ([Said(404), Said(404), Said()], "delivered", 3, ""),
    "413 for ever": ([Said(413)], "dead", 4, "rejected: 413"),
}


@pytest.mark.parametrize("name", OUTCOMES)
async def test_outcome(tmp_path: Path, name: str) -> None:
    plan, state, attempts, reason = OUTCOMES[name]
    async with (
        receiving(lambda _, times: plan[min(times, len(plan) - 1)]) as oa,
        post(tmp_path, {"oa": oa.port}, config=QUICK) as out,
    ):
        event = out.put("oa", subject="A")
        await out.settled(20)
        (row,) = out.rows()
        assert (row.state, len(oa.got)) == (state, attempts)
        assert row.reason.startswith(reason)
        assert {id_ for _, id_, _ in oa.got} == {event}
        assert (
            {head["webhook-id"] for head in oa.headers} == {head["idempotency-key"] for head in oa.headers} == {event}
        )
        if "Retry-After" in name:
            (first, _, _), (second, _, _) = oa.got
            assert second - first >= 1.0


@pytest.mark.parametrize("status", [302, 401, 403, 404, 405])
async def test_an_endpoint_that_refuses_everything_is_probed_and_loses_nothing(tmp_path: Path, status: int) -> None:
    """A secret that is not the receiver's, a path that is not there (yet): no event's fault."""
    wrong = True
    said = Said(status, headers="location: http://127.0.0.1:1/\r\n")
    async with (
        receiving(lambda *_: said if wrong else Said()) as oa,
        post(tmp_path, {"oa": oa.port}, config=QUICK) as out,
    ):
        for number in range(5):
            out.put("oa", subject=f"S{number}")
        await out.until(lambda: len(oa.got) >= 20)
        assert {row.state for row in out.rows()} <= {"pending", "leased"}
        assert out.relay.stats()["oa"].breaker != "closed"
        assert f": {status}" in out.relay.stats()["oa"].last_error
        wrong = False
        await out.settled()
        assert len(oa.taken) == 5


async def test_410_disables_the_endpoint_until_a_person_enables_it(tmp_path: Path) -> None:
    gone = True
    async with (
        receiving(lambda *_: Said(410 if gone else 200)) as oa,
        receiving(lambda *_: Said()) as other,
        post(tmp_path, {"oa": oa.port, "other": other.port}, config=QUICK) as out,
    ):
        out.put("oa", "other", subject="A")
        await out.until(out.queue.disabled)
        for number in range(5):
            out.put("oa", "other", subject=f"S{number}")
        await out.until(lambda: len(other.taken) == 6)
        assert len(oa.got) == 1, "it is left alone"
        assert out.queue.disabled()["oa"].startswith("gone: 410")
        gone = False
        out.queue.enable("oa")
        out.relay.notify()
        await out.settled()
        assert len(oa.taken) == 6, "nothing was given up meanwhile"


async def test_an_answer_that_is_lost_gives_a_repeat_that_can_be_told(tmp_path: Path) -> None:
    effects: set[object] = set()

    def answers(event: dict[str, object], times: int) -> Said:
        effects.add(event["id"])  # it takes the event, then the connection breaks
        return Said(cut=0) if times == 0 else Said()

    async with receiving(answers) as oa, post(tmp_path, {"oa": oa.port}, config=QUICK) as out:
        for subject in "ABC":
            for _ in range(3):
                out.put("oa", subject=subject)
        await out.settled()
        assert len(effects) == 9
        assert len(oa.got) == 18
        for subject in "ABC":
            mine = [id_ for _, id_, s in oa.got if s == subject]
            assert mine == [f"evt_{subject}_{n}" for n in (1, 1, 2, 2, 3, 3)], "in order, each before the next"


async def test_what_no_plan_helps_ends_as_a_dead_letter_and_comes_back_on_demand(tmp_path: Path) -> None:
    fixed = False

    def answers(event: dict[str, object], _: int) -> Said:
        return Said(500) if event["subject"] == "bad" and not fixed else Said()

    async with receiving(answers) as oa, post(tmp_path, {"oa": oa.port}, config=QUICK) as out:
        bad = out.put("oa", subject="bad")
        for number in itertools.count():  # others get through: it is this message, not the endpoint
            out.put("oa", subject=f"S{number}")
            await out.until(lambda number=number: f"evt_S{number}_1" in oa.taken)  # type: ignore[misc]
            if any(row.state == "dead" for row in out.rows()):
                break
        (dead,) = [row for row in out.rows() if row.state == "dead"]
        assert (dead.event, dead.reason.startswith("exhausted: failing: 500")) == (bad, True)
        charged = [attempt for attempt in out.attempts(bad) if attempt.charged]
        assert len(charged) == 6
        fixed = True
        assert out.queue.redeliver([dead.id], 0) == 1
        out.relay.notify()
        await out.until(lambda: bad in oa.taken)


async def test_the_most_urgent_goes_first_and_a_subject_keeps_its_order(tmp_path: Path) -> None:
    async with receiving(lambda *_: Said(wait=0.05)) as oa, post(tmp_path, {"oa": oa.port}, config=QUICK) as out:
        for number in range(300):
            out.put("oa", subject=f"S{number}")
        await out.until(lambda: len(oa.taken) > 20)
        for _ in range(2):
            out.put("oa", subject="S299", level=Level.CRITICAL)
        before = len(oa.got)
        await out.until(lambda: "evt_S299_3" in oa.taken)
        assert len(oa.got) - before < 150, "hundreds of minor ones stand behind it"
        mine = [id_ for _, id_, subject in oa.got if subject == "S299"]
        assert mine == ["evt_S299_1", "evt_S299_2", "evt_S299_3"]


async def test_a_receiver_whose_clock_is_wrong_refuses_and_nothing_is_lost(tmp_path: Path) -> None:
    """It answers 401 until somebody sets its clock; within the first attempts that is waited for."""
    ahead = 3600
    async with (
        receiving(lambda *_: Said(401) if ahead else Said()) as oa,
        post(tmp_path, {"oa": oa.port}, config={"retries": ["300ms"] * 5}) as out,
    ):
        event = out.put("oa", subject="A")
        await out.until(lambda: oa.headers)
        body = out.database.query(lambda c: c.execute(tables.outbox.select()).one().body)
        with pytest.raises(SignatureInvalid) as refused:
            verify([SECRET.encode()], oa.headers[-1], body, round(time.time()) + ahead)
        assert refused.value.reason == "too_old"
        assert verify([SECRET.encode()], oa.headers[-1], body, round(time.time())) == event
        ahead = 0
        await out.settled()
        assert oa.taken == [event]


async def test_what_is_queued_far_in_the_future_is_nothing_for_now(tmp_path: Path) -> None:
    """A retry that is due tomorrow costs the others nothing."""
    async with receiving(lambda *_: Said()) as oa, post(tmp_path, {"oa": oa.port}, config=QUICK) as out:
        later = out.put("oa", subject="later", level=Level.CRITICAL)
        await out.settled()
        tomorrow = round(time.time() + 86_400) * 1_000_000
        waits = update(tables.delivery).values(state="pending", settled_at=None, next_at=tomorrow)
        out.database.transact(lambda c: c.execute(waits))
        for number in range(20):
            out.put("oa", subject=f"S{number}")
        await out.until(lambda: len(oa.taken) == 21)
        assert oa.taken.count(later) == 1
