"""A whole gateway on real stores in a folder, its API asked without a socket."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson

from gateway.api.server import create_api
from gateway.app.build import build
from gateway.app.lifecycle import App
from gateway.domain.alarm import (
    AlarmPlan,
    Change,
    Evidence,
    Level,
    OrderPlan,
    ReadingSeen,
    Thing,
    ThresholdSeen,
    Transition,
)
from gateway.domain.duration import SECOND
from gateway.domain.workorder import Role
from gateway.settings import load_project

NOW = 1_795_327_200_000_000  # 2026-11-22T06:00:00Z
KEY = b"canary-secret-of-the-oa-endpoint"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
MAIN = f"""\
name: gw
timezone: Asia/Shanghai
language: en
data_dir: var
registry: {{sites: sites.csv, customers: customers.csv, devices: devices.csv}}
api: {{port: 0, max_body: 4KiB, hosts: [gateway]}}
journal: {{linger: 0ms, free_space_floor: 0B, ballast: 0B}}
endpoints:
  oa:
    type: webhook
    url: https://oa.example.com/hook?access_token=url-canary
    secret: {SECRET}
desk:
  order_types: {{repair: {{}}, patrol: {{}}}}
"""
FILES = {
    "gateway.yaml": MAIN,
    "sites.csv": "code,name\nHZ-1,Hangzhou 1\nNB-1,Ningbo 1\n",
    "customers.csv": "code,name,phone\nC1,Wang,13800000001\n",
    "devices.csv": "code,profile,site,customer\nD1,dc,HZ-1,C1\nD2,dc,NB-1,C1\nD3,dc,HZ-1,C1\n",
    "profiles/dc.yaml": """\
kind: charger
components: 2
points:
  temp: {unit: degC, each: true}
  energy: {unit: kWh, kind: counter}
  status: {kind: state, values: [idle, charging, fault]}
""",
    "rules/a.yaml": """\
format: 1
rules:
- id: hot
  title: {en: Hot, zh: 热}
  why: it burns
  watch: {kind: charger, each: connector}
  when: "temp > 85 degC"
""",
}


class HandClock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> int:
        return self.at


def house(folder: Path, changes: Mapping[str, str] | None = None) -> Path:
    for name, text in {**FILES, **(changes or {})}.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text, "utf-8")
    return folder / "gateway.yaml"


def transition(
    seq: int,
    change: Change = Change.RAISED,
    *,
    device: int = 1,
    component: int = 1,
    fault: str = "E07",
    level: Level = Level.MAJOR,
    rule: str = "hot",
    group: str = "",
    **flags: Any,
) -> Transition:
    at = NOW + seq * SECOND
    seen = (ReadingSeen("temp", 91.5, "degC", at, at + 5_000, 2),)
    evidence = Evidence("temp > 85 degC", seen, (), (ThresholdSeen(85.0, "degC", "rule"),))
    plan = AlarmPlan("Hot", "热", "it burns", OrderPlan("repair", fault), why_zh="会起火")
    thing = Thing(0, 0, group) if group else Thing(device, component)
    return Transition(0, seq, 0, change, rule, "r1", "default", thing, level, at, at, plan, evidence, **flags)


@dataclass
class World:
    """A built gateway, not running: no task disturbs a test."""

    folder: Path
    changes: Mapping[str, str] | None = None
    secrets: dict[Role, str] = field(default_factory=dict)
    commands: int = 0

    def __post_init__(self) -> None:
        self.clock = HandClock()
        self.app: App = build(load_project(house(self.folder, self.changes), {}), self.clock)
        self.app.stores.registry.apply(self.app.project.declared)
        self.app.operation.readiness.ready, self.app.operation.readiness.started = True, NOW
        known = {key.name for key in self.app.stores.sql.keys.all()}
        for role in Role:
            if role is not Role.SYSTEM and role.value not in known:
                self.secrets[role], _ = self.app.stores.sql.keys.create(role.value, role, NOW)
        self.api = create_api(self.app.context)
        transport = httpx.ASGITransport(self.api, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://gateway")

    def id(self, code: str) -> int:
        device = self.app.stores.registry.device(code)
        assert device is not None
        return device.id

    def raise_alarm(self, seq: int = 1, code: str = "D1", **fields: Any) -> str:
        """Its id."""
        told = transition(seq, device=self.id(code), **fields)
        self.app.desk.apply([told], seq, (), NOW + seq * SECOND)
        return told.id

    async def ask(self, method: str, path: str, role: Role | None = Role.ADMIN, **options: Any) -> httpx.Response:
        headers = dict(options.pop("headers", {}))
        if role is not None:
            headers["authorization"] = f"Bearer {self.secrets[role]}"
        return await self.client.request(method, path, headers=headers, **options)

    async def get(self, path: str, role: Role | None = Role.ADMIN, **options: Any) -> Any:
        answer = await self.ask("GET", path, role, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def act(self, no: str, act: str, role: Role = Role.SUPERVISOR, **fields: Any) -> httpx.Response:
        self.commands += 1
        body = {"command_id": f"c{self.commands}", "act": act, **fields}
        return await self.ask("POST", f"/v1/work-orders/{no}/commands", role, json=body)

    async def callback(
        self, body: Any, message: str = "msg_1", *, key: bytes = KEY, age: int = 0, endpoint: str = "oa", **headers: str
    ) -> httpx.Response:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        stamp = NOW // SECOND - age
        mac = hmac.new(key, b"%s.%d.%s" % (message.encode(), stamp, raw), hashlib.sha256).digest()
        signed = {
            "webhook-id": message,
            "webhook-timestamp": str(stamp),
            "content-type": "application/json",
            "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
            **headers,
        }
        return await self.client.post(f"/v1/callbacks/{endpoint}", content=raw, headers=signed)

    async def close(self) -> None:
        await self.client.aclose()
        await self.app.threads.series(self.app.stores.series.close)
        self.app.threads.close()
        self.app.stores.journal.close()
        self.app.stores.sql.database.close()


def problem(answer: httpx.Response, status: int, code: str) -> Any:
    """The body of an error, checked for its form."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["code"] == code, body
    assert body["type"] == f"urn:fieldgate:problem:{code}"
    assert bool(body.get("possible")) is (status == 409), "what else could be done"
    return body
