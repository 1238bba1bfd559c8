"""Device commands by API: what is allowed, who may, limits, keys; nothing is sent here."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_kit import NOW, World, problem
from device_commands.command_kit import changes

from gateway.domain.device_command.command import CommandEvent
from gateway.domain.device_command.lifecycle import Happening
from gateway.domain.duration import HOUR, MINUTE
from gateway.domain.workorder import Role


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path, changes())
    yield world
    await world.close()


async def send(
    world: World,
    command: str = "set_limit",
    key: str = "k1",
    role: Role = Role.OPERATOR,
    device: str = "D1",
    **body: Any,
) -> httpx.Response:
    headers = {"idempotency-key": key}
    wanted = {"command": command, **body}
    return await world.ask("POST", f"/v1/devices/{device}/commands", role, json=wanted, headers=headers)


async def test_what_is_allowed_is_shown_with_its_limits(world: World) -> None:
    found = (await world.get("/v1/devices/D1/commands/allowed"))["items"]
    assert [(one["name"], one["source"], one["approval"], one["each"]) for one in found] == [
        ("blink", "broker", "", True),
        ("reset", "broker", "", False),
        ("set_limit", "broker", "supervisor", False),
    ]
    assert found[2]["parameters"] == [
        {
            "name": "amps",
            "title_en": "amps",
            "title_zh": "amps",
            "type": "number",
            "unit": "A",
            "min": 6.0,
            "max": 32.0,
            "values": [],
            "max_length": 0,
            "default": None,
        }
    ]


async def test_a_command_from_request_to_approval(world: World) -> None:
    answer = await send(world, parameters={"amps": 16}, note="grid is full")
    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["location"] == f"/v1/device-commands/{made['id']}"
    assert (made["state"], made["open"], made["acts"]) == ("awaiting_approval", True, ["refuse"])
    assert made["parameters"] == {"amps": 16}
    again = await send(world, parameters={"amps": 16}, note="grid is full")
    assert (again.status_code, again.json()["id"]) == (200, made["id"])
    problem(await send(world, parameters={"amps": 17}), 409, "command_reused")
    path = f"/v1/device-commands/{made['id']}"
    approved = await world.ask("POST", f"{path}/approve", Role.SUPERVISOR, json={"note": "yes"})
    assert (approved.json()["state"], approved.json()["approver"]) == ("approved", "supervisor")
    stale = problem(await world.ask("POST", f"{path}/approve", Role.SUPERVISOR, json={}), 409, "not_now")
    assert [one["act"] for one in stale["possible"]] == ["refuse"]
    detail = await world.get(path)
    assert [(line["type"], line["actor"], line["after"]) for line in detail["audit"]] == [
        ("request", "operator", "awaiting_approval"),
        ("approve", "supervisor", "approved"),
    ]
    assert detail["audit"][0]["data"] == {"amps": 16, "note": "grid is full"}


async def test_the_requester_does_not_approve(world: World) -> None:
    made = (await send(world, role=Role.SUPERVISOR, parameters={"amps": 16})).json()
    path = f"/v1/device-commands/{made['id']}"
    problem(await world.ask("POST", f"{path}/approve", Role.SUPERVISOR, json={}), 403, "second_person")
    problem(await world.ask("POST", f"{path}/refuse", Role.OPERATOR, json={"reason": "no"}), 403, "not_allowed")
    taken_back = await world.ask("POST", f"{path}/refuse", Role.SUPERVISOR, json={"reason": "a mistake"})
    assert (taken_back.json()["state"], taken_back.json()["reason"]) == ("refused", "a mistake")


async def test_an_approval_after_its_time(world: World) -> None:
    made = (await send(world, parameters={"amps": 16})).json()
    world.clock.at += HOUR
    late = await world.ask("POST", f"/v1/device-commands/{made['id']}/approve", Role.ADMIN, json={})
    problem(late, 409, "too_late")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"command": "burn"}, 404, "not_allowed_here"),
        ({"command": "set_limit"}, 422, "parameter_missing"),
        ({"command": "set_limit", "parameters": {"amps": 5.9}}, 422, "parameter_range"),
        ({"command": "set_limit", "parameters": {"amps": 33}}, 422, "parameter_range"),
        ({"command": "set_limit", "parameters": {"amps": "16"}}, 422, "parameter_type"),
        ({"command": "set_limit", "parameters": {"amps": True}}, 422, "parameter_type"),
        ({"command": "set_limit", "parameters": {"amps": 16, "volts": 1}}, 422, "parameter_unknown"),
        ({"command": "blink"}, 422, "component"),
        ({"command": "blink", "component": 3}, 422, "component"),
        ({"command": "reset", "component": 1}, 422, "component"),
        ({"command": "reset", "force": True}, 422, "invalid"),
    ],
)
async def test_what_does_not_fit_is_refused(world: World, body: dict[str, Any], status: int, code: str) -> None:
    answer = await world.ask("POST", "/v1/devices/D1/commands", json=body, headers={"idempotency-key": "k"})
    problem(answer, status, code)
    assert (await world.get("/v1/device-commands"))["items"] == []


async def test_no_key_no_command(world: World) -> None:
    problem(await world.ask("POST", "/v1/devices/D1/commands", json={"command": "reset"}), 422, "command_id")


async def test_a_device_gets_so_many_a_minute(world: World) -> None:
    for number in range(6):
        assert (await send(world, "reset", f"k{number}")).status_code == 201
    refused = await send(world, "reset", "k6")
    problem(refused, 429, "too_many")
    assert refused.headers["retry-after"] == "60"
    assert (await send(world, "reset", "other", device="D2")).status_code == 201
    world.clock.at += MINUTE
    assert (await send(world, "reset", "k6")).status_code == 201


async def test_pages_and_filters(world: World) -> None:
    for number in range(5):
        world.clock.at += 1
        name, parameters = ("reset", {}) if number % 2 else ("set_limit", {"amps": 9})
        await send(world, name, f"k{number}", parameters=parameters)
    await send(world, "reset", "other", device="D2")
    first = await world.get("/v1/devices/D1/commands?limit=3")
    rest = await world.get(f"/v1/devices/D1/commands?limit=3&cursor={first['next']}")
    names = [one["name"] for one in first["items"] + rest["items"]]
    assert names == ["set_limit", "reset", "set_limit", "reset", "set_limit"]
    assert rest["next"] == ""
    waiting = await world.get("/v1/device-commands?state=awaiting_approval&open=true")
    assert len(waiting["items"]) == 3
    assert (await world.get("/v1/device-commands?open=false"))["items"] == []
    problem(await world.ask("GET", "/v1/device-commands?cursor=AAAA"), 422, "cursor")


async def test_a_key_bound_to_a_site_commands_its_devices_alone(world: World) -> None:
    secret, _ = world.app.stores.sql.keys.create("nb", Role.SUPERVISOR, NOW, ["NB-1"])
    world.secrets[Role.SUPERVISOR] = secret
    problem(await send(world, "reset", role=Role.SUPERVISOR), 404, "unknown_device")
    made = (await send(world, "reset", "k2")).json()
    problem(await world.ask("GET", f"/v1/device-commands/{made['id']}", Role.SUPERVISOR), 404, "unknown_command")
    refuse = await world.ask("POST", f"/v1/device-commands/{made['id']}/refuse", Role.SUPERVISOR, json={"reason": "x"})
    problem(refuse, 404, "unknown_command")
    assert (await world.get("/v1/device-commands", Role.SUPERVISOR))["items"] == []
    assert (await send(world, "reset", "k3", Role.SUPERVISOR, "D2")).status_code == 201


async def test_settling_what_is_uncertain_in_the_language_of_the_reader(world: World) -> None:
    made = (await send(world, "reset")).json()
    store = world.app.stores.sql.device_commands
    store.change(made["id"], lambda _: Happening(CommandEvent.SEND, NOW))
    store.change(made["id"], lambda _: Happening(CommandEvent.LOSE, NOW, reason="command.cut_off"))
    path = f"/v1/device-commands/{made['id']}"
    found = await world.get(path, Role.ENGINEER, headers={"accept-language": "zh"})
    assert found["reason"].startswith("网关在下发后")
    assert found["acts"] == ["settle"]
    body = {"outcome": "not_done", "reason": "the charger did not restart"}
    settled = (await world.ask("POST", f"{path}/settle", Role.ENGINEER, json=body)).json()
    assert (settled["state"], settled["outcome"], settled["open"]) == ("settled", "not_done", False)
    problem(await world.ask("POST", f"{path}/settle", Role.ENGINEER, json=body), 409, "not_now")


async def test_the_routes_are_described(world: World) -> None:
    document = (await world.ask("GET", "/openapi.json")).json()
    assert "/v1/device-commands/{command}/approve" in document["paths"]
    assert "DeviceCommandDetail" in document["components"]["schemas"]
