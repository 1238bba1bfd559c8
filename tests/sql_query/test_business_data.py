"""Balances, payments and due dates by push, by SQL query and by a file in a folder: one gateway, from the samples of
the three sources to readings of the API and to the alarm of a rule."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from backtest.installation_kit import free_port, running, wait_for
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
RULES = """\
format: 1
rules:
- id: low
  title: {en: Balance low, zh: 余额不足}
  why: {en: remind the customer, zh: 提醒用户}
  watch: {kind: account}
  when: "balance < 20 CNY or amount_due > 0 CNY and days_left <= 3 d"
  clear: "balance >= 30 CNY and amount_due <= 0 CNY"
"""
pytestmark = pytest.mark.server


def _sample(name: str, key: str) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load((ROOT / "protocols" / name / "sample.yaml").read_text("utf-8"))
    return found[key]  # type: ignore[no-any-return]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[httpx.Client, int, Path]]:
    port, listen, exports = free_port(), free_port(), tmp_path / "exports"
    monkeypatch.setenv("PUSH_TOKEN", "push-secret")
    with sqlite3.connect(tmp_path / "billing.db") as made:
        made.execute("CREATE TABLE account_view (customer_no, balance NUMERIC, amount_due, due_date, changed_at)")
    made.close()
    exports.mkdir()
    query = (
        "SELECT customer_no, balance, amount_due, julianday(due_date) - julianday('2026-03-25') AS days_left, "
        "changed_at FROM account_view"
    )
    billing = _sample("sql_query", "billing")
    billing |= {"url": f"sqlite:///{tmp_path}/billing.db", "query": query, "every": "50ms", "overlap": 0}
    del billing["password"]
    billing["routes"][0]["time"]["zone"] = "Asia/Shanghai"  # a text in SQLite
    del billing["overlap"]
    sources = {
        "billing": billing,
        "push": _sample("http", "push") | {"listen": f"127.0.0.1:{listen}"},
        "exports": _sample("drop_folder", "exports") | {"folder": str(exports), "every": "50ms", "settle": "0s"},
    }
    for source in sources.values():  # those of accounts
        source["routes"] = [route for route in source["routes"] if "balance" in route["points"]]
    whole = {
        "name": "gw",
        "timezone": "Asia/Shanghai",
        "language": "en",
        "data_dir": "data",
        "profiles": "profiles",
        "rules": "rules",
        "registry": {"devices": "devices.csv"},
        "api": {"port": port},
        "health": {"port": 0},
        "log": {"level": "warning"},
        "sources": sources,
    }
    files = {
        "rules/low.yaml": RULES,
        "profiles/account.yaml": (ROOT / "config" / "profiles" / "account.yaml").read_text("utf-8"),
        "devices.csv": "code,profile\n" + "".join(f"A-{number},account\n" for number in range(1, 7)),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    with (tmp_path / "gateway.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(whole, file)
    with running(tmp_path / "gateway.yaml", port) as api:
        yield api, listen, tmp_path


def test_balances_by_three_ways(house: tuple[httpx.Client, int, Path]) -> None:
    api, listen, folder = house
    with sqlite3.connect(folder / "billing.db") as opened:
        opened.executemany(
            "INSERT INTO account_view VALUES (?, ?, ?, ?, ?)",
            [("A-1", 12.25, 0, None, "2026-03-25 06:00:00"), ("A-2", 500, 88.5, "2026-03-27", "2026-03-25 06:00:00")],
        )
    opened.close()
    body = [
        {"account": "A-3", "at": "2026-03-25T06:00:00+08:00", "balance": 7, "paid": 100},
        {"account": "A-4", "at": "2026-03-25T06:00:00+08:00", "balance": 70},
    ]
    headers = {"authorization": "Bearer push-secret"}
    answer = httpx.post(
        f"http://127.0.0.1:{listen}/v1/ingest/push/accounts", json=body, headers=headers, trust_env=False
    )
    assert answer.json() == {"status": "accepted"}
    lines = ["customer,time,balance,due,days", "A-5,2026-03-25 06:00:00,19.99,0,", "A-6,2026-03-25 06:00:00,20,0,40"]
    (folder / "exports" / ".balance.csv").write_text("\n".join(lines), "utf-8")
    (folder / "exports" / ".balance.csv").rename(folder / "exports" / "balance-2026-03-25.csv")

    def latest(device: str) -> dict[str, Any]:
        return {one["point"]: one["value"] for one in api.get(f"/v1/devices/{device}").json()["latest"]}

    wait_for(lambda: all(latest(f"A-{number}") for number in range(1, 7)))
    assert latest("A-1") == {"balance": 12.25, "amount_due": 0, "days_left": None}
    assert latest("A-2") == {"balance": 500, "amount_due": 88.5, "days_left": 48}
    assert latest("A-3") == {"balance": 7, "payment": 100}
    assert latest("A-6") == {"balance": 20, "amount_due": 0, "days_left": 960}
    moments = {one["at"] for one in api.get("/v1/devices/A-2").json()["latest"]}
    assert moments == {"2026-03-24T22:00:00.000000Z"}

    def raised() -> list[str]:
        return sorted(one["place"]["device"] for one in api.get("/v1/alarms?state=raised").json()["items"])

    wait_for(lambda: len(raised()) == 4)
    assert raised() == ["A-1", "A-2", "A-3", "A-5"]
    assert api.get("/v1/dead-letters").json()["items"] == []
