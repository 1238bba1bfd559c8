"""Scenario 25: rule files change while readings come in as fast as they go.

A mistake anywhere changes nothing and is told with its line; what is right takes effect as a whole; a rule that did not
change keeps its state: an alarm that is raised is not raised again, and its order stays the only one.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hostile_kit import NEEDS_MOSQUITTO, RULES, client, live, text, until, write_project

from simulators.servers import mosquitto

pytestmark = NEEDS_MOSQUITTO
MANY = 300
BROKEN = {
    "bad YAML": "- id: [\n",
    "a rule that means nothing": RULES.replace("gun_temp", "gun_tmp").replace("hostile.hot", "b.one"),
    "half a rule": 'format: 1\nrules:\n- id: b.two\n  when: "gun_temp >= 1 degC"\n',
    "the same id twice": RULES,
}


async def test_rules_change_in_a_flood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.app.reload.POLL", 3600)
    with mosquitto(tmp_path / "broker") as broker:
        config = write_project(tmp_path / "project", devices=["G", "H"], broker=broker.port)
        folder = tmp_path / "project" / "rules"
        async with live(config) as app, client(broker.port, "flood") as sender:
            stats: Any = app.ingest.sources.running["broker"].stats  # type: ignore[attr-defined]
            await until(lambda: stats.connected, "connected")
            sent = 0

            async def flood() -> None:
                nonlocal sent
                while True:
                    assert await sender.publish("h/G/now", text({"temp": 95 + sent % 5}))
                    sent += 1

            task = asyncio.create_task(flood())
            await until(lambda: len(app.stores.sql.queries.orders().items) == 1, "the order")
            before = app.consumers.rules.status.rules["hostile.hot"]
            for wrong in BROKEN.values():
                (folder / "b.yaml").write_text(wrong, "utf-8")
                found = await app.operation.reload.reload("li")
                assert found.changed == 0
                assert all(problem.line > 0 and "b.yaml" in problem.render("en") for problem in found.problems)
                assert found.problems
                assert set(app.consumers.rules.status.rules) == {"hostile.hot"}
            head, body = RULES.split("- id:")
            one = "- id:" + body.replace(">= 90", ">= 900")
            many = head + "".join(one.replace("hostile.hot", f"many.r{n}") for n in range(MANY))
            (folder / "b.yaml").write_text(
                many + one.replace("hostile.hot", "many.bad").replace("gun_temp", "x"), "utf-8"
            )
            assert (await app.operation.reload.reload("li")).changed == 0, "one bad rule of many: none of them"
            (folder / "b.yaml").write_text(many, "utf-8")
            assert (await app.operation.reload.reload("li")).changed == MANY
            await until(lambda: len(app.consumers.rules.status.rules) == MANY + 1, "all of them")
            (folder / "b.yaml").unlink()
            assert (await app.operation.reload.reload("li")).changed == MANY
            await until(lambda: set(app.consumers.rules.status.rules) == {"hostile.hot"}, "none of them")
            (tmp_path / "project" / "devices.csv").write_text("code,profile\nG,hostile\n", "utf-8")
            assert (await app.operation.reload.reload("li")).changed == 1, "a device fewer"
            count = sent
            await until(lambda: sent > count + 50, "the flood went on")
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await until(
                lambda: stats.journaled >= sent and app.consumers.rules.committed >= app.stores.journal.head(0),
                "judged",
            )
            assert app.consumers.rules.status.rules["hostile.hot"] == before
            (order,) = app.stores.sql.queries.orders().items
            assert order.count == 1, "raised once"
