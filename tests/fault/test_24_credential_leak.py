"""Scenario 24: secrets and telephone numbers that stand out, a run full of failures, and a search for them in all it
said."""

import asyncio
import base64
import hashlib
import os
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from hostile_kit import (
    CONFIG,
    client,
    fetch,
    gateway_process,
    needs_mosquitto,
    oa_stats,
    oa_system,
    ready,
    said,
    simulator,
    wait_until,
    write_project,
)
from sqlalchemy import text as sql

from gateway import logs
from gateway.cli import main
from gateway.domain.errors import StoreError
from gateway.store import Database
from simulators.servers import free_port, mosquitto

pytestmark = pytest.mark.fault
BROKER = "canary-mqtt-Xq7!zz"
WRONG = "canary-refused-Yw8!zz"
CALLER = "fg_canaryCallerKey0123456789abcdefghijk"
PHONE = "13912345678"


def key(text: str) -> str:
    return "whsec_" + base64.b64encode(text.encode()).decode()


OA, OA_REAL, SMS, GONE = (key(f"canary-{name}-secret-of-32-bytes!") for name in ("oa", "oa-real", "sms", "gone"))
TOKEN = "canary-url-token"
SECRETS = {
    "broker": BROKER, "refused": WRONG, "oa": OA, "oa bytes": OA.removeprefix("whsec_"), "sms": SMS, "gone": GONE,
    "oa plain": "canary-oa-", "url": TOKEN, "caller": CALLER, "phone": PHONE, "any": "canary-",
}  # fmt: skip
CUSTOMERS = {
    "customers.csv": f"code,name,phone\nC1,Canary,+86{PHONE}\n",
    "devices.csv": "code,profile,customer\nD1,hostile,C1\n",
    "templates.yaml": 'hot:\n  zh: "{{ device }}"\n  en: "{{ device }}"\n  code: SMS_1\n  params: [device]\n',
    "rules/hostile.yaml": """\
format: 1
rules:
- id: hostile.hot
  title: {en: Hot, zh: 过热}
  watch: {kind: charger}
  when: "gun_temp >= 90 degC"
  clear: "gun_temp < 50 degC"
  then:
    order: {type: repair, fault: E07, level: major}
    notice: {audience: customer, template: hot}
""",
}
SECOND = """\
  refused:
    type: mqtt
    url: mqtt://127.0.0.1:@broker@
    client_id: refused-gateway
    username: gateway
    password: ${CANARY_WRONG}
    routes: [{filter: "r/{device}", device: "{device}", points: {gun_temp: {path: temp}}}]
endpoints:
  oa: {type: webhook, url: "http://127.0.0.1:@oa@/hooks/oa?access_token=@token@", secret: "${CANARY_OA}",
       allow: [127.0.0.0/8]}
  gone: {type: webhook, url: "http://127.0.0.1:@gone@/hook?access_token=@token@", secret_file: gone.secret,
         allow: [127.0.0.0/8]}
  sms: {type: sms, url: "http://127.0.0.1:@sms@/send?access_token=@token@", secret: "${CANARY_SMS}", sign: Fieldgate,
        allow: [127.0.0.0/8]}
"""
FULL = (
    CONFIG.replace("log: {level: info}", "log: {level: debug}")
    .replace(
        "registry: {devices: devices.csv}",
        "registry: {devices: devices.csv, customers: customers.csv}\ntemplates: templates.yaml",
    )
    .replace("desk: {order_types: {repair: {}}}", "desk: {order_types: {repair: {}}, audiences: {customer: customer}}")
    .replace(
        "    client_id: hostile-gateway\n",
        "    client_id: hostile-gateway\n    username: gateway\n    password: ${CANARY_MQTT}\n",
    )
) + SECOND
ENVIRONMENT = {"CANARY_MQTT": BROKER, "CANARY_WRONG": WRONG, "CANARY_OA": OA, "CANARY_SMS": SMS}


def found_in(text: str) -> list[str]:
    return [name for name, secret in SECRETS.items() if secret in text]


def password_file(path: Path) -> str:
    """mosquitto's own format: PBKDF2-HMAC-SHA512."""
    salt = b"salt-of-12-b"
    digest = base64.b64encode(hashlib.pbkdf2_hmac("sha512", BROKER.encode(), salt, 101)).decode()
    path.write_text(f"gateway:$7$101${base64.b64encode(salt).decode()}${digest}\n")
    path.chmod(0o600)
    return f"password_file {path}\n"


async def hot(port: int) -> None:
    async with client(port, "hot") as device:
        assert await device.publish("h/D1/now", b'{"temp":95}')
        assert await device.publish("h/D1/now", b"{")


@needs_mosquitto
def test_no_secret_in_anything_said(tmp_path: Path) -> None:
    log, api, seen = tmp_path / "gateway.log", free_port(), []
    extra = password_file(tmp_path / "passwords")
    with ExitStack() as stack:
        broker = stack.enter_context(mosquitto(tmp_path / "broker", extra=extra))
        oa = stack.enter_context(oa_system(tmp_path, secret=OA_REAL))
        sms = stack.enter_context(sms_gateway(tmp_path))
        folder = tmp_path / "project"
        config = write_project(
            folder,
            devices=[],
            config=FULL,
            files=CUSTOMERS | {"gone.secret": GONE},
            broker=broker.port,
            api=api,
            oa=oa,
            gone=free_port(),
            sms=sms,
            token=TOKEN,
        )
        environment = os.environ | ENVIRONMENT
        with gateway_process(config, log, env=environment) as gateway:
            wait_until(lambda: ready(api), 60, log.read_text)
            wait_until(lambda: said(log, "source up"), 30, log.read_text)
            wait_until(lambda: "refused" in log.read_text(), 30, log.read_text)
            asyncio.run(hot(broker.port))
            wait_until(lambda: oa_stats(oa).get("unsigned", 0) > 0, 30, "the OA refused a signature")
            wait_until(lambda: oa_stats(sms)["codes"].get("isv.BUSINESS_LIMIT_CONTROL"), 30, "the SMS gateway's limit")
            admin = (folder / "var" / "admin.key").read_text().strip()
            seen += requested(api, admin)
            gateway.terminate()
            assert gateway.wait(15) == 0, log.read_text()
    text = log.read_text()
    assert "broker refused the connection" in text
    assert admin.startswith("fg_")
    for what in (text, *seen):
        assert found_in(what) == []
        assert admin not in what
    orders = [body for body in seen if "E07" in body]
    assert orders, "the search looked at answers with content"


def requested(api: int, admin: str) -> list[str]:
    """Every kind of question, with the right key, a wrong one and none; what came back."""
    answers = []
    for headers in ({}, {"authorization": f"Bearer {CALLER}"}, {"authorization": f"Bearer {admin}"}):
        for path in (
            "/metrics",
            "/readyz",
            "/healthz",
            "/openapi.json",
            "/v1/devices",
            "/v1/work-orders",
            "/v1/alarms",
            "/v1/events",
            "/v1/deliveries",
            "/v1/keys",
            "/v1/dead-letters",
            f"/v1/work-orders/{CALLER}x",
            "/v1/nothing",
        ):
            status, body = fetch(api, path, headers=headers)
            assert status not in {0, 500}, path
            answers.append(body.replace(f"{CALLER}x", ""))  # what was asked for may be named
    signed = {"webhook-id": "m1", "webhook-timestamp": "1", "webhook-signature": f"v1,{OA}"}
    status, body = fetch(api, "/v1/callbacks/oa", "POST", {"order": "x", "action": "accept", "note": OA}, signed)
    assert status in {401, 403}
    return [*answers, body]


@contextmanager
def sms_gateway(folder: Path) -> Iterator[int]:
    """The simulator, at its day limit from the start: its refusal names the number."""
    with simulator(folder, "sms", SMS, "--per-day", "0") as port:
        yield port


NAMED = "    client_id: hostile-gateway\n"


def source_with(lines: str) -> str:
    return CONFIG.replace(NAMED, NAMED + lines)


def endpoint_with(url: str, rest: str) -> str:
    return f'{CONFIG}endpoints:\n  oa: {{type: webhook, url: "{url}", {rest}}}\n'


WRONG_PLACES = {
    "beside a misspelt key": source_with(f'    username: g\n    password: "{BROKER}"\n    keepalve: 3s\n'),
    "under a misspelt key": source_with(f'    passwort: "{BROKER}"\n'),
    "a list": source_with(f'    username: g\n    password: ["{BROKER}"]\n'),
    "in the address": CONFIG.replace("mqtt://127.0.0.1", f"mqtt://gateway:{BROKER}@127.0.0.1"),
    "twice": source_with(f'    username: g\n    password: "{BROKER}"\n    password_file: x\n'),
    "beside wrong events": endpoint_with(f"http://127.0.0.1/?access_token={TOKEN}", f'secret: "{OA}", events: ["!"]'),
    "in a bad address": endpoint_with(f"ftp://x/?access_token={TOKEN}", f'secret: "{OA}", tiemout: 3s'),
    "too weak": endpoint_with("https://oa.example/", 'secret: "canary-"'),
}


@pytest.mark.parametrize("name", WRONG_PLACES)
def test_check_names_the_mistake_and_not_the_secret(tmp_path: Path, name: str) -> None:
    config = write_project(tmp_path, devices=["D1"], config=WRONG_PLACES[name], broker=1)
    for command in ("check", "run"):
        done = CliRunner().invoke(main, [command, "-c", str(config), "--lang", "en"])
        assert done.exit_code == 2, done.output
        assert "gateway.yaml" in done.output
        assert found_in(done.output) == []


@pytest.mark.parametrize(
    "text",
    [
        PHONE,
        f"+86{PHONE}",
        f"86{PHONE}",
        f"phone={PHONE}.",
        f"[('+86{PHONE}', 1)]",
        OA,
        CALLER,
        f"mqtt://gateway:{BROKER}@host",
    ],
)
def test_the_log_blanks_what_looks_like_a_secret(text: str) -> None:
    trace = f"Traceback\n  {text}\nError"
    events: list[dict[str, object]] = [
        {"event": text},
        {"exception": trace},
        {"error": ValueError(text)},
        {"all": [text]},
        {"deep": {"a": (text,)}},
    ]
    for event in events:
        assert found_in(repr(logs.redact(None, "info", event))) == []


def test_the_log_leaves_the_rest_alone() -> None:
    event = {
        "event": "up",
        "ms": 12,
        "at": 1795347863711,
        "url": "mqtt://127.0.0.1:1883",
        "ok": True,
        "serial": "86" * 9,
    }
    assert logs.redact(None, "info", dict(event)) == event


def test_a_failing_database_does_not_quote_what_it_was_given(tmp_path: Path) -> None:
    """The whole chain of causes goes into the log: the driver's part of it would hold the parameters."""
    database = Database(f"sqlite:///{tmp_path / 'desk.sqlite'}")
    try:
        with pytest.raises(StoreError) as caught:
            database.transact(
                lambda connection: connection.execute(sql("INSERT INTO nowhere VALUES (:p)"), {"p": PHONE})
            )
        trace = "".join(traceback.format_exception(caught.value))
        assert "nowhere" in trace
        assert found_in(trace) == []
    finally:
        database.close()
