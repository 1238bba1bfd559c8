"""Scenario 27: the power of a site fails, and two thousand of its devices raise an alarm at once.

Every alarm is recorded; the site gets the orders its limit allows and one storm order that lists the rest; the OA hears
of few changes; a critical alarm of another site is not held up behind it.
"""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from hostile_kit import CONFIG, ENDPOINT, client, fetch, live, oa_stats, oa_system, text, until, write_project

from gateway.store import AlarmFilter, OrderFilter
from simulators.servers import mosquitto, mosquitto_binary

pytestmark = [
    pytest.mark.fault,
    pytest.mark.server,
    pytest.mark.skipif(mosquitto_binary() is None, reason="mosquitto is not installed (apt-get install mosquitto)"),
]
CROWD, ORDERS = 2_000, 20
RULES = f"""\
format: 1
limits: {{orders_per_site: {ORDERS} per 1h}}
rules:
- id: site.no-power
  title: {{en: No power, zh: 断电}}
  watch: {{kind: charger}}
  when: "voltage < 100 V"
  clear: "voltage > 200 V"
  then: {{order: {{type: repair, fault: E01, level: minor}}}}
- id: site.hot
  title: {{en: Hot, zh: 过热}}
  watch: {{kind: charger}}
  when: "gun_temp >= 90 degC"
  clear: "gun_temp < 50 degC"
  then: {{order: {{type: repair, fault: E07, level: critical}}}}
"""


def project(folder: Path, broker: int, oa: int) -> Path:
    names = [f"D{n:04d}" for n in range(CROWD)]
    rows = [f"{name},hostile,dark" for name in names] + ["X1,hostile,bright"]
    files = {
        "rules/hostile.yaml": RULES,
        "devices.csv": "code,profile,site\n" + "\n".join(rows) + "\n",
        "sites.csv": "code,name,timezone\ndark,Dark,Asia/Shanghai\nbright,Bright,Asia/Shanghai\n",
    }
    config = CONFIG.replace("registry: {devices: devices.csv}", "registry: {devices: devices.csv, sites: sites.csv}")
    return write_project(folder, devices=[], config=config + ENDPOINT, files=files, broker=broker, oa=oa)


async def test_a_site_without_power(tmp_path: Path) -> None:
    at = round(time.time() * 1000)
    with mosquitto(tmp_path / "broker") as broker, oa_system(tmp_path) as oa:
        async with live(project(tmp_path / "project", broker.port, oa)) as app:
            source: Any = app.ingest.sources.running["broker"]
            await until(lambda: source.stats.connected, "connected")

            async def lose_power(part: int) -> None:
                async with client(broker.port, f"devices-{part}") as sender:
                    for n in range(part, CROWD, 8):
                        assert await sender.publish(f"h/D{n:04d}/telemetry", text({"ts": at, "u": 0, "temp": 20}))

            async with asyncio.timeout(120):
                await asyncio.gather(*(lose_power(part) for part in range(8)))
            async with client(broker.port, "other") as sender:
                began = time.monotonic()
                assert await sender.publish("h/X1/telemetry", text({"ts": at + 1, "u": 230, "temp": 95}))
                await until(lambda: bright(app), "the order of the other site", 20)
                ours = bright(app)[0].no
                await until(lambda: is_at_oa(oa, ours), "the OA has it", 20)
                assert time.monotonic() - began < 15, "not behind two thousand others"
            head = app.stores.journal.head(0)
            await until(lambda: app.consumers.rules.committed >= head, "everything is decided", 60)
            alarms = app.stores.sql.database.query(
                lambda c: c.exec_driver_sql("SELECT count(*) FROM alarm").scalar_one()
            )
            assert alarms == CROWD + 1, "every alarm is on record"
            orders = app.stores.sql.queries.orders(OrderFilter(site="dark"), limit=200).items
            assert len(orders) == ORDERS + 1
            (storm,) = [order for order in orders if order.source == "storm"]
            assert storm.count == CROWD - ORDERS
            assert len(app.stores.sql.queries.alarms_of(storm.no)) == CROWD - ORDERS
            await until(lambda: oa_stats(oa).get("orders") == ORDERS + 2, "orders at the OA", 30)
            await until(lambda: not waiting(app), "the outbox is empty", 30)
            assert oa_stats(oa)["events"] < ORDERS + 30, "one event an order, a few about the storm"
            assert oa_stats(oa).get("out_of_order", 0) == 0
            assert len(app.stores.sql.queries.alarms(AlarmFilter(), limit=200).items) > 0
            app.ingest.intake.balance("broker").check()


def bright(app: Any) -> list[Any]:
    return list(app.stores.sql.queries.orders(OrderFilter(site="bright"), limit=5).items)


def is_at_oa(oa: int, number: str) -> bool:
    return fetch(oa, f"/orders/{number}")[0] == 200


def waiting(app: Any) -> int:
    return sum(
        count
        for state, count in app.stores.sql.queries.counts().items()
        if state in {"deliveries.pending", "deliveries.leased"}
    )
