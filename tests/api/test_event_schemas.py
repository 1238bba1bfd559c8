"""C4: the JSON Schema of every event, held against what is really sent."""

import asyncio
import base64
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
from api_kit import MAIN, NOW, World, transition
from click.testing import CliRunner
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from msgspec.structs import replace

from gateway.cli.schemas_command import command
from gateway.clock import SystemClock
from gateway.desk.event_schemas import EVENTS, FAMILIES, MAJOR, schema_of
from gateway.desk.event_types import LevelWord
from gateway.desk.events import PREFIX
from gateway.domain.alarm import Change, Level, Parent, Thing
from gateway.domain.delivery import Delivery
from gateway.domain.duration import HOUR, SECOND
from gateway.domain.notice import OutboxEvent
from gateway.domain.text import catalogue
from gateway.domain.workorder import Actor, Role
from sinks.oa.webhook.config import WebhookConfig
from sinks.oa.webhook.sink import WebhookSink

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT / "gateway/desk/contract"


SLA = "  sla: {promised: {types: [repair], resolve: 4h, milestones: [{at: 50%}]}}\n"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path, {"gateway.yaml": MAIN + SLA})
    yield world
    await world.close()


def strict(schema: Any) -> Any:
    """The schema as we hold ourselves to it: nothing but what it names."""
    if isinstance(schema, Mapping):
        found = {key: strict(value) for key, value in schema.items()}
        return {**found, "additionalProperties": False} if "properties" in found else found
    return [strict(one) for one in schema] if isinstance(schema, list) else schema


def hold(body: str) -> str:
    """Check an event against its schema; its type."""
    event = json.loads(body)
    topic, family = str(event["type"]).removeprefix(PREFIX), str(event["dataschema"]).split(":")[3]
    assert Draft202012Validator(schema_of(family)).is_valid(event)
    errors = [
        f"{list(one.path)}: {one.message}" for one in Draft202012Validator(strict(schema_of(topic))).iter_errors(event)
    ]
    assert not errors, (topic, errors)
    return topic


async def lives(world: World) -> None:
    """Orders that go every way there is."""
    steps: list[tuple[str, Role, dict[str, Any]]] = [
        ("assign", Role.OPERATOR, {"assignee": "engineer"}), ("reject", Role.ENGINEER, {"reason": "ill"}),
        ("assign", Role.OPERATOR, {"assignee": "engineer"}), ("accept", Role.ENGINEER, {}),
        ("arrive", Role.ENGINEER, {}), ("start", Role.ENGINEER, {}),
        ("hold", Role.ENGINEER, {"reason": "waiting_parts"}), ("resume", Role.ENGINEER, {}),
        ("comment", Role.ENGINEER, {"note": "风扇停转"}),
        ("resolve", Role.ENGINEER, {"fault": "E07", "cause": "fan", "remedy": "replaced"}),
        ("reopen", Role.SUPERVISOR, {"reason": "hot again"}),
        ("resolve", Role.ENGINEER, {"fault": "E07", "cause": "fan", "remedy": "replaced"}),
        ("close", Role.SUPERVISOR, {"reason": "sensor swapped"}),
    ]  # fmt: skip
    world.raise_alarm()
    no = (await world.get("/v1/work-orders"))["items"][0]["no"]
    alarm = (await world.get("/v1/alarms"))["items"][0]["id"]
    unlatched = await world.ask("POST", f"/v1/alarms/{alarm}/unlatch", json={"command_id": "u1"})
    assert unlatched.status_code == 200, unlatched.text
    for act, role, fields in steps:
        answer = await world.act(no, act, role, **fields)
        assert answer.status_code == 200, answer.text
    world.raise_alarm(20, "D2", level=Level.MINOR)
    world.raise_alarm(21, "D2", level=Level.CRITICAL, change=Change.LEVEL_UP)
    world.raise_alarm(22, "D2", change=Change.CLEARED)
    told = {"device": "D3", "fault": "noise", "title": "Noise", "note": "loud", "command_id": "r1"}
    other = (await world.ask("POST", "/v1/work-orders", json=told)).json()["no"]
    assert (await world.act(other, "cancel", reason="duplicate")).status_code == 200
    world.raise_alarm(30, "D3", fault="E09")
    world.raise_alarm(31, "D3", fault="E09", change=Change.WITHDRAWN)
    world.raise_alarm(40, "D1", fault="E11")
    told |= {"fault": "smell", "command_id": "r2"}
    smell = (await world.ask("POST", "/v1/work-orders", json=told)).json()["no"]
    assert (await world.act(smell, "merge", into="WO-0")).status_code == 404
    told |= {"fault": "smoke", "command_id": "r3"}
    target = (await world.ask("POST", "/v1/work-orders", json=told)).json()["no"]
    assert (await world.act(smell, "merge", into=target)).json()["merged_into"] == target
    parent = Parent("hot", Thing(world.id("D1"), 1))
    told = replace(transition(42, Change.MERGED, device=world.id("D2"), fault="E12"), parent=parent)
    world.app.desk.apply([told], 42, (), NOW + 42 * SECOND)
    world.app.desk.tick(NOW + 5 * HOUR)


async def test_every_event_that_is_sent_is_as_its_schema_says(world: World, tmp_path: Path) -> None:
    await lives(world)
    await world.ask("POST", "/v1/endpoints/oa/test", Role.SUPERVISOR)
    test = world.app.desk.endpoint_test("oa", Actor("zhang", Role.SUPERVISOR, "张"), 1)
    events = [*(one for _, one in world.app.stores.sql.queries.feed(0, 1000)), test]
    taken = await received(events, tmp_path)
    assert [json.loads(one) for one in taken] == [json.loads(one.body) for one in events]
    assert {hold(one) for one in taken} == set(EVENTS)


async def received(events: Sequence[OutboxEvent], folder: Path) -> list[str]:
    """What a receiver in another process took of them from the real sender."""
    secret = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    script = ROOT / "docs/receivers/receiver.py"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        script,
        "0",
        folder,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "FIELDGATE_SECRET": secret},
    )
    try:
        assert process.stdout is not None
        said = await asyncio.wait_for(process.stdout.readline(), 60)
        url = f"http://127.0.0.1:{said.split()[-1].decode()}/"
        config = {"type": "webhook", "url": url, "allow": ["127.0.0.0/8"], "secret": secret}
        sink = WebhookSink("oa", WebhookConfig.model_validate(config), SystemClock())
        for one in events:
            await sink.deliver(Delivery(one.id, "oa", one.type, one.subject, one.body, one.content_type, 1))
        await sink.close()
    finally:
        process.kill()
        await process.communicate()
    return (folder / "events.jsonl").read_text("utf-8").splitlines()


@pytest.mark.parametrize("family", FAMILIES)
def test_no_change_of_the_contract_goes_unseen(family: str) -> None:
    """`python tests/api/test_event_schemas.py` writes the files anew; a field that goes needs a new major number."""
    assert json.loads(CONTRACT.joinpath(f"{family}.{MAJOR}.json").read_text("utf-8")) == schema_of(family)


def test_a_schema_finds_what_is_wrong() -> None:
    """A check that cannot fail would say nothing."""
    validator = Draft202012Validator(schema_of("endpoint.test"))
    assert not validator.is_valid({"specversion": "1.0", "type": "com.fieldgate.endpoint.test"})
    for topic in EVENTS:
        Draft202012Validator.check_schema(schema_of(topic))


def test_no_event_is_without_schema_and_words() -> None:
    sources = [path.read_text("utf-8") for path in (ROOT / "gateway/desk").glob("*.py")]
    kinds = {kind for text in sources for kind in re.findall(r"publisher\.alarm\([^,]+, [^,]+, \"([a-z_]+)\"", text)}
    assert {f"alarm.{kind}" for kind in kinds} <= set(EVENTS)
    assert {f"event.{topic}" for topic in EVENTS} <= set(catalogue())
    assert set(get_args(LevelWord)) == {level.word for level in Level}


async def test_the_api_serves_them_and_openapi_names_the_webhooks(world: World) -> None:
    listed = await world.get("/v1/schemas")
    assert [one["event"] for one in listed["items"]] == list(EVENTS)
    answer = await world.ask("GET", "/v1/schemas/com.fieldgate.workorder.created")
    assert answer.headers["content-type"] == "application/schema+json"
    assert answer.json() == schema_of("workorder.created")
    assert (await world.ask("GET", "/v1/schemas/nothing")).status_code == 404
    document = await world.get("/openapi.json")
    assert document["openapi"].startswith("3.1")
    assert list(document["webhooks"]) == list(EVENTS)
    hook = document["webhooks"]["workorder.closed"]["post"]
    assert [one["name"] for one in hook["parameters"]][:3] == ["webhook-id", "webhook-timestamp", "webhook-signature"]
    known, text = document["components"]["schemas"], json.dumps(document)
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert named <= set(known), named - set(known)
    assert "/v1/callbacks/{endpoint}" in document["paths"]


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["workorder.created"], 0), (["workorder.made"], 2)])
def test_the_command(arguments: list[str], code: int) -> None:
    told = CliRunner().invoke(command, arguments)
    assert told.exit_code == code
    if code == 0 and arguments:
        assert json.loads(told.output) == schema_of("workorder.created")
    elif code == 0:
        assert "workorder.created" in told.output


if __name__ == "__main__":
    for one in FAMILIES:
        text = json.dumps(schema_of(one), ensure_ascii=False, indent=1)
        CONTRACT.joinpath(f"{one}.{MAJOR}.json").write_text(text + "\n", "utf-8")
