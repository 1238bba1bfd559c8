"""Alarms that wait, that belong together, or are about a group; and the counter of maintenance."""

from typing import Any

from api_kit import NOW, World, problem

from gateway.domain.alarm import Change, Level, Parent, Thing
from gateway.domain.duration import HOUR
from gateway.domain.record import CycleDone, RecordKind
from gateway.domain.workorder import Role


async def test_an_alarm_says_why_it_has_no_order(world: World) -> None:
    alarm = await world.get(f"/v1/alarms/{world.raise_alarm(held_until=NOW + HOUR)}")
    assert (alarm["work_order"], alarm["held_until"]) == ("", "2026-11-22T07:00:00.000000Z")
    assert alarm["waits"] == [{"reason": "quiet", "due_at": "2026-11-22T07:00:00.000000Z"}]
    stale = await world.get(f"/v1/alarms/{world.raise_alarm(2, 'D2', stale=True)}")
    assert (stale["stale"], stale["work_order"], stale["waits"], stale["held_until"]) == (True, "", [], None)


async def test_a_merged_alarm_names_its_parent(world: World) -> None:
    parent = world.raise_alarm(1, level=Level.MINOR)
    about = Parent("hot", Thing(world.id("D1"), 1))
    child = await world.get(f"/v1/alarms/{world.raise_alarm(2, 'D3', change=Change.MERGED, parent=about)}")
    assert (child["state"], child["parent"], child["cleared_at"]) == ("merged", parent, None)
    (order,) = (await world.get("/v1/work-orders"))["items"]
    assert (order["no"], order["count"]) == (child["work_order"], 2)


async def test_a_storm_of_a_site_is_an_order_without_a_device(world: World) -> None:
    world.raise_alarm(1, limited="orders_per_site")
    world.raise_alarm(2, "D3", limited="orders_per_site")
    (order,) = (await world.get("/v1/work-orders", params={"site": "HZ-1"}))["items"]
    assert order["place"] == {"device": "", "name": "", "component": 0, "group": "HZ-1", "site": "HZ-1"}
    assert (order["source"], order["title"]["zh"]) == ("storm", "告警风暴：场站 HZ-1 共 2 个告警")
    detail = await world.get(f"/v1/work-orders/{order['no']}")
    assert [alarm["limited"] for alarm in detail["alarms"]] == ["orders_per_site"] * 2


async def test_a_key_of_a_site_sees_the_groups_that_are_its_site(world: World) -> None:
    here, there = world.raise_alarm(1, group="HZ-1"), world.raise_alarm(2, group="NB-1")
    wide = world.raise_alarm(3, group="east")
    world.secrets[Role.VIEWER], _ = world.app.stores.sql.keys.create("guard", Role.VIEWER, NOW, sites=("HZ-1",))
    assert (await world.get(f"/v1/alarms/{here}", Role.VIEWER))["place"]["site"] == "HZ-1"
    for alarm in (there, wide):
        problem(await world.ask("GET", f"/v1/alarms/{alarm}", Role.VIEWER), 404, "unknown_alarm")
    assert [o["place"]["group"] for o in (await world.get("/v1/work-orders", Role.VIEWER))["items"]] == ["HZ-1"]
    assert (await world.get(f"/v1/alarms/{wide}"))["place"]["site"] == ""


async def test_a_group_can_be_unlatched(world: World) -> None:
    alarm = world.raise_alarm(1, group="HZ-1")
    answer = await world.ask("POST", f"/v1/alarms/{alarm}/unlatch", Role.OPERATOR, json={"command_id": "u1"})
    assert answer.status_code == 200
    assert answer.json()["sequence"] is not None


async def test_the_counter_of_maintenance_reaches_the_rules(world: World) -> None:
    world.raise_alarm()
    no = (await world.get("/v1/work-orders"))["items"][0]["no"]
    steps: list[tuple[str, dict[str, Any]]] = [("assign", {"assignee": "zhang"}), ("accept", {}), ("start", {})]
    for act, fields in steps:
        assert (await world.act(no, act, **fields)).status_code == 200
    problem(await world.act(no, "hold", reason="weather", reading=5.0), 422, "reading")
    done: dict[str, Any] = {"fault": "E07", "cause": "500 h", "remedy": "filter", "reading": 1512.5}
    problem(await world.act(no, "resolve", **done | {"reading": -1.0}), 422, "invalid")
    assert (await world.act(no, "resolve", **done)).status_code == 200
    facts = [record.body for record in world.app.stores.journal.kept(RecordKind.FACT, 0, 1000)]
    assert CycleDone("hot", world.id("D1"), 1, 1512.5, "supervisor", NOW, no) in facts


async def test_an_oa_system_tells_the_counter_too(world: World) -> None:
    world.raise_alarm()
    no = (await world.get("/v1/work-orders"))["items"][0]["no"]
    steps: list[tuple[str, dict[str, Any]]] = [("assign", {"assignee": "zhang"}), ("accept", {}), ("start", {})]
    steps.append(("resolve", {"fault": "E07", "cause": "500 h", "remedy": "filter", "reading": 700}))
    for n, (action, fields) in enumerate(steps):
        answer = await world.callback({"order": no, "action": action, **fields}, f"msg_{n}")
        assert answer.status_code == 200, answer.text
    facts = [record.body for record in world.app.stores.journal.kept(RecordKind.FACT, 0, 1000)]
    assert CycleDone("hot", world.id("D1"), 1, 700.0, "oa", NOW, no) in facts
