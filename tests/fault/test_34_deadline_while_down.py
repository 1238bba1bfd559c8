"""Scenario 34: `kill -9` at 3:59 of a deadline of 4 h, a start at 4:05, and another: exactly one escalation."""

import json
import subprocess
from pathlib import Path

import httpx
import pytest
from fake_clock import HOUR, LIBRARY, FakeClock
from hostile_kit import ready, spawn
from process_kit import wait_until

from gateway.api.config import key_file
from gateway.store import Database, Queries
from simulators.servers import free_port

pytestmark = [
    pytest.mark.fault,
    pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed (apt-get install faketime)"),
]
MINUTE = 60
MAIN = """\
name: sla
timezone: Asia/Shanghai
language: en
data_dir: var
registry: {{devices: devices.csv}}
api: {{port: {api}}}
health: {{port: 0}}
clock: {{patience: 1s}}
desk:
  order_types: {{repair: {{}}}}
  sla: {{four: {{types: [repair], resolve: 4h, milestones: [{{at: 50%}}, {{at: 4h}}]}}}}
"""


def escalations(var: Path) -> list[str]:
    """Names of the milestones of all events, in order."""
    database = Database(f"sqlite:///{var / 'fieldgate.sqlite'}")
    try:
        bodies = [json.loads(event.body) for _, event in Queries(database).feed(0, 1000)]
    finally:
        database.dispose()
    return [
        f"{one['type'].rpartition('.')[2]} {told['milestone']}"
        for one in bodies
        if (told := one["data"].get("escalation"))
    ]


def test_one_escalation(tmp_path: Path) -> None:
    api, var, clock = free_port(), tmp_path / "var", FakeClock(tmp_path)
    for name in ("profiles", "rules"):
        (tmp_path / name).mkdir()
    (tmp_path / "gateway.yaml").write_text(MAIN.format(api=api))
    (tmp_path / "profiles" / "dc.yaml").write_text("kind: charger\npoints: {temp: {unit: degC}}\n")
    (tmp_path / "devices.csv").write_text("code,profile\nD1,dc\n")

    def lives(ahead: float) -> "subprocess.Popen[bytes]":
        clock.set(ahead)
        with (tmp_path / "gateway.log").open("ab") as out:
            command = ("-m", "gateway", "run", "-c", str(tmp_path / "gateway.yaml"), "--lang", "en")
            gateway = spawn(*command, stdout=out, stderr=out, env=clock.environment)
        wait_until(lambda: ready(api), 60, "ready", tmp_path / "gateway.log")
        return gateway

    first = lives(0)
    key = key_file(var, "default").read_text().strip()
    report = {"device": "D1", "fault": "E1", "title": "Hot", "command_id": "r1"}
    answer = httpx.post(
        f"http://127.0.0.1:{api}/v1/work-orders", json=report, headers={"authorization": f"Bearer {key}"}, timeout=20
    )
    assert answer.status_code == 201, answer.text
    assert [one["target_ms"] for one in answer.json()["clocks"]] == [4 * HOUR * 1000]
    first.kill()
    first.wait()
    for ahead, wanted in (
        (4 * HOUR - MINUTE, ["escalated 50%"]),
        (4 * HOUR + 5 * MINUTE, ["escalated 50%", "escalated 4h", "sla_breached due"]),
        (5 * HOUR, ["escalated 50%", "escalated 4h", "sla_breached due"]),
    ):
        gateway = lives(ahead)
        wait_until(lambda wanted=wanted: escalations(var) == wanted, 30, str(wanted), tmp_path / "gateway.log")
        gateway.kill()  # no time to tidy up
        gateway.wait()
    assert escalations(var) == ["escalated 50%", "escalated 4h", "sla_breached due"]
