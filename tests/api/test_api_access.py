"""Keys, roles, sites; what is open without a key."""

import stat
from pathlib import Path

import pytest
from api_kit import MAIN, NOW, World, problem

from gateway.api.admin_key import ensure_admin
from gateway.domain.duration import HOUR
from gateway.domain.workorder import Role

FILE = "admin.key"
EVERYBODY = {Role.VIEWER, Role.OPERATOR, Role.ENGINEER, Role.SUPERVISOR, Role.ADMIN, Role.INTEGRATOR}
WORKERS = EVERYBODY - {Role.VIEWER}
OPERATORS = {Role.OPERATOR, Role.SUPERVISOR, Role.ADMIN, Role.INTEGRATOR}
CHIEFS = {Role.SUPERVISOR, Role.ADMIN}
COMMANDERS = {Role.ENGINEER, Role.OPERATOR, Role.SUPERVISOR, Role.ADMIN}
MATRIX = [
    ("GET", "/v1/me", EVERYBODY), ("GET", "/v1/devices", EVERYBODY), ("GET", "/v1/devices/D1", EVERYBODY),
    ("GET", "/v1/devices/D1/series?point=energy", EVERYBODY), ("GET", "/v1/alarms", EVERYBODY),
    ("GET", "/v1/alarms/0-1-1", EVERYBODY), ("POST", "/v1/alarms/0-1-1/unlatch", WORKERS),
    ("GET", "/v1/work-orders", EVERYBODY), ("GET", "/v1/work-orders/WO-1", EVERYBODY),
    ("GET", "/v1/work-orders/WO-1/clocks", EVERYBODY),
    ("POST", "/v1/work-orders", WORKERS), ("POST", "/v1/work-orders/WO-1/commands", WORKERS),
    ("POST", "/v1/work-orders/commands", WORKERS),
    ("GET", "/v1/order-codes", EVERYBODY), ("GET", "/v1/plans", EVERYBODY), ("GET", "/v1/plans/none/things", EVERYBODY),
    ("GET", "/v1/plans/none/forecast", EVERYBODY), ("GET", "/v1/plans/none/cycles", EVERYBODY),
    ("GET", "/v1/plans/none/coverage", EVERYBODY), ("POST", "/v1/plans/none/skip", WORKERS),
    ("POST", "/v1/plans/none/postpone", WORKERS), ("GET", "/v1/hazards", EVERYBODY),
    ("GET", "/v1/hazards/none", EVERYBODY), ("POST", "/v1/hazards/none/result", WORKERS),
    ("POST", "/v1/hazards/none/withdraw", WORKERS), ("POST", "/v1/work-orders/WO-1/hazards", WORKERS),
    ("GET", "/v1/work-orders/WO-1/stops", EVERYBODY), ("POST", "/v1/work-orders/WO-1/stops", WORKERS),
    ("GET", "/v1/events", EVERYBODY), ("GET", "/v1/deliveries", OPERATORS),
    ("GET", "/v1/deliveries/1/attempts", OPERATORS), ("POST", "/v1/deliveries/1/redeliver", CHIEFS),
    ("GET", "/v1/endpoints", OPERATORS), ("POST", "/v1/endpoints/oa/enable", CHIEFS),
    ("GET", "/v1/dead-letters", OPERATORS), ("GET", "/v1/unused", OPERATORS),
    ("GET", "/v1/keys", {Role.ADMIN}), ("POST", "/v1/keys", {Role.ADMIN}),
    ("POST", "/v1/endpoints/nobody/test", {Role.SUPERVISOR, Role.ADMIN}),
    ("DELETE", "/v1/keys/nobody", {Role.ADMIN}), ("GET", "/v1/audit", {Role.ADMIN}),
    ("GET", "/v1/audit/orders", {Role.ADMIN}),
    ("DELETE", "/v1/customers/nobody", {Role.ADMIN}),
    ("GET", "/v1/abnormal-readings", EVERYBODY),
    ("POST", "/v1/corrections", CHIEFS), ("GET", "/v1/corrections", EVERYBODY),
    ("GET", "/v1/corrections/none", EVERYBODY), ("POST", "/v1/corrections/none/undo", CHIEFS),
    ("POST", "/v1/meter-exchanges", WORKERS), ("GET", "/v1/meter-exchanges", EVERYBODY),
    ("POST", "/v1/meter-exchanges/none/undo", WORKERS),
    ("GET", "/v1/state-texts", OPERATORS), ("POST", "/v1/state-texts/clear", CHIEFS),
    ("GET", "/v1/schemas", EVERYBODY), ("GET", "/v1/schemas/workorder.created", EVERYBODY),
    ("POST", "/v1/reload", {Role.ADMIN}),
    ("GET", "/v1/tail", OPERATORS),
    ("GET", "/v1/devices/D1/commands/allowed", EVERYBODY), ("GET", "/v1/devices/D1/commands", EVERYBODY),
    ("POST", "/v1/devices/D1/commands", COMMANDERS), ("GET", "/v1/device-commands", EVERYBODY),
    ("GET", "/v1/device-commands/1", EVERYBODY), ("POST", "/v1/device-commands/1/approve", CHIEFS),
    ("POST", "/v1/device-commands/1/refuse", COMMANDERS), ("POST", "/v1/device-commands/1/settle", COMMANDERS),
    ("POST", "/v1/history/before", OPERATORS),
    ("POST", "/v1/history/open/counts", OPERATORS), ("POST", "/v1/history/open/rows", OPERATORS),
]  # fmt: skip


async def test_the_permission_matrix(world: World) -> None:
    for method, path, roles in MATRIX:
        problem(await world.ask(method, path, None, json={}), 401, "unauthorized")
        for role in EVERYBODY:
            answer = await world.ask(method, path, role, json={})
            denied = answer.status_code == 403
            assert denied == (role not in roles), (method, path, role, answer.text)
            assert answer.status_code not in (401, 500), (method, path, role, answer.text)


async def test_the_matrix_knows_every_route(world: World) -> None:
    spec = await world.get("/openapi.json")
    routes = {
        (method.upper(), path)
        for path, methods in spec["paths"].items()
        for method in methods
        if path.startswith("/v1/") and not path.startswith(("/v1/callbacks", "/v1/imports"))
    }
    assert len(routes) == len(MATRIX), routes


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic Zm9vOmJhcg==",
        "Bearer fg_",
        "Bearer fg_wrong",
        "Bearer fg_" + "x" * 5000,
        "Bearer ' OR 1=1 --",
        "bearer fg_\xe4",
    ],
)
async def test_a_wrong_key_opens_nothing(world: World, header: str) -> None:
    answer = await world.client.get("/v1/me", headers={"authorization": header.encode("latin-1")})
    problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    text = (await world.client.get("/metrics")).text
    assert sum(float(line.split()[-1]) for line in text.splitlines() if "fieldgate_api_refused_total{" in line) == 1


async def test_keys_are_made_and_revoked(world: World) -> None:
    made = await world.ask("POST", "/v1/keys", json={"name": "zhang", "role": "engineer"})
    assert made.status_code == 201, made.text
    secret = made.json()["key"]
    headers = {"authorization": f"Bearer {secret}"}
    assert (await world.client.get("/v1/me", headers=headers)).json()["name"] == "zhang"
    listed = await world.ask("GET", "/v1/keys")
    assert "zhang" in [key["name"] for key in listed.json()["items"]]
    assert secret not in listed.text
    problem(await world.ask("POST", "/v1/keys", json={"name": "zhang", "role": "viewer"}), 409, "key_name")
    problem(await world.ask("POST", "/v1/keys", json={"name": "x", "role": "system"}), 422, "invalid")
    assert (await world.ask("DELETE", "/v1/keys/zhang")).status_code == 204
    problem(await world.client.get("/v1/me", headers=headers), 401, "unauthorized")
    problem(await world.ask("DELETE", "/v1/keys/zhang"), 404, "unknown_key")
    problem(await world.ask("DELETE", "/v1/keys/admin"), 409, "last_admin")


async def test_a_key_ends_when_it_expires(world: World) -> None:
    body = {"name": "guest", "role": "viewer", "expires_at": "2026-11-22T07:00:00Z"}
    secret = (await world.ask("POST", "/v1/keys", json=body)).json()["key"]
    headers = {"authorization": f"Bearer {secret}"}
    assert (await world.client.get("/v1/me", headers=headers)).status_code == 200
    world.clock.at = NOW + HOUR
    problem(await world.client.get("/v1/me", headers=headers), 401, "unauthorized")
    problem(await world.ask("POST", "/v1/keys", json={**body, "name": "late"}), 422, "key_expired")


async def test_a_key_bound_to_sites_sees_nothing_else(world: World) -> None:
    near, far = world.raise_alarm(1, "D1"), world.raise_alarm(2, "D2")
    numbers = {o["place"]["device"]: o["no"] for o in (await world.get("/v1/work-orders"))["items"]}
    body = {"name": "local", "role": "supervisor", "sites": ["HZ-1"]}
    world.secrets[Role.SYSTEM] = (await world.ask("POST", "/v1/keys", json=body)).json()["key"]
    local = Role.SYSTEM  # the slot of the kit that no real key uses
    assert [d["code"] for d in (await world.get("/v1/devices", local))["items"]] == ["D1", "D3"]
    assert [a["id"] for a in (await world.get("/v1/alarms", local))["items"]] == [near]
    assert [o["no"] for o in (await world.get("/v1/work-orders", local))["items"]] == [numbers["D1"]]
    for method, path in (
        ("GET", "/v1/devices/D2"), ("GET", "/v1/devices/D2/series?point=energy"), ("GET", f"/v1/alarms/{far}"),
        ("POST", f"/v1/alarms/{far}/unlatch"), ("GET", f"/v1/work-orders/{numbers['D2']}"),
    ):  # fmt: skip
        assert (await world.ask(method, path, local, json={"command_id": "x"})).status_code == 404, path
    assert (await world.act(numbers["D2"], "comment", local, note="x")).status_code == 404
    assert (await world.act(numbers["D1"], "comment", local, note="x")).status_code == 200
    told = {"command_id": "r", "device": "D2", "fault": "F", "title": "T"}
    assert (await world.ask("POST", "/v1/work-orders", local, json=told)).status_code == 404
    for path in ("/v1/events", "/v1/deliveries", "/v1/endpoints", "/v1/dead-letters", "/v1/unused"):
        problem(await world.ask("GET", path, local), 403, "scope")


async def test_health_is_open_on_loopback_alone(tmp_path: Path) -> None:
    for host, status in (("127.0.0.1", 200), ("0.0.0.0", 401)):
        changes = {"gateway.yaml": MAIN.replace("{port: 0,", f"{{port: 0, host: {host}, behind_tls_proxy: true,")}
        world = World(tmp_path / host, changes)
        for path in ("/healthz", "/readyz", "/metrics", "/openapi.json"):
            assert (await world.ask("GET", path, None)).status_code == status
            assert (await world.ask("GET", path, Role.VIEWER)).status_code == 200
        await world.close()


async def test_the_first_start_makes_one_admin(world: World) -> None:
    path = world.folder / "var" / FILE
    assert ensure_admin(world.app.context) is None  # there is an admin
    world.app.stores.sql.keys.revoke("admin", NOW)
    assert ensure_admin(world.app.context) == path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secret = path.read_text().strip()
    key = world.app.stores.sql.keys.verify(secret, NOW)
    assert key is not None
    assert (key.role, key.name) == (Role.ADMIN, "admin-2")
    assert ensure_admin(world.app.context) is None
    path.unlink()  # put somewhere safe: no reason for another
    assert ensure_admin(world.app.context) is None
    path.touch()  # a crash between the file and its content
    assert ensure_admin(world.app.context) == path
    assert path.read_text().startswith("fg_")


async def test_a_crash_before_anybody_read_the_key_revokes_it(world: World) -> None:
    path = world.folder / "var" / FILE
    world.app.stores.sql.keys.revoke("admin", NOW)
    ensure_admin(world.app.context)
    lost = path.read_text().strip()
    path.write_text("")
    assert ensure_admin(world.app.context) == path
    assert world.app.stores.sql.keys.verify(lost, NOW) is None
    assert world.app.stores.sql.keys.verify(path.read_text().strip(), NOW) is not None


async def test_bodies_are_bounded_and_answers_give_nothing_away(world: World) -> None:
    big = await world.ask("POST", "/v1/work-orders", content=b"x" * 5000)
    problem(big, 413, "too_large")

    async def drops() -> object:
        for _ in range(9):
            yield b"x" * 1000

    problem(await world.ask("POST", "/v1/work-orders", content=drops()), 413, "too_large")
    problem(await world.ask("GET", "/v1/nothing"), 404, "not_found")
    problem(await world.ask("GET", "/nothing"), 404, "not_found")
    wrong = await world.ask("PUT", "/v1/alarms")
    problem(wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET"
    json = {"content-type": "application/json"}
    problem(await world.ask("POST", "/v1/work-orders", content=b"{", headers=json), 400, "json")
    answer = await world.ask("GET", "/v1/me")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
