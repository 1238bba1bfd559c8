"""OA systems answer."""

import asyncio
import json
import threading
from functools import partial
from pathlib import Path

import pytest
from api_kit import MAIN, NOW, World, problem
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.api.routes import callbacks
from gateway.api.routes.callbacks import resume
from gateway.domain.record import Closed, RecordKind


async def order(world: World) -> str:
    world.raise_alarm()
    no: str = (await world.get("/v1/work-orders"))["items"][0]["no"]
    return no


async def test_a_callback_acts_once_and_answers_the_same(world: World) -> None:
    no = await order(world)
    body = {"order": no, "action": "assign", "assignee": "zhang", "actor": "李", "their_own_key": 1}
    first = await world.callback(body)
    assert first.status_code == 200, first.text
    assert first.json() == {"order": no, "state": "assigned", "version": 2}
    await world.act(no, "comment", note="meanwhile")
    again = await world.callback(body)
    assert (again.status_code, again.json()) == (200, first.json())
    audit = (await world.get(f"/v1/work-orders/{no}"))["audit"]
    assert [(a["type"], a["actor"]) for a in audit][1:] == [("assigned", "oa/李"), ("comment_added", "supervisor")]


async def test_a_refusal_is_kept_too(world: World) -> None:
    no = await order(world)
    first = problem(await world.callback({"order": no, "action": "close"}), 403, "not_allowed")
    stale = {"order": no, "action": "assign", "assignee": "x", "expectedVersion": 9}
    problem(await world.callback(stale, "msg_2"), 409, "stale")
    missing = problem(await world.callback({"order": no, "action": "assign"}, "msg_3"), 422, "missing")
    await world.act(no, "assign", assignee="x")
    assert (await world.callback({"order": no, "action": "close"})).json() == first
    assert (await world.callback({"order": no, "action": "assign"}, "msg_3")).json() == missing
    problem(await world.callback({"order": no, "action": "dance"}, "msg_4"), 422, "invalid")
    problem(await world.callback(b"no json", "msg_5"), 422, "invalid")
    assert (await world.get(f"/v1/work-orders/{no}"))["version"] == 2
    assert world.app.stores.sql.inbox.waiting() == []


async def test_only_the_endpoints_secret_is_believed(world: World) -> None:
    no = await order(world)
    body = {"order": no, "action": "assign", "assignee": "x"}
    problem(await world.callback(body, key=b"another-secret-of-somebody-else"), 401, "signature")
    problem(await world.callback(body, age=301), 401, "signature")
    problem(await world.callback(body, age=-301), 401, "signature")
    problem(await world.callback(body, endpoint="nobody"), 401, "signature")
    problem(await world.callback(body, **{"webhook-id": "msg_other"}), 401, "signature")
    problem(await world.client.post("/v1/callbacks/oa", json=body), 401, "signature")
    assert (await world.get(f"/v1/work-orders/{no}"))["version"] == 1
    assert world.app.stores.sql.inbox.waiting() == []
    text = (await world.client.get("/metrics")).text
    assert 'fieldgate_api_refused_total{reason="callback_too_old"} 1.0' in text


async def test_an_unknown_order_is_parked(world: World) -> None:
    body = {"order": "WO-20261122-00001", "action": "assign", "assignee": "x"}
    problem(await world.callback(body), 404, "unknown_order")
    (parked,) = world.app.stores.sql.inbox.waiting()
    assert parked.external_id == "msg_1"
    no = await order(world)  # it is known now
    await resume(world.app.context)
    assert (await world.get(f"/v1/work-orders/{no}"))["assignee"] == "x"
    assert world.app.stores.sql.inbox.waiting() == []
    assert (await world.callback(body)).status_code == 200


async def test_after_a_crash_the_inbox_goes_on(world: World) -> None:
    """The row was on disk, the command perhaps too: neither is done twice."""
    no = await order(world)
    body = b'{"order":"%s","action":"comment","note":"n"}' % no.encode()
    world.app.stores.sql.inbox.receive("oa", "msg_7", body, NOW)
    for _ in range(2):
        await resume(world.app.context)
    assert (await world.get(f"/v1/work-orders/{no}"))["version"] == 2
    assert (await world.callback(body, "msg_7")).json()["version"] == 2


async def test_the_same_callback_many_times_at_once(world: World) -> None:
    no = await order(world)
    body = {"order": no, "action": "comment", "note": "n"}
    answers = await asyncio.gather(*(world.callback(body) for _ in range(20)))
    assert {(a.status_code, a.text) for a in answers} == {(200, answers[0].text)}
    assert (await world.get(f"/v1/work-orders/{no}"))["version"] == 2


async def test_a_busy_desk_is_told_at_once_and_acts_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    no = await order(world)
    body = {"order": no, "action": "comment", "note": "n"}
    free = threading.Event()
    blocked = asyncio.ensure_future(world.app.threads.desk(free.wait))
    monkeypatch.setattr(callbacks, "ANSWER_WITHIN", 0.01)
    answer = await world.callback(body)
    problem(answer, 503, "busy")
    assert answer.headers["retry-after"] == "2"
    free.set()
    await blocked
    monkeypatch.setattr(callbacks, "ANSWER_WITHIN", 30.0)
    assert (await world.callback(body)).json()["version"] == 2
    assert (await world.get(f"/v1/work-orders/{no}"))["version"] == 2


async def test_closing_tells_the_rules(world: World) -> None:
    no = await order(world)
    steps = [
        {"action": "assign", "assignee": "x"},
        {"action": "accept"},
        {"action": "start"},
        {"action": "resolve", "fault": "f", "cause": "c", "remedy": "r"},
        {"action": "close", "reason": "tested"},
    ]
    for n, step in enumerate(steps):
        answer = await world.callback({"order": no, **step}, f"m{n}")
        assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "closed"
    facts = [record.body for record in world.app.stores.journal.kept(RecordKind.FACT, 0, 1000)]
    assert facts.count(Closed("hot", world.id("D1"), 1, no, "oa")) == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["order", "action", "actor", "note", "command_id", "expected_version", "x"]), inner
            )
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode())
)
async def test_no_signed_body_breaks_it(world: World, body: bytes) -> None:
    world.commands += 1
    answer = await world.callback(body[:4000], f"h{world.commands}")
    assert answer.status_code in (404, 413, 422), answer.text
    check = partial(problem, answer, answer.status_code)
    check({404: "unknown_order", 413: "too_large", 422: "invalid"}[answer.status_code])


async def test_what_an_oa_writes_as_reason_of_a_hold(tmp_path: Path) -> None:
    known = MAIN.replace("    url:", "    hold_reasons: {缺件: waiting_parts}\n    url:")
    world = World(tmp_path, {"gateway.yaml": known})
    no = await order(world)
    await world.act(no, "assign", assignee="zhang")
    await world.act(no, "accept")
    await world.act(no, "start")
    seen = []
    for reason in ("缺件", "等待客户", "下雨 路滑"):
        held = await world.callback({"order": no, "action": "hold", "reason": reason}, f"msg_{reason.encode().hex()}")
        assert held.status_code == 200, held.text
        seen.append((await world.get(f"/v1/work-orders/{no}"))["hold_reason"])
        await world.act(no, "resume")
    assert seen == ["waiting_parts", "waiting_customer", "other"]
    notes = [one["data"].get("note") for one in (await world.get(f"/v1/work-orders/{no}"))["audit"]]
    assert "下雨 路滑" in notes
    await world.close()
