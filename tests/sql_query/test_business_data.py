"""Balances, payments and due dates by push, by SQL query and by a file in a folder: one gateway, from the samples of
the three sources to readings of the API, to the alarm of a rule and to the message that the customer gets."""

import base64
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from backtest.installation_kit import free_port, running, wait_for
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
KEY = "whsec_" + base64.b64encode(b"of-the-sms-gateway-32-bytes-long").decode()
RULES = """\
format: 1
rules:
- id: low
  title: {en: Balance low, zh: 余额不足}
  why: {en: remind the customer, zh: 提醒用户}
  watch: {kind: account}
  when: "balance < 20 CNY or amount_due > 0 CNY and days_left <= 3 d"
  clear: "balance >= 30 CNY and amount_due <= 0 CNY"
  then:
    notice: {audience: customer, template: balance_low}
"""
QUERY = (
    "SELECT customer_no, balance, amount_due, julianday(due_date) - julianday('2026-03-25') AS days_left, changed_at "
    "FROM account_view"
)
pytestmark = pytest.mark.server


@dataclass
class House:
    """A running gateway in `folder`, its API, the port it is pushed to, and the gateway of text messages."""

    api: httpx.Client
    listen: int
    folder: Path
    sms: str

    def latest(self, device: str) -> dict[str, Any]:
        return {one["point"]: one["value"] for one in self.api.get(f"/v1/devices/{device}").json()["latest"]}

    def raised(self) -> list[str]:
        return sorted(one["place"]["device"] for one in self.api.get("/v1/alarms?state=raised").json()["items"])

    def inbox(self) -> list[tuple[str, str]]:
        """(end of the phone number, template) of the messages that were sent."""
        found = httpx.get(f"{self.sms}/inbox", trust_env=False).json()
        return sorted((one["phone"][-4:], one["template"]) for one in found)


@contextmanager
def sms_gateway(folder: Path) -> Iterator[str]:
    (folder / "sms.secret").write_text(KEY, "utf-8")
    command = [sys.executable, "-m", "simulators.sms", "--secret-file", str(folder / "sms.secret")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}"
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def sample(name: str, key: str, **more: Any) -> dict[str, Any]:
    """A source of a sample, with its routes for accounts."""
    found: dict[str, Any] = YAML(typ="safe").load((ROOT / "protocols" / name / "sample.yaml").read_text("utf-8"))
    routes = [route for route in found[key]["routes"] if "balance" in route["points"]]
    assert routes
    return found[key] | {"routes": routes} | more


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    port, listen = free_port(), free_port()
    monkeypatch.setenv("PUSH_TOKEN", "push-secret")
    with sqlite3.connect(tmp_path / "billing.db") as made:
        made.execute("CREATE TABLE account_view (customer_no, balance NUMERIC, amount_due, due_date, changed_at)")
    made.close()
    (tmp_path / "exports").mkdir()
    billing = sample("sql_query", "billing", url=f"sqlite:///{tmp_path}/billing.db", query=QUERY, every="50ms")
    del billing["password"], billing["overlap"]  # moments are texts in SQLite
    billing["routes"][0]["time"]["zone"] = "Asia/Shanghai"
    exports = {"folder": str(tmp_path / "exports"), "every": "50ms", "settle": "0s"}
    devices = [f"A-{number},account,C{number % 2 + 1}\n" for number in range(1, 7)]
    with sms_gateway(tmp_path) as sms:
        whole = {
            "name": "gw",
            "timezone": "Asia/Shanghai",
            "language": "en",
            "data_dir": "data",
            "profiles": "profiles",
            "rules": "rules",
            "registry": {"devices": "devices.csv", "customers": "customers.csv"},
            "api": {"port": port},
            "health": {"port": 0},
            "log": {"level": "warning"},
            "templates": str(ROOT / "config" / "templates.yaml"),
            "desk": {"audiences": {"customer": "customer"}},
            "endpoints": {
                "sms": {
                    "type": "sms",
                    "url": f"{sms}/send",
                    "secret": KEY,
                    "sign": "Fieldgate",
                    "allow": ["127.0.0.0/8"],
                }
            },
            "sources": {
                "billing": billing,
                "push": sample("http", "push", listen=f"127.0.0.1:{listen}"),
                "exports": sample("drop_folder", "exports", **exports),
            },
        }
        files = {
            "rules/low.yaml": RULES,
            "profiles/account.yaml": (ROOT / "config" / "profiles" / "account.yaml").read_text("utf-8"),
            "devices.csv": "code,profile,customer\n" + "".join(devices),
            "customers.csv": "code,name,phone\nC1,Wang,13800000001\nC2,Li,13800000002\n",
        }
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text, "utf-8")
        with (tmp_path / "gateway.yaml").open("w", encoding="utf-8") as file:
            YAML().dump(whole, file)
        with running(tmp_path / "gateway.yaml", port) as api:
            yield House(api, listen, tmp_path, sms)


def test_balances_by_three_ways(house: House) -> None:
    with sqlite3.connect(house.folder / "billing.db") as opened:
        opened.executemany(
            "INSERT INTO account_view VALUES (?, ?, ?, ?, ?)",
            [("A-1", 12.25, 0, None, "2026-03-25 06:00:00"), ("A-2", 500, 88.5, "2026-03-27", "2026-03-25 06:00:00")],
        )
    opened.close()
    body = [
        {"account": "A-3", "at": "2026-03-25T06:00:00+08:00", "balance": 7, "paid": 100},
        {"account": "A-4", "at": "2026-03-25T06:00:00+08:00", "balance": 70},
    ]
    url, headers = f"http://127.0.0.1:{house.listen}/v1/ingest/push/accounts", {"authorization": "Bearer push-secret"}
    assert httpx.post(url, json=body, headers=headers, trust_env=False).json() == {"status": "accepted"}
    lines = ["customer,time,balance,due,days", "A-5,2026-03-25 06:00:00,19.99,0,", "A-6,2026-03-25 06:00:00,20,0,40"]
    written = house.folder / "exports" / ".balance.csv"
    written.write_text("\n".join(lines), "utf-8")
    written.rename(written.with_name("balance-2026-03-25.csv"))
    wait_for(lambda: all(house.latest(f"A-{number}") for number in range(1, 7)))
    assert house.latest("A-1") == {"balance": 12.25, "amount_due": 0, "days_left": None}
    assert house.latest("A-2") == {"balance": 500, "amount_due": 88.5, "days_left": 48}
    assert house.latest("A-3") == {"balance": 7, "payment": 100}
    assert house.latest("A-6") == {"balance": 20, "amount_due": 0, "days_left": 960}
    moments = {one["at"] for one in house.api.get("/v1/devices/A-2").json()["latest"]}
    assert moments == {"2026-03-24T22:00:00.000000Z"}
    wait_for(lambda: len(house.raised()) == 4)
    assert house.raised() == ["A-1", "A-2", "A-3", "A-5"]
    wait_for(lambda: len(house.inbox()) == 4)
    assert house.inbox() == [("0001", "SMS_009")] + [("0002", "SMS_009")] * 3
    assert house.api.get("/v1/dead-letters").json()["items"] == []
