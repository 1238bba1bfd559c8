"""Who did what: rows for keys, redelivery, rules, registry, imports and refused access; guesses are slowed down."""

from pathlib import Path

import pytest
from api_kit import MAIN, NOW, World, house, problem

from gateway.api.admin_key import ensure_admin
from gateway.api.config import key_file
from gateway.api.refusal_limiter import ADDRESSES, BURST, ROWS, RefusalLimiter, source_of
from gateway.app.build import build
from gateway.domain.duration import DAY, HOUR
from gateway.domain.reading import empty_batch
from gateway.domain.record import Parcel, Raw
from gateway.domain.workorder import Role
from gateway.import_service.wire import Begin, End
from gateway.ports import Settled
from gateway.settings import load_project
from gateway.store import AuditedAct, delete_expired
from gateway.store.retention import AUDIT

WRONG = {"authorization": "Bearer fg_" + "x" * 43}


async def acts(world: World, **query: str) -> list[tuple[str, str, str, str]]:
    rows = (await world.get("/v1/audit", params=query))["items"]
    return [(row["actor"], row["address"], row["act"], row["subject"]) for row in rows]


async def test_keys_and_endpoints(world: World) -> None:
    await world.ask("POST", "/v1/keys", json={"name": "zhang", "role": "engineer", "sites": ["HZ-1"]})
    await world.ask("DELETE", "/v1/keys/zhang")
    await world.ask("DELETE", "/v1/keys/nobody")
    await world.ask("POST", "/v1/endpoints/oa/enable", Role.SUPERVISOR)
    await world.ask("POST", "/v1/deliveries/77/redeliver")  # there is none: nothing was done
    assert await acts(world) == [
        ("supervisor", "127.0.0.1", "endpoint.enable", "oa"),
        ("admin", "127.0.0.1", "key.revoke", "zhang"),
        ("admin", "127.0.0.1", "key.create", "zhang"),
        ("admin", "127.0.0.1", "access.admin", "admin"),
        ("configuration", "", "registry.change", ""),
    ]
    assert [row[2] for row in await acts(world, act="key")] == ["key.revoke", "key.create"]
    assert [row[2] for row in await acts(world, actor="supervisor")] == ["endpoint.enable"]
    first = await world.get("/v1/audit", params={"limit": 2})
    rest = await world.get("/v1/audit", params={"limit": 50, "cursor": first["next"]})
    assert [row["act"] for row in rest["items"]] == ["key.create", "access.admin", "registry.change"]
    world.clock.at += HOUR
    await world.get("/v1/me")
    assert (await acts(world))[0][2] == "access.admin", "once an hour"


async def test_a_delivery_that_is_sent_again(world: World) -> None:
    world.raise_alarm()
    (delivery, *_) = (await world.get("/v1/deliveries"))["items"]
    (leased, *_) = world.app.stores.sql.deliveries.lease("me", NOW + DAY, NOW + 2 * DAY, 1, "oa")
    world.app.stores.sql.deliveries.settle(leased, Settled("dead", "no"), NOW)
    assert (await world.ask("POST", f"/v1/deliveries/{delivery['id']}/redeliver")).status_code == 202
    assert ("admin", "127.0.0.1", "delivery.redeliver", str(delivery["id"])) in await acts(world)


async def test_rules_and_imports(tmp_path: Path) -> None:
    app = build(load_project(house(tmp_path), {}))
    await app.start()
    try:
        begun = await app.imports.begin(Begin("history.csv", "li"), "admin", "10.0.0.9")
        assert (await app.imports.end(begun.id, End(0))).done
        (tmp_path / "rules" / "a.yaml").write_text("format: 1\nrules: []\n")
        await app.operation.reload.reload("SIGHUP")
        rows = [(row.actor, row.address, row.act, row.subject) for row in app.stores.sql.audit.rows(10)]
    finally:
        await app.stop()
    assert rows == [
        ("SIGHUP", "", "rule.change", "hot"),
        ("admin", "10.0.0.9", "import.end", "history.csv"),
        ("admin", "10.0.0.9", "import.begin", "history.csv"),
        ("configuration", "", "rule.change", "hot"),
        ("configuration", "", "registry.change", ""),
    ]


async def test_guesses_are_counted_written_and_slowed_down(world: World) -> None:
    answers = [(await world.client.get("/v1/me", headers=WRONG)).status_code for _ in range(BURST)]
    assert answers == [401] * BURST
    for caller in world.api.state.requests.limiter._callers.values():
        caller.left, caller.at = 0.0, caller.at + 1e6  # however slow this machine is
    held = await world.client.get("/v1/me", headers=WRONG)
    problem(held, 429, "slow_down")
    assert int(held.headers["retry-after"]) >= 1
    problem(await world.callback({}, key=b"z" * 32), 429, "slow_down")
    problem(await world.ask("GET", "/v1/me"), 429, "slow_down")  # the first use of a key waits as well
    rows = [row for row in world.app.stores.sql.audit.rows(99) if row.act == "access.refused"]
    assert [(row.actor, row.address, row.subject, row.detail) for row in rows] == [("", "127.0.0.1", "wrong_key", "1")]


async def test_each_reason_is_told(world: World) -> None:
    await world.ask("GET", "/v1/me", None)
    await world.client.get("/v1/me", headers=WRONG)
    await world.ask("GET", "/v1/me", None)
    rows = [row.subject for row in world.app.stores.sql.audit.rows(99) if row.act == "access.refused"]
    assert rows == ["wrong_key", "no_key"]


async def test_a_key_that_opened_is_not_held_up_by_others(world: World) -> None:
    await world.get("/v1/me")
    await world.client.get("/v1/me", headers=WRONG)
    for caller in world.api.state.requests.limiter._callers.values():
        caller.left, caller.at = 0.0, caller.at + 1e6
    problem(await world.client.get("/v1/me", headers=WRONG), 429, "slow_down")
    await world.get("/v1/me")
    problem(await world.ask("GET", "/v1/me", None), 401, "unauthorized")


def test_the_throttle_is_bounded() -> None:
    limiter = RefusalLimiter()
    said = sum(limiter.refused(f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}", 0.0) for i in range(3 * ADDRESSES))
    assert said == ROWS
    assert len(limiter._callers) == ADDRESSES
    for _ in range(BURST):
        limiter.refused("2001:db8::1", 0.0)
    assert limiter.wait("2001:db8::2", 0.0) > 0, "one of the same /64"
    assert limiter.wait("2001:db8:0:1::2", 0.0) == 0
    assert limiter.wait("2001:db8::1", 4.0) == 0, "it may try again"
    assert source_of("::ffff:10.0.0.1") == "10.0.0.1"


async def test_behind_a_proxy_the_caller_is_whom_it_names(tmp_path: Path) -> None:
    for proxied, address in (("true", "203.0.113.9"), ("false", "127.0.0.1")):
        main = MAIN.replace("{port: 0,", f"{{port: 0, behind_tls_proxy: {proxied},")
        world = World(tmp_path / proxied, {"gateway.yaml": main})
        await world.ask("GET", "/v1/me", headers={"x-forwarded-for": "198.51.100.1, 203.0.113.9"})
        assert world.app.stores.sql.audit.rows(1)[0].address == address
        await world.close()


async def test_old_rows_and_parked_callbacks_are_forgotten(world: World) -> None:
    assert (await world.callback({"order": "WO-1", "action": "accept"})).status_code == 404
    world.app.stores.sql.audit.add(AuditedAct(NOW - AUDIT - 2 * DAY, "x", "", "key.create", "old"))
    delete_expired(world.app.stores.sql.database, NOW - DAY)
    assert len(world.app.stores.sql.inbox.waiting()) == 1
    assert "old" not in [row.subject for row in world.app.stores.sql.audit.rows(99)]
    delete_expired(world.app.stores.sql.database, NOW + DAY)
    assert world.app.stores.sql.inbox.waiting() == []


@pytest.mark.parametrize("first", [{"order": "WO-1", "action": "accept"}, b"no json"])
async def test_a_callback_id_with_another_body_is_no_repeat(world: World, first: object) -> None:
    before = await world.callback(first)
    assert (await world.callback(first)).status_code == before.status_code
    problem(await world.callback({"order": "WO-1", "action": "start"}), 409, "callback_reused")


async def test_each_tenant_has_its_own_dead_letters(world: World) -> None:
    def parcel(what: bytes) -> Parcel:
        return Parcel("s", empty_batch(), messages=1, rejected=(Raw("s", "t", "json", what, NOW),))

    await world.app.ingest.intake.emit(parcel(b"mine"))
    world.app.ingest.intake._tenant = "other"
    await world.app.ingest.intake.emit(parcel(b"theirs"))
    assert [row["text"] for row in (await world.get("/v1/dead-letters"))["items"]] == ["mine"]
    assert len(world.app.stores.journal.dead_letters(9)) == 2


async def test_a_second_tenant_has_a_key_file_of_its_own(tmp_path: Path) -> None:
    world = World(tmp_path)
    mine = key_file(tmp_path / "var", "default")
    mine.write_text("fg_of-the-first\n")
    await world.close()
    other = World(tmp_path, {"gateway.yaml": MAIN + "tenant: east\n"})
    other.app.stores.sql.keys.revoke("admin", NOW)
    assert ensure_admin(other.app.context) == tmp_path / "var" / "admin-east.key"
    assert mine.read_text() == "fg_of-the-first\n"
    await other.close()


async def test_no_key_file_is_overwritten(world: World) -> None:
    mine = key_file(world.folder / "var", "default")
    mine.write_text("fg_of-somebody\n")
    world.app.stores.sql.keys.revoke("admin", NOW)
    assert ensure_admin(world.app.context) == mine
    assert [path.read_text() for path in mine.parent.glob("admin.key.*")] == ["fg_of-somebody\n"]
