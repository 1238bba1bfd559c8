"""Plans and hazards over HTTP: numbers, pages, acts, scope."""

from pathlib import Path

import pytest
from api_kit import NOW, World, problem

from gateway.domain.duration import DAY
from gateway.domain.workorder import Role

PLANS = """\
care:
  title: {en: Care, zh: 保养}
  for: {kinds: [charger]}
  repeat: {rrule: FREQ=MONTHLY, from: 2026-01-05}
  order: {type: repair}
"""


@pytest.fixture
def planned(tmp_path: Path) -> World:
    """A gateway whose devices have a plan; its first orders are open."""
    (tmp_path / "plans").mkdir(parents=True, exist_ok=True)
    (tmp_path / "plans" / "care.yaml").write_text(PLANS, "utf-8")
    world = World(tmp_path)
    world.app.desk.tick(NOW)
    return world


async def test_numbers_pages_and_acts_of_a_plan(planned: World) -> None:
    [plan] = await planned.get("/v1/plans")
    count = plan["things"]
    assert count > 1
    assert (plan["id"], plan["kind"], plan["open"], plan["undated"]) == ("care", "dates", 0, 0)
    first = await planned.get("/v1/plans/care/things?limit=1")
    rest = await planned.get(f"/v1/plans/care/things?cursor={first['next']}")
    devices = [one["place"]["device"] for one in (*first["items"], *rest["items"])]
    assert len(devices) == len(set(devices)) == count
    due = first["items"][0]["due_at"]
    ahead = await planned.get("/v1/plans/care/forecast?until=2027-03-06T00:00:00%2B08:00&limit=1")
    assert ahead["items"][0]["dates"][0] == due
    assert len(ahead["items"][0]["dates"]) == 4
    body = {"device": devices[0], "reason": "closed", "command_id": "s1"}
    answer = await planned.ask("POST", "/v1/plans/care/skip", Role.OPERATOR, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["due_at"] > due
    later = {"device": devices[1], "reason": "no access", "until": "2026-12-20T00:00:00Z", "command_id": "p1"}
    answer = await planned.ask("POST", "/v1/plans/care/postpone", Role.OPERATOR, json=later)
    assert (answer.json()["due_at"], answer.json()["moved_from"]) == ("2026-12-20T00:00:00.000000Z", due)
    answer = await planned.ask("POST", "/v1/plans/care/postpone", Role.ENGINEER, json=later | {"command_id": "p2"})
    problem(answer, 403, "not_allowed")
    problem(await planned.ask("POST", "/v1/plans/care/skip", json=body | {"route": "R1"}), 422, "device_or_route")
    problem(await planned.ask("GET", "/v1/plans/none/things"), 404, "unknown_plan")
    problem(await planned.ask("GET", "/v1/plans/care/things?cursor=eA"), 422, "cursor")
    planned.app.desk.tick(NOW + 20 * DAY)
    cycles = await planned.get("/v1/plans/care/cycles?limit=1")
    assert cycles["items"][0]["order"].startswith("WO-")
    all_ = [cycles["items"][0]]
    while cycles["next"]:
        cycles = await planned.get(f"/v1/plans/care/cycles?limit=1&cursor={cycles['next']}")
        all_ += cycles["items"]
    assert {one["state"] for one in all_} == {"open", "skipped"}
    assert len(all_) == count - 1  # the postponed one is to come
    skipped = await planned.get(f"/v1/plans/care/cycles?state=skipped&device={devices[0]}")
    assert [one["note"] for one in skipped["items"]] == ["closed"]


async def test_coverage_as_json_and_csv(planned: World) -> None:
    planned.app.desk.tick(NOW + 20 * DAY)
    [order, *_] = (await planned.get("/v1/work-orders"))["items"]
    for act, fields in (
        ("assign", {"assignee": "engineer"}),
        ("accept", {}),
        ("start", {}),
        ("resolve", {"fault": "-", "cause": "-", "remedy": "-"}),
    ):
        assert (await planned.act(order["no"], act, **fields)).status_code == 200
    period = "since=2026-12-01T00:00:00Z&until=2027-01-01T00:00:00Z"
    rows = await planned.get(f"/v1/plans/care/coverage?by=site&{period}")
    assert sum(one["done"] for one in rows) == 1
    assert sum(one["due"] for one in rows) == sum(one["done"] + one["open"] for one in rows)
    answer = await planned.ask("GET", f"/v1/plans/care/coverage?by=site&format=csv&{period}")
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("of,things,due,done,")
    assert len(lines) == len(rows) + 1


async def test_a_hazard_over_http(planned: World) -> None:
    report = {"device": "D1", "fault": "inspection", "title": "Inspection", "command_id": "r1"}
    no = (await planned.ask("POST", "/v1/work-orders", json=report)).json()["no"]
    body = {"code": "G03", "title": "Leaking hose", "title_zh": "软管漏气", "command_id": "h1"}
    problem(await planned.ask("POST", f"/v1/work-orders/{no}/hazards", json=body), 409, "hazard_not_on_site")
    for act, fields in (("assign", {"assignee": "engineer"}), ("accept", {}), ("start", {})):
        await planned.act(no, act, **fields)
    made = await planned.ask("POST", f"/v1/work-orders/{no}/hazards", Role.ENGINEER, json=body)
    again = await planned.ask("POST", f"/v1/work-orders/{no}/hazards", Role.ENGINEER, json=body)
    assert made.status_code == again.status_code == 201
    assert made.json() == again.json()
    hazard = made.json()
    assert (hazard["inspection"], hazard["state"], hazard["recheck"]) == (no, "rectifying", "")
    listed = await planned.get("/v1/hazards?open=true&limit=1")
    assert [one["no"] for one in listed["items"]] == [hazard["no"]]
    assert (await planned.get("/v1/hazards?state=cleared"))["items"] == []
    result = {"passed": True, "command_id": "x1"}
    answer = await planned.ask("POST", f"/v1/hazards/{hazard['no']}/result", json=result)
    problem(answer, 409, "hazard_not_rechecking")
    withdraw = {"reason": "was none", "command_id": "x2"}
    problem(
        await planned.ask("POST", f"/v1/hazards/{hazard['no']}/withdraw", Role.ENGINEER, json=withdraw),
        403,
        "not_allowed",
    )
    answer = await planned.ask("POST", f"/v1/hazards/{hazard['no']}/withdraw", Role.SUPERVISOR, json=withdraw)
    assert answer.json()["state"] == "withdrawn"
    assert await planned.get(f"/v1/work-orders/{no}/stops") == []
    problem(await planned.ask("GET", "/v1/hazards/none"), 404, "unknown_hazard")


async def test_a_key_of_one_site_sees_its_own(planned: World) -> None:
    everything = (await planned.get("/v1/plans"))[0]["things"]
    sites = {one["place"]["site"] for one in (await planned.get("/v1/plans/care/things"))["items"]}
    secret, _ = planned.app.stores.sql.keys.create("one", Role.OPERATOR, NOW, sites=(min(sites),))
    headers = {"authorization": f"Bearer {secret}"}
    own = (await planned.ask("GET", "/v1/plans/care/things", None, headers=headers)).json()["items"]
    assert {one["place"]["site"] for one in own} == {min(sites)}
    counts = (await planned.ask("GET", "/v1/plans", None, headers=headers)).json()[0]
    assert counts["things"] == len(own) < everything or len(sites) == 1
    body = {"route": "R1", "reason": "x", "command_id": "r"}
    problem(await planned.ask("POST", "/v1/plans/care/skip", None, headers=headers, json=body), 404, "unknown_device")


async def test_the_list_of_codes(tmp_path: Path) -> None:
    text = "E07: {kind: fault, name: {en: Too hot, zh: 过温}, knowledge: {en: Look at the fan., zh: 检查风扇。}}\n"
    text += "C01: {kind: cause, name: {en: Worn contact, zh: 触点磨损}}\n"
    (tmp_path / "order_codes.yaml").write_text(text, "utf-8")
    world = World(tmp_path)
    assert [one["code"] for one in await world.get("/v1/order-codes", Role.VIEWER)] == ["E07", "C01"]
    assert [one["code"] for one in await world.get("/v1/order-codes?kind=cause")] == ["C01"]
    world.raise_alarm()
    [order] = (await world.get("/v1/work-orders"))["items"]
    found = await world.get(f"/v1/work-orders/{order['no']}")
    assert found["known_fault"]["knowledge"]["zh"] == "检查风扇。"
    for act, fields in (
        ("assign", {"assignee": "engineer"}),
        ("accept", {}),
        ("start", {}),
        ("resolve", {"fault": "E07-过温", "cause": "loose", "remedy": "fixed"}),
    ):
        assert (await world.act(order["no"], act, **fields)).status_code == 200
    resolution = (await world.get(f"/v1/work-orders/{order['no']}"))["resolution"]
    assert (resolution["fault"], resolution["fault_name"]["en"]) == ("E07", "Too hot")
    assert resolution["cause_name"] == {"en": "loose", "zh": "loose"}
