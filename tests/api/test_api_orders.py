"""Orders, alarms and what follows from acting on them."""

from datetime import datetime

import msgspec
from api_kit import NOW, World, problem, transition

from gateway.domain.alarm import Change, Level, MemberSeen
from gateway.domain.duration import HOUR, MINUTE
from gateway.domain.record import Closed, RecordKind, Unlatch
from gateway.domain.workorder import Act, Actor, Command, Role


def test_times_keep_their_microseconds() -> None:
    from gateway.api.values import parse_rfc3339, rfc3339

    assert rfc3339(NOW + 123_456) == "2026-11-22T06:00:00.123456Z"
    assert parse_rfc3339("2026-11-22T14:00:00.123456+08:00") == NOW + 123_456
    assert parse_rfc3339("2026-11-22T14:00:00 08:00") == NOW  # a plus sign nobody escaped


async def test_an_order_shows_why_it_was_made(world: World) -> None:
    alarm = world.raise_alarm()
    page = await world.get("/v1/work-orders")
    (order,) = page["items"]
    assert page["next"] == ""
    assert order["place"] == {"device": "D1", "name": "", "component": 1, "group": "", "site": "HZ-1"}
    assert (order["state"], order["level"], order["fault"]) == ("new", "major", "E07")
    assert datetime.fromisoformat(order["created_at"]).timestamp() * 1e6 == NOW + 1_000_000
    detail = await world.get(f"/v1/work-orders/{order['no']}")
    assert [a["id"] for a in detail["alarms"]] == [alarm]
    assert {(one["why"], one["why_zh"]) for one in (order, detail, detail["alarms"][0])} == {("it burns", "会起火")}
    assert detail["alarms"][0]["work_order"] == order["no"]
    assert detail["alarms"][0]["evidence"]["readings"][0]["value"] == 91.5
    assert detail["audit"][0]["type"] == "created"
    assert "assign" in detail["acts"]
    assert (await world.get(f"/v1/alarms/{alarm}"))["work_order"] == order["no"]
    assert (await world.get("/v1/alarms"))["items"][0]["work_order"] == order["no"]


async def test_an_alarm_of_a_group_names_who_voted(world: World) -> None:
    raised = transition(7, group="HZ-1")
    seen = MemberSeen("D1", 0, NOW, raised.evidence.readings)
    evidence = msgspec.structs.replace(raised.evidence, members=(seen,), others=3)
    world.app.desk.apply([msgspec.structs.replace(raised, evidence=evidence)], 7, (), NOW + 7_000_000)
    shown = (await world.get("/v1/alarms/0-7-0"))["evidence"]
    assert (shown["members"][0]["device"], shown["members"][0]["component"], shown["others"]) == ("D1", 0, 3)
    assert datetime.fromisoformat(shown["members"][0]["since"]).timestamp() * 1e6 == NOW
    assert shown["members"][0]["readings"] == shown["readings"]


async def test_an_alarm_of_an_aggregate_names_who_was_counted(world: World) -> None:
    raised = transition(7, group="HZ-1")
    seen = MemberSeen("D1", 2, 0, raised.evidence.readings)
    evidence = msgspec.structs.replace(raised.evidence, members=(seen,), others=3)
    world.app.desk.apply([msgspec.structs.replace(raised, evidence=evidence)], 7, (), NOW + 7_000_000)
    shown = (await world.get("/v1/alarms/0-7-0"))["evidence"]
    assert shown["members"] == [{"device": "D1", "component": 2, "since": None, "readings": shown["readings"]}]
    assert shown["others"] == 3


async def test_the_life_of_an_order(world: World) -> None:
    world.raise_alarm()
    no = (await world.get("/v1/work-orders"))["items"][0]["no"]
    steps: list[tuple[str, Role, dict[str, str]]] = [
        ("assign", Role.OPERATOR, {"assignee": "engineer"}), ("accept", Role.ENGINEER, {}),
        ("start", Role.ENGINEER, {}),
        ("resolve", Role.ENGINEER, {"fault": "E07", "cause": "fan", "remedy": "replaced"}),
        ("close", Role.SUPERVISOR, {"reason": "sensor swapped"}),
    ]  # fmt: skip
    for act, role, fields in steps:
        answer = await world.act(no, act, role, **fields)
        assert answer.status_code == 200, answer.text
        assert answer.headers["etag"] == f'"{answer.json()["version"]}"'
    assert (await world.get("/v1/work-orders", params={"open": "true"}))["items"] == []
    # the rules hear of it: the fact stands in the journal when the answer comes
    facts = [record.body for record in world.app.stores.journal.kept(RecordKind.FACT, 0, 1000)]
    assert Closed("hot", world.id("D1"), 1, no, "supervisor") in facts
    assert [a["actor"] for a in (await world.get(f"/v1/work-orders/{no}"))["audit"]][1:] == [
        role.value for _, role, _ in steps
    ]


async def test_refusals_are_problems(world: World) -> None:
    world.raise_alarm()
    no = (await world.get("/v1/work-orders"))["items"][0]["no"]
    body = problem(await world.act(no, "start"), 409, "illegal_move")
    assert body["state"] == "new"
    problem(await world.act(no, "assign"), 422, "missing")
    problem(await world.act(no, "assign", assignee="x", expected_version=7), 409, "stale")
    problem(await world.act("WO-1", "assign", assignee="x"), 404, "unknown_order")
    problem(await world.act(no, "dance"), 422, "invalid")
    chinese = await world.ask(
        "POST",
        f"/v1/work-orders/{no}/commands",
        headers={"accept-language": "zh-CN"},
        json={"command_id": "z", "act": "start"},
    )
    assert "状态" in problem(chinese, 409, "illegal_move")["detail"]
    late = await world.act(no, "comment", note="x", occurred_at="2026-11-22T07:00:00Z")
    problem(late, 422, "future")
    assert (await world.get(f"/v1/work-orders/{no}"))["version"] == 1


async def test_a_repeated_command_changes_nothing_and_etags_are_versions(world: World) -> None:
    world.raise_alarm()
    no = (await world.get("/v1/work-orders"))["items"][0]["no"]
    path = f"/v1/work-orders/{no}/commands"
    body = {"act": "comment", "note": "seen"}
    headers = {"idempotency-key": "k1", "if-match": '"1"'}
    for _ in range(3):
        answer = await world.ask("POST", path, json=body, headers=headers)
        assert answer.json()["version"] == 2, answer.text
    problem(await world.ask("POST", path, json=body), 422, "command_id")
    problem(await world.ask("POST", path, json=body, headers={**headers, "if-match": "x"}), 422, "if_match")
    other = {"act": "comment", "note": "something else"}
    problem(await world.ask("POST", path, json=other, headers={"idempotency-key": "k1"}), 409, "command_reused")
    stale = await world.ask("POST", path, json=body, headers={"idempotency-key": "k2", "if-match": '"1"'})
    problem(stale, 409, "stale")


async def test_a_report_joins_the_order_of_its_fault(world: World) -> None:
    world.raise_alarm()
    body = {"command_id": "r1", "device": "D1", "component": 1, "fault": "E07", "title": "smells", "source": "customer"}
    joined = await world.ask("POST", "/v1/work-orders", Role.OPERATOR, json=body)
    assert joined.status_code == 200
    assert joined.json()["count"] == 2
    made = await world.ask("POST", "/v1/work-orders", json={**body, "command_id": "r2", "fault": "E99"})
    assert made.status_code == 201
    assert made.headers["location"] == f"/v1/work-orders/{made.json()['no']}"
    assert made.json()["title"] == {"en": "smells", "zh": "smells"}
    assert len((await world.get("/v1/work-orders"))["items"]) == 2
    problem(await world.ask("POST", "/v1/work-orders", json={**body, "device": "no"}), 404, "unknown_device")
    problem(await world.ask("POST", "/v1/work-orders", json={**body, "component": 3}), 422, "unknown_component")
    problem(await world.ask("POST", "/v1/work-orders", json={**body, "type": "party"}), 422, "unknown_type")


async def test_unlatch_carries_the_sequence_of_its_fact(world: World) -> None:
    alarm = world.raise_alarm()
    answer = await world.ask("POST", f"/v1/alarms/{alarm}/unlatch", Role.OPERATOR, json={"command_id": "u1"})
    assert answer.status_code == 200, answer.text
    sequence = answer.json()["sequence"]
    (record,) = world.app.stores.journal.read(0, sequence - 1, 1)
    assert record.body == Unlatch("hot", world.id("D1"), 1, "operator")
    again = await world.ask("POST", f"/v1/alarms/{alarm}/unlatch", Role.OPERATOR, json={"command_id": "u1"})
    assert again.json()["sequence"] is None
    assert world.app.stores.journal.head(0) == sequence
    problem(await world.ask("POST", "/v1/alarms/0-9-9/unlatch", json={"command_id": "u2"}), 404, "unknown_alarm")


async def test_paging_is_stable_while_orders_are_made(world: World) -> None:
    for n in range(1, 12):
        world.raise_alarm(n, fault=f"F{n}", rule=f"r{n}")
    seen: list[str] = []
    cursor = ""
    while True:
        page = await world.get("/v1/work-orders", params={"limit": 4, "cursor": cursor})
        seen += [order["fault"] for order in page["items"]]
        cursor = page["next"]
        if not cursor:
            break
        world.raise_alarm(100 + len(seen), fault=f"new{len(seen)}", rule=f"new{len(seen)}")  # newer than every page
    assert seen == [f"F{n}" for n in range(11, 0, -1)]


async def test_filters(world: World) -> None:
    world.raise_alarm(1, "D1", fault="A", rule="a", level=Level.MINOR)
    world.raise_alarm(2, "D2", fault="B", rule="b", level=Level.CRITICAL)
    world.app.desk.apply([_cleared(world)], 3, (), NOW + 3_000_000)

    async def faults(**params: str) -> list[str]:
        return [o["fault"] for o in (await world.get("/v1/work-orders", params=params))["items"]]

    assert await faults(device="D2") == ["B"]
    assert await faults(device="nobody") == []
    assert await faults(site="HZ-1") == ["A"]
    assert await faults(level="major") == ["B"]
    assert await faults(since="2026-11-22T06:00:02Z") == ["B"]
    assert await faults(until="2026-11-22T06:00:02Z") == ["A"]
    assert await faults(state="closed") == []
    alarms = await world.get("/v1/alarms", params={"raised": "true"})
    assert [a["rule"] for a in alarms["items"]] == ["b"]


def _cleared(world: World) -> object:
    from api_kit import transition

    return transition(3, Change.CLEARED, device=world.id("D1"), fault="A", rule="a")


async def test_the_feed_and_deliveries(world: World) -> None:
    world.raise_alarm()
    feed = await world.get("/v1/events")
    kinds = [item["event"]["type"] for item in feed["items"]]
    assert kinds == ["com.fieldgate.alarm.raised", "com.fieldgate.workorder.created"]
    assert (await world.get("/v1/events", params={"after": feed["next"]})) == {"items": [], "next": feed["next"]}
    (row,) = (await world.get("/v1/deliveries", params={"state": "pending"}))["items"]
    assert row["endpoint"] == "oa"
    problem(await world.ask("POST", f"/v1/deliveries/{row['id']}/redeliver"), 409, "not_settled")
    from gateway.ports import Settled

    queue = world.app.stores.sql.deliveries
    (leased,) = queue.lease("me", NOW + HOUR, NOW + 2 * HOUR, 1, "oa")
    queue.settle(leased, Settled("dead", "http", 404, excerpt="gone"), NOW + MINUTE)
    assert (await world.get("/v1/deliveries", params={"state": "dead"}))["items"][0]["reason"] == "http"
    (attempt,) = (await world.get(f"/v1/deliveries/{row['id']}/attempts"))["items"]
    assert (attempt["status"], attempt["excerpt"]) == (404, "gone")
    assert (await world.ask("POST", f"/v1/deliveries/{row['id']}/redeliver")).status_code == 202
    assert (await world.get("/v1/deliveries"))["items"][0]["state"] == "pending"
    queue.disable("oa", "410", NOW)
    (endpoint,) = (await world.get("/v1/endpoints"))["items"]
    assert (endpoint["disabled"], endpoint["host"], endpoint["breaker"]) == ("410", "oa.example.com", "closed")
    assert (await world.ask("POST", "/v1/endpoints/oa/enable")).json()["disabled"] == ""
    assert queue.disabled() == {}
    problem(await world.ask("POST", "/v1/endpoints/no/enable"), 404, "unknown_endpoint")


async def test_a_desk_command_from_elsewhere_is_seen_at_once(world: World) -> None:
    world.raise_alarm()
    no = (await world.get("/v1/work-orders"))["items"][0]["no"]
    world.app.desk.command(Command(no, Act.COMMENT, Actor("x", Role.ADMIN), "e1", note="n"), NOW + HOUR)
    assert [
        o["no"] for o in (await world.get("/v1/work-orders", params={"updated_after": "2026-11-22T06:30:00Z"}))["items"]
    ] == [no]
