"""C4: a signed test event shows whether an endpoint works, and what to look at when it does not."""

import json
from pathlib import Path

import pytest
from api_kit import SECRET, World, problem
from click.testing import CliRunner

from gateway.cli.endpoints_command import command
from gateway.delivery.endpoint_test import hint
from gateway.domain.text import catalogue
from gateway.domain.workorder import Role

CASES = [
    ("", 200, "ok"), ("rejected", 401, "secret"), ("rejected", 404, "url"), ("rejected", 422, "body"),
    ("redirect", 301, "redirect"), ("failing", 500, "receiver"), ("busy", 429, "busy"), ("gone", 410, "gone"),
    ("rejected", 418, "refused"), ("timeout", 0, "timeout"), ("resolve", 0, "resolve"), ("connect", 0, "connect"),
    ("tls", 0, "tls"), ("address", 0, "address"), ("broken", 0, "broken"), ("secret_short", 0, "own_secret"),
    ("authority: no file", 0, "authority"), ("fault: KeyError", 0, "log"),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "status", "wanted"), CASES)
def test_a_failure_says_what_to_look_at(reason: str, status: int, wanted: str) -> None:
    assert hint(reason, status) == wanted
    assert f"delivery.hint.{wanted}" in catalogue()


async def test_a_test_of_an_address_inside_is_refused_and_stands_in_the_audit(world: World) -> None:
    """The name of the endpoint leads nowhere here: nothing was sent, and the answer says so in words."""
    headers = {"accept-language": "zh"}
    answer = await world.ask("POST", "/v1/endpoints/oa/test", Role.SUPERVISOR, headers=headers)
    body = answer.json()
    assert answer.status_code == 200, answer.text
    assert (body["ok"], body["status"], body["endpoint"]) == (False, 0, "oa")
    assert body["event"].startswith("evt_")
    assert "主机名" in body["look_for"] or "该地址" in body["look_for"]
    (row,) = (await world.get("/v1/audit", params={"act": "endpoint"}))["items"]
    assert (row["act"], row["subject"], row["actor"]) == ("endpoint.test", "oa", "supervisor")
    assert (await world.get("/v1/deliveries"))["items"] == []
    problem(await world.ask("POST", "/v1/endpoints/nobody/test"), 404, "unknown_endpoint")
    assert (await world.ask("POST", "/v1/endpoints/oa/test", Role.VIEWER)).status_code == 403


def _house(folder: Path, url: str) -> Path:
    file = folder / "gateway.yaml"
    for name in ("profiles", "rules"):
        (folder / name).mkdir()
    endpoint = f"{{type: webhook, url: '{url}', secret: {SECRET}, allow: [127.0.0.0/8]}}"
    file.write_text(
        f"name: gw\ntimezone: Asia/Shanghai\ndata_dir: var\napi: {{port: 0}}\nendpoints: {{oa: {endpoint}}}\n"
    )
    return file


def test_the_command_works_without_a_gateway(tmp_path: Path) -> None:
    """Port 9 takes nobody: it says that nothing listens, and ends with 1."""
    file = _house(tmp_path, "http://127.0.0.1:9/hook")
    told = CliRunner().invoke(command, ["test", "oa", "-c", str(file), "--lang", "en"])
    assert told.exit_code == 1, told.output
    assert "Answer: none" in told.output
    assert "Nothing listens at this address and port" in told.output
    listed = CliRunner().invoke(command, ["list", "-c", str(file), "--format", "json"])
    assert json.loads(listed.output) == [{"name": "oa", "type": "webhook", "host": "127.0.0.1"}]
    unknown = CliRunner().invoke(command, ["test", "ao", "-c", str(file), "--lang", "zh"])
    assert unknown.exit_code == 2
    assert "没有端点 ao；配置中有：oa" in unknown.output
