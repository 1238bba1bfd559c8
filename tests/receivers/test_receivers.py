"""C4: the sample receivers of docs/receivers take what the gateway's own sender sends, once, and nothing else."""

import base64
import json
import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from gateway.domain.delivery import Delivery
from gateway.domain.duration import SECOND
from gateway.domain.errors import DeliveryDeferred
from sinks.http.signing import headers
from sinks.oa.webhook.config import WebhookConfig
from sinks.oa.webhook.sink import WebhookSink

FOLDER = Path(__file__).parents[2] / "docs" / "receivers"
KEY, OLD, WRONG = (bytes(range(start, start + 32)) for start in (1, 60, 120))
COMMANDS = {"receiver.py": [sys.executable], "receiver.mjs": ["node"], "Receiver.java": ["java"]}
BODY = json.dumps(
    {"id": "evt_1", "type": "com.fieldgate.endpoint.test", "data": {"zh": "枪头过温"}}, ensure_ascii=False
)
VECTOR = "v1,z0gF+AgSqUCmK9E5+VdblaSkKJjio2qcazBsuPr0wWA="


def secret(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


@dataclass
class Running:
    """A receiver in a process of its own."""

    url: str
    folder: Path

    def events(self) -> list[str]:
        """What it kept."""
        return (self.folder / "events.jsonl").read_text("utf-8").splitlines()


class Clock:
    """So many seconds behind."""

    def __init__(self, behind: int = 0) -> None:
        self.behind = behind

    def now(self) -> int:
        return (time.time_ns() // 1000) - self.behind * SECOND


@pytest.fixture(scope="module", params=COMMANDS)
def receiver(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    name = str(request.param)
    command = COMMANDS[name]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed: the vector in the file is checked by its text")
    folder = tmp_path_factory.mktemp("receiver")
    environment = {**os.environ, "FIELDGATE_SECRET": secret(KEY)}
    process = subprocess.Popen(
        [*command, str(FOLDER / name), "0", str(folder)], stdout=subprocess.PIPE, env=environment, text=True
    )
    try:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], 60)[0], "it does not listen"
        said = process.stdout.readline()
        port = re.fullmatch(r"listening on (\d+)\n", said)
        assert port is not None, said
        yield Running(f"http://127.0.0.1:{port[1]}/hook", folder)
    finally:
        process.kill()
        process.communicate()


async def send(receiver: Running, identity: str, *keys: bytes, behind: int = 0, body: str = BODY) -> str:
    """What the receiver answers to the real sender."""
    named = dict(zip(("secret", "old_secret"), map(secret, keys), strict=False))
    config = WebhookConfig.model_validate({"type": "webhook", "url": receiver.url, "allow": ["127.0.0.0/8"], **named})
    sink = WebhookSink("oa", config, Clock(behind))
    try:
        receipt = await sink.deliver(
            Delivery(identity, "oa", "t", "s", body.encode(), "application/cloudevents+json", 1)
        )
    except DeliveryDeferred as error:
        return error.reason
    finally:
        await sink.close()
    return f"{receipt.status} {receipt.detail}"


async def test_an_event_is_kept_once(receiver: Running) -> None:
    assert re.fullmatch(r'200 \{"duplicate": ?false\}', await send(receiver, "evt_once", KEY))
    assert re.fullmatch(r'200 \{"duplicate": ?true\}', await send(receiver, "evt_once", KEY))
    kept = [line for line in receiver.events() if "evt_once" in line]
    assert len(kept) == 1
    assert "枪头过温" in kept[0]


async def test_one_of_two_secrets_is_enough(receiver: Running) -> None:
    assert (await send(receiver, "evt_two", OLD, KEY)).startswith("200 ")


@pytest.mark.parametrize(("key", "behind"), [(WRONG, 0), (KEY, 600), (KEY, -600)])
async def test_what_is_not_ours_or_not_of_now_is_refused(receiver: Running, key: bytes, behind: int) -> None:
    assert (await send(receiver, "evt_refused", key, behind=behind)).startswith("rejected: 401")
    assert not any("evt_refused" in line for line in receiver.events())


async def test_a_body_that_was_changed_on_the_way_is_refused(receiver: Running) -> None:
    signed = headers((KEY,), "evt_changed", int(time.time()), BODY.encode())
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(receiver.url, content=BODY.replace("枪", "机").encode(), headers=signed)
        assert answer.status_code == 401
        assert (await client.post(receiver.url, content=BODY.encode(), headers=signed)).status_code == 200
        assert (await client.post(receiver.url, content=b"x" * 70_000, headers=signed)).status_code == 413
        unsigned = await client.post(receiver.url, content=BODY.encode())
        assert unsigned.status_code == 401


async def test_what_is_no_event_is_refused_for_good(receiver: Running) -> None:
    assert (await send(receiver, "evt_no", KEY, body="nothing")).startswith("rejected: 400")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_vector_in_the_file_is_right(name: str) -> None:
    signed = headers((b"0" * 32,), "msg_1", 1_700_000_000, b'{"a":1}')
    assert signed["webhook-signature"] == VECTOR
    assert VECTOR in (FOLDER / name).read_text("utf-8")
