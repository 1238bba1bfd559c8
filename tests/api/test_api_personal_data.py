"""Names and phone numbers live in SQL alone, and leave it when they are no longer needed or wanted."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_kit import MAIN, NOW, World, house, problem, transition
from msgspec import structs
from sqlalchemy import select

from gateway.app.build import build
from gateway.domain.alarm import NoticePlan
from gateway.domain.duration import DAY, SECOND
from gateway.domain.reading import Reading, batch_of
from gateway.domain.record import CustomerSet, Record, RecordKind
from gateway.domain.workorder import Role
from gateway.ports import Settled
from gateway.settings import load_project
from gateway.store import Database, SecurityAudit, blank_dead, tables

PHONE, NAME = "13800000001", "Wang"
SMS = """\
endpoints:
  sms:
    type: sms
    url: https://sms.example.com/send
    secret: whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=
    sign: x
    templates: {hot: CODE}
"""
TOLD = MAIN.replace("endpoints:\n", SMS).replace("desk:\n", "desk:\n  audiences: {owner: customer}\n")
FILES = {
    "gateway.yaml": TOLD + "templates: templates.yaml\n",
    "templates.yaml": 'hot: {zh: "{{ device }}", en: "{{ device }}", params: [device]}\n',
}
NO_WANG = {**FILES, "customers.csv": "code,name,phone\nC2,Li,13800000002\n",
           "devices.csv": "code,profile,site,customer\nD1,dc,HZ-1,C2\nD2,dc,NB-1,C2\n"}  # fmt: skip


@pytest.fixture
async def with_message(tmp_path: Path) -> Any:
    """A world in which a message to Wang waits."""
    world = World(tmp_path, FILES)
    raise_alarm(world, 1)
    yield world
    await world.close()


def raise_alarm(world: World, seq: int, code: str = "D1") -> None:
    raised = transition(seq, device=world.id(code), fault=f"E{seq}")
    plan = structs.replace(raised.plan, notice=NoticePlan("owner", "hot"))
    raised = structs.replace(raised, plan=plan)
    world.app.desk.apply([raised], seq, (), NOW + seq * SECOND)


def bodies(database: Database) -> list[bytes]:
    rows = select(tables.outbox.c.body).where(tables.outbox.c.kind == "notice")
    return database.query(lambda c: list(c.scalars(rows)))


def phones(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file() and PHONE.encode() in path.read_bytes():
            yield path.name.partition("-")[0]


async def test_facts_and_snapshots_hold_no_names_and_numbers(tmp_path: Path) -> None:
    app = build(load_project(house(tmp_path, FILES), {}))
    await app.start()
    facts = [record.body for record in app.stores.journal.kept(RecordKind.FACT, 0, 1000)]
    await app.stop()
    assert [(f.customer.code, f.customer.name, f.customer.phone) for f in facts if isinstance(f, CustomerSet)] == [
        ("C1", "", "")
    ]
    assert list((tmp_path / "var" / "snapshots").iterdir())
    assert set(phones(tmp_path / "var")) == {"fieldgate.sqlite"}


async def test_another_number_is_no_news_for_the_rules(tmp_path: Path) -> None:
    world = World(tmp_path, FILES)
    await world.close()
    files = {**FILES, "customers.csv": "code,name,phone\nC1,Wang,13900000009\n"}
    world = World(tmp_path, files)
    assert len(world.app.stores.sql.outbox.pending(100)) == len(
        {row for row, _ in world.app.stores.sql.outbox.pending(100)}
    )
    changed = [f for _, f in world.app.stores.sql.outbox.pending(100) if isinstance(f, CustomerSet)]
    assert len(changed) == 1, "the first one alone"
    raise_alarm(world, 1)
    assert json.loads(bodies(world.app.stores.sql.database)[0])["phone"] == "13900000009"
    await world.close()


async def test_who_is_off_the_list_gets_no_notices(tmp_path: Path) -> None:
    world = World(tmp_path, FILES)
    await world.close()
    files = {**NO_WANG, "devices.csv": FILES.get("devices.csv", "code,profile,site,customer\nD1,dc,HZ-1,C2\n")}
    world = World(tmp_path, files)
    gone = {c.code: c.gone for c in world.app.stores.registry.contents().customers}
    assert gone == {"C1": True, "C2": False}
    from gateway.store import CustomerAudience

    audience = CustomerAudience(world.app.stores.sql.database, {"both": ["C1", "C2"]})
    assert [to.customer for to in audience.resolve("both", 0)] == ["C2"]
    await world.close()
    world = World(tmp_path, {**FILES, "devices.csv": "code,profile,site,customer\nD1,dc,HZ-1,C1\n"})
    assert {c.code: c.gone for c in world.app.stores.registry.contents().customers} == {"C1": False, "C2": True}
    await world.close()


async def test_a_customer_is_erased_by_the_api(with_message: World) -> None:
    assert PHONE.encode() in bodies(with_message.app.stores.sql.database)[0]
    raise_alarm(with_message, 2, "D3")
    leased = with_message.app.stores.sql.deliveries.lease("me", NOW + DAY, NOW + 2 * DAY, 1, "sms")
    with_message.app.stores.sql.deliveries.settle(leased[0], Settled("dead", "no", excerpt=PHONE), NOW)
    answer = await with_message.ask("DELETE", "/v1/customers/C1")
    assert answer.json() == {"customer": True, "notices": 2, "deliveries": 2, "texts": 0, "listed": True}
    assert bodies(with_message.app.stores.sql.database) == []
    assert with_message.app.stores.registry.contents().customers == ()
    problem(await with_message.ask("DELETE", "/v1/customers/C1"), 404, "unknown_customer")
    problem(await with_message.ask("DELETE", "/v1/customers/C1", Role.SUPERVISOR), 403, "role")
    (row,) = [row for row in with_message.app.stores.sql.audit.rows(9) if row.act == "customer.erase"]
    assert (row.actor, row.subject) == ("admin", "C1")
    facts = [
        r.body.customer
        for r in with_message.app.stores.journal.kept(RecordKind.FACT, 0, 99)
        if isinstance(r.body, CustomerSet)
    ]
    assert (facts[-1].code, facts[-1].attrs, facts[-1].gone) == ("C1", {}, True)


async def test_a_customer_is_erased_by_the_command(tmp_path: Path) -> None:
    world = World(tmp_path, FILES)
    raise_alarm(world, 1)
    await world.close()

    def erase(lang: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "gateway", "erase", "customer", "C1", "-c", str(tmp_path / "gateway.yaml")]
        done = subprocess.run([*command, "--lang", lang], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    code, said = erase("en")
    assert (code, "list of customers" in said) == (2, True), said
    house(tmp_path, NO_WANG)
    code, said = erase("en")
    assert code == 0, said
    assert said == (
        "customer C1 is erased: name, phone number and attributes; texts of 1 notice(s); 1 message(s) with their "
        "attempts; 0 text(s) in the audit of orders\n"
    )
    assert set(phones(tmp_path / "var")) == set(), "not in pages that were freed either"
    code, said = erase("zh")
    assert (code, said) == (1, "没有客户 C1 的任何记录\n")
    database = Database(f"sqlite:///{tmp_path / 'var' / 'fieldgate.sqlite'}")
    assert [row.act for row in SecurityAudit(database).rows(1)] == ["customer.erase"]
    assert database.query(lambda c: list(c.scalars(select(tables.customer.c.code)))) == []
    database.close()


async def test_messages_that_were_given_up_are_forgotten(with_message: World) -> None:
    leased = with_message.app.stores.sql.deliveries.lease("me", NOW + DAY, NOW + 2 * DAY, 1, "sms")
    assert blank_dead(with_message.app.stores.sql.database, NOW + 40 * DAY) == 0, "it waits"
    with_message.app.stores.sql.deliveries.settle(leased[0], Settled("dead", "no"), NOW)
    assert blank_dead(with_message.app.stores.sql.database, NOW - DAY) == 0, "it is young"
    assert blank_dead(with_message.app.stores.sql.database, NOW + 40 * DAY) == 1
    assert bodies(with_message.app.stores.sql.database) == [b""]
    (dead,) = [d for d in (await with_message.get("/v1/deliveries"))["items"] if d["state"] == "dead"]
    problem(await with_message.ask("POST", f"/v1/deliveries/{dead['id']}/redeliver"), 409, "forgotten")


VEHICLES = {
    "devices.csv": "code,profile\nV1,van\nV2,van\n",
    "profiles/van.yaml": "kind: vehicle\npoints: {lat: {unit: deg, retain: 30d}, soc: {unit: pct}}\n",
}


async def test_positions_go_before_the_rest_also_after_a_restart_and_not_by_a_clock_nobody_believes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, VEHICLES)
    lat, soc = (world.app.stores.registry.points("van")[name, 0].id for name in ("lat", "soc"))
    days = [Reading(world.id("V1"), point, NOW - day * DAY, float(day)) for point in (lat, soc) for day in range(40)]
    parked = Reading(world.id("V2"), lat, NOW - 33 * DAY, 30.5)
    world.app.stores.series.write(7, [Record(1, NOW, batch_of([[*days, parked]]))])

    def kept(point: int) -> int:
        return len(world.app.stores.series.range(world.id("V1"), point, 0, NOW + DAY).at)

    for trusted, positions in ((False, 40), (True, 31)):
        monkeypatch.setattr(type(world.app.ingest.intake), "clock_is_trusted", lambda _, trusted=trusted: trusted)
        await world.app.operation.housekeeping.delete_old()
        assert (kept(lat), kept(soc)) == (positions, 40)
    assert world.app.stores.series.latest(world.id("V2")) == []
    await world.close()
    world = World(tmp_path, VEHICLES)
    assert (kept(lat), kept(soc)) == (31, 40)
    world.clock.at += 5 * DAY
    await world.app.operation.housekeeping.delete_old()
    assert (kept(lat), kept(soc)) == (26, 40)
    await world.close()


async def test_plates_are_whole_for_admins_and_rules_and_masked_everywhere_else(tmp_path: Path) -> None:
    plate, shown = "京A·12345", "京A****5"
    changes = {
        **FILES,
        "devices.csv": f"code,name,profile,site,customer,plate\nD1,Van {plate},dc,HZ-1,C1,{plate}\nD2,,dc,NB-1,C1,\n",
        "templates.yaml": 'hot: {zh: "{{ device_name }}", en: "{{ device_name }}", params: [device_name]}\n',
    }
    world = World(tmp_path, changes)
    for role in Role:
        if role is Role.SYSTEM:
            continue
        answer = await world.ask("GET", "/v1/devices/D1", role)
        if answer.status_code == 200:
            whole = plate if role is Role.ADMIN else shown
            assert (answer.json()["attrs"]["plate"], answer.json()["name"]) == (whole, f"Van {whole}"), role
    listed = await world.get("/v1/devices", Role.VIEWER)
    assert listed["items"][0]["attrs"] == {"plate": shown}
    raise_alarm(world, 1)
    rows = world.app.stores.sql.database.query(
        lambda c: list(c.execute(select(tables.outbox.c.kind, tables.outbox.c.body)))
    )
    assert {kind for kind, _ in rows} == {"event", "notice"}
    assert all(plate not in (text := body.decode()) and f"Van {shown}" in text for _, body in rows)
    for path in ("/v1/alarms", "/v1/work-orders"):
        (item,) = (await world.get(path))["items"]
        assert item["place"]["name"] == f"Van {shown}"
    device = world.app.stores.registry.device("D1")
    assert device is not None
    assert device.attrs["plate"] == plate, "what rules see"
    await world.close()
