"""The demo's configuration is sound, its acts are of devices it has, and its account sees what is wrong."""

import asyncio
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from gateway.cli.demo.demo_run import AREA_CUSTOMERS, EMERGENCY, EXPECTED, broken_promises, folded, notified_once
from gateway.cli.demo.tally import DemoCounts
from gateway.domain.reading import Reading, batch_of
from gateway.journal import JournalConfig, SqliteJournal
from gateway.ports import Append
from gateway.settings.project import Project, load_project
from rules.casetest import as_text
from rules.casetest.run import run_cases
from simulators.scenario import load

ROOT = Path(__file__).parents[2]
SCENARIO = load(ROOT / "simulators" / "scenarios" / "demo.yaml")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("demo")
    for name in ("oa", "sms"):
        (folder / name).write_text("whsec_" + "ZGVtby10ZXN0LXNlY3JldC1vZi0zMi1ieXRlcw==\n", "ascii")
    env = {
        "DEMO_DATA": str(folder / "data"),
        "DEMO_API": "8420",
        "DEMO_MQTT": "mqtt://127.0.0.1:1883",
        "DEMO_MODBUS": "127.0.0.1:1502",
        "DEMO_OA": "http://127.0.0.1:1/hooks/oa",
        "DEMO_OA_SECRET": str(folder / "oa"),
        "DEMO_SMS": "http://127.0.0.1:2/send",
        "DEMO_SMS_SECRET": str(folder / "sms"),
    }
    return load_project(ROOT / "config" / "demo" / "gateway.yaml", env)


def test_the_rules_pass_their_own_cases(project: Project) -> None:
    cases = 0
    for tests in project.rulebook.tests:
        outcomes, problems = run_cases(tests, [*project.rulebook.rules.values()], project.rulebook.policy)
        assert [problem.render() for problem in problems] == []
        assert all(outcome.ok for outcome in outcomes), as_text(outcomes, "en")
        cases += len(outcomes)
    assert cases >= len(project.rulebook.rules)


def test_the_acts_are_of_devices_that_exist_and_make_the_expected_orders(project: Project) -> None:
    known = {device.code for device in project.declared.devices}
    cast = {*SCENARIO.chargers, *SCENARIO.vehicles, *SCENARIO.sensors}
    assert {act.device for act in SCENARIO.acts} <= cast <= known
    faults = {(act.device, act.connector) for act in SCENARIO.acts if act.act == "fault_code" and act.code == "E03"}
    hot = {(act.device, act.connector) for act in SCENARIO.acts if act.act == "overheat"}
    silent = {act.device for act in SCENARIO.acts if act.act == "silence"}
    network = 1 if any(act.act == "pressure" for act in SCENARIO.acts) else 0
    imported = 1
    assert len(faults) + len(hot) + len(silent) + network + imported == EXPECTED


def test_the_emergency_is_of_the_area_and_for_everybody_there(project: Project) -> None:
    rule = project.rulebook.rules[EMERGENCY]
    assert (rule.watch.group, rule.order and rule.order.type) == ("area", "emergency")
    assert rule.notice is not None
    assert project.settings.desk.audiences[rule.notice.audience] == "area"
    sites = {site.code: site for site in project.declared.sites}
    sensors = [device for device in project.declared.devices if device.code in SCENARIO.sensors]
    areas = {sites[device.site].area for device in sensors}
    assert (len(sensors), len(areas)) == (5, 1)
    concerned = {site.code for site in sites.values() if site.area in areas}
    assert len(concerned) > 1
    assert sum(not concerned.isdisjoint(customer.sites) for customer in project.declared.customers) == AREA_CUSTOMERS


def test_who_got_exactly_one_message() -> None:
    inbox = [
        {"phone": "138****0005", "template": "SMS_008"},
        {"phone": "138****0006", "template": "SMS_008"},
        {"phone": "138****0006", "template": "SMS_008"},
        {"phone": "138****0007", "template": "SMS_001"},
    ]
    assert notified_once(inbox) == 1
    assert notified_once({}) == 0


def test_every_broken_promise_is_named() -> None:
    report = {
        "lost": 0,
        "doubled": 0,
        "orders_created": EXPECTED,
        "orders_at_oa": EXPECTED,
        "orders_expected": EXPECTED,
        "notices_delivered": 1 + AREA_CUSTOMERS,
        "area_told": AREA_CUSTOMERS,
        "area_customers": AREA_CUSTOMERS,
        "gateway_exit": 0,
        "import_exit": 0,
        "kills": 1,
    }
    assert broken_promises(report) == []
    for name in ("lost", "doubled", "orders_created", "orders_at_oa", "notices_delivered", "area_told"):
        (said,) = broken_promises(report | {name: report[name] + 1})
        assert said.startswith(name)


def test_what_is_counted_never_falls_when_the_gateway_is_killed(tmp_path: Path) -> None:
    """C11: the live line fell from 6598 to 2250 after the kill, for it showed the counters of a process."""
    path = tmp_path / "journal.sqlite"
    tally = DemoCounts(path)
    tally.update()
    assert (tally.messages, tally.readings) == (0, 0)  # there is no journal yet

    async def live(first: int) -> None:
        journal = SqliteJournal(
            path, JournalConfig.model_validate({"free_space_floor": "0B", "ballast": "0B"}), partition=0
        )
        messages = [[Reading(first, 1, at, 1.0), Reading(first, 2, at, 1.0)] for at in (1, 2, 3)]
        await journal.append(0, Append((batch_of(messages),)), 10)
        journal.close()

    seen = []
    for life in (1, 2):
        asyncio.run(live(life))
        tally.update()
        tally.update()
        seen.append((tally.messages, tally.readings))
    tally.close()
    assert seen == [(3, 6), (6, 12)]


def test_a_webhook_is_folded_to_a_few_lines() -> None:
    """C11: 150 lines of JSON pushed the story off the screen."""
    readings = [{"point": "gun_temp", "value": n} for n in range(40)]
    order: dict[str, object] = {
        "number": "WO-1",
        "assignee": None,
        "tags": [],
        "alarm": {"evidence": {"readings": readings}},
    }
    event = {"specversion": "1.0", "id": "evt_1", "data": {"workOrder": order | {f"k{n}": "v" * 20 for n in range(25)}}}
    shown = io.StringIO()
    Console(file=shown, width=100).print(json.dumps(folded(event), ensure_ascii=False), markup=False)
    assert len(shown.getvalue().splitlines()) <= 12
    assert '"number": "WO-1"' in shown.getvalue()
    assert '"alarm": "{…}"' in shown.getvalue()
    assert "assignee" not in shown.getvalue()
