"""`POST /v1/work-orders/commands`: a result for each command, whatever the others are."""

from typing import Any

from api_kit import World, problem

from gateway.domain.workorder import Role

PATH = "/v1/work-orders/commands"


def item(no: str, act: str, id_: str, at: str = "2026-11-22T05:00:00Z", **fields: object) -> dict[str, Any]:
    return {"order": no, "act": act, "command_id": id_, "occurred_at": at, **fields}


async def test_each_command_has_a_result_and_the_batch_can_be_sent_again(world: World) -> None:
    world.raise_alarm()
    no = (await world.get("/v1/work-orders"))["items"][0]["no"]
    await world.act(no, "assign", assignee="engineer")
    batch = [
        item(no, "start", "m2", "2026-11-22T05:10:00Z"),
        item(no, "accept", "m1"),
        item(no, "dance", "m3"),
        item("WO-1", "accept", "m4"),
        item(no, "accept", "m5", "2027-01-01T00:00:00Z"),
        item(no, "resume", "m6"),
        {"order": no},
    ]
    first = await world.ask("POST", PATH, Role.ENGINEER, json={"commands": batch})
    assert first.status_code == 200, first.text
    found = first.json()
    assert [(one["index"], one["status"]) for one in found["results"]] == [
        (0, 200), (1, 200), (2, 422), (3, 404), (4, 422), (5, 409), (6, 422),
    ]  # fmt: skip
    assert [one["command_id"] for one in found["results"]] == ["m2", "m1", "m3", "m4", "m5", "m6", ""]
    codes = [one["problem"] and one["problem"]["code"] for one in found["results"]]
    assert codes == [None, None, "invalid", "unknown_order", "future", "illegal_move", "invalid"]
    refused = found["results"][5]["problem"]
    assert refused["type"] == "urn:fieldgate:problem:illegal_move"
    assert {one["act"] for one in refused["possible"]} >= {"start"}
    (order,) = found["orders"]
    assert (order["no"], order["state"], order["version"]) == (no, "in_progress", 4)
    again = await world.ask("POST", PATH, Role.ENGINEER, json={"commands": batch})
    assert again.json() == found
    chinese = await world.ask(
        "POST", PATH, Role.ENGINEER, json={"commands": batch[5:6]}, headers={"accept-language": "zh"}
    )
    assert "状态" in chinese.json()["results"][0]["problem"]["detail"]


async def test_bounds_and_sites(world: World) -> None:
    problem(await world.ask("POST", PATH, json={"commands": []}), 422, "invalid")
    problem(await world.ask("POST", PATH, json={"commands": [{}] * 501}), 422, "invalid")
    problem(await world.ask("POST", PATH, json={"commands": 3}), 422, "invalid")
    world.raise_alarm(1, "D2")
    no = (await world.get("/v1/work-orders"))["items"][0]["no"]
    made = await world.ask("POST", "/v1/keys", json={"name": "hz", "role": "engineer", "sites": ["HZ-1"]})
    headers = {"authorization": f"Bearer {made.json()['key']}"}
    answer = await world.ask(
        "POST", PATH, None, json={"commands": [item(no, "comment", "x", note="y")]}, headers=headers
    )
    assert [one["status"] for one in answer.json()["results"]] == [404], "an order of another site is not known"
    assert answer.json()["orders"] == []
