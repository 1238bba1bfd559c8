"""The configuration, and what `check` finds in a project."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.settings import inspect_project
from protocols.opcua.config import OpcUaConfig

PROFILE = """\
id: press
revision: 1
kind: pump
vendor: Acme
model: P
source: "manual"
points:
  power: {kind: gauge, unit: kW}
opcua:
  points:
    power: {node: "{root}.Power", unit: W}
"""
MAIN = """\
name: gw
timezone: Asia/Shanghai
language: en
registry: {devices: devices.csv}
profiles: profiles
rules: rules
sources:
  plant:
    type: opcua
    endpoint: opc.tcp://127.0.0.1:4840
    devices_from: registry
    devices:
    - {device: P-1, root: "ns=2;s=P1"}
"""


def given(**more: Any) -> dict[str, Any]:
    return {"type": "opcua", "endpoint": "opc.tcp://10.0.0.1:4840", "devices": [{"device": "P-1"}], **more}


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"endpoint": "http://10.0.0.1"}, "opcua.endpoint"),
        ({"endpoint": "opc.tcp://u:p@10.0.0.1:4840"}, "opcua.endpoint_secret"),
        ({"devices": []}, "opcua.no_devices"),
        ({"devices": [{"device": "P-1"}, {"device": "P-1"}]}, "opcua.twice_device"),
        ({"password": "x"}, "opcua.password_alone"),
        ({"user": "x"}, "opcua.password"),
        ({"publishing": "1ms"}, "opcua.range"),
        ({"timeout": "0s"}, "opcua.range"),
    ],
)
def test_mistakes(more: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as caught:
        OpcUaConfig.model_validate(given(**more))
    assert [one["type"] for one in caught.value.errors()] == [key]


def test_a_server_elsewhere_without_security_is_a_warning(tmp_path: Path) -> None:
    from protocols.opcua.adapter import ADAPTER

    made = {"a": OpcUaConfig.model_validate(given()), "b": OpcUaConfig.model_validate(given(user="u", password="p"))}
    assert [one.key for one in ADAPTER.check(made, "g.yaml").warnings] == ["opcua.plain", "opcua.plain_password"]


def project(folder: Path, rows: str, main: str = MAIN) -> list[tuple[str, str]]:
    for name in ("profiles", "rules"):
        (folder / name).mkdir()
    (folder / "profiles/press.yaml").write_text(PROFILE, "utf-8")
    (folder / "devices.csv").write_text("code,name,profile,kind,opcua_source,opcua_root\n" + rows, "utf-8")
    (folder / "gateway.yaml").write_text(main, "utf-8")
    return [(one.key, one.path) for one in inspect_project(folder / "gateway.yaml", {}).problems]


def test_a_project_is_in_order(tmp_path: Path) -> None:
    assert project(tmp_path, "P-1,One,press,pump,,\nP-2,Two,press,pump,plant,ns=2;s=P2\n") == []


def test_devices_that_cannot_be_watched(tmp_path: Path) -> None:
    main = MAIN.replace("P-1, root", "P-9, root")
    found = project(tmp_path, "P-2,Two,press,pump,yard,ns=2;s=P2\nP-3,Three,press,pump,plant,\n", main)
    assert [key for key, _ in found] == ["config.source.device_near", "opcua.source", "opcua.no_root"]
