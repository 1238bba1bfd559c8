"""Every key of the configuration has its line in the tables, with its default; no line names a key that is gone."""

import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from gateway.desk.sla import HoursConfig, MilestoneConfig, SlaNoticeConfig, SlaPolicyConfig
from gateway.domain.duration import format_duration
from gateway.section import SourceCommands
from gateway.settings.profile_commands import CommandModel, ParameterModel, ReadBackModel
from gateway.settings.profiles import CounterSection, PlausibleModel, PointModel, ProfileModel, TitleModel
from protocols.mapping.config import ComponentOf, PointMap, RouteConfig, TimeMap, When
from protocols.mapping.payload_config import (
    BinaryPayload,
    CsvPayload,
    FieldLayout,
    PlainPayload,
    SamplesConfig,
    StepAt,
    UnpackConfig,
)
from protocols.mapping.point_config import SplitText, UnitAt
from protocols.modbus.command_form import ModbusWrite
from protocols.modbus.config import BackoffConfig, DeviceConfig, LinkConfig, ModbusConfig
from protocols.modbus.poll_group import PollGroup
from protocols.modbus.profile import ModbusMap, Register, RegisterPart, ScaleRegister
from protocols.mqtt.command_form import CommandResponse, MqttCommand, SuccessWords
from protocols.mqtt.config import MqttConfig, Reconnect
from rules.casetest import events, expect, read, things
from rules.expr.functions import SHAPES
from rules.format import actions, rule

DOCS = Path(__file__).parents[2] / "docs"
MODELS: dict[str, list[tuple[str, type[BaseModel]]]] = {
    "Keys of a profile": [("", ProfileModel)],
    "Keys of a point": [
        ("", PointModel), ("title.", TitleModel), ("plausible.", PlausibleModel), ("counter.", CounterSection),
    ],
    "Keys of an MQTT source": [("", MqttConfig), ("reconnect.", Reconnect)],
    "Keys of a route": [("", RouteConfig), ("time.", TimeMap), ("when.", When)],
    "Keys of a route's point": [
        ("", PointMap), ("component.", ComponentOf), ("split.", SplitText), ("unit.", UnitAt),
    ],
    "Keys of a payload": [("", PlainPayload), ("", CsvPayload), ("", BinaryPayload), ("fields.", FieldLayout)],
    "Keys of unpack": [("", UnpackConfig)],
    "Keys of samples": [("", SamplesConfig), ("step.", StepAt)],
    "Keys of a Modbus source": [
        ("", ModbusConfig), ("links.", LinkConfig), ("devices.", DeviceConfig), ("backoff.", BackoffConfig),
    ],
    "Keys of a command": [("", CommandModel), ("title.", TitleModel), ("read_back.", ReadBackModel)],
    "Keys of a parameter": [("", ParameterModel)],
    "Keys of a command by MQTT": [
        ("", MqttCommand), ("response.", CommandResponse), ("response.success.", SuccessWords),
    ],
    "Keys of a write by Modbus": [("", ModbusWrite)],
    "Keys of commands of a source": [("", SourceCommands)],
    "Keys of a policy": [("", SlaPolicyConfig)],
    "Keys of a milestone of a policy": [("", MilestoneConfig), ("notice.", SlaNoticeConfig)],
    "Keys of working hours": [("", HoursConfig)],
    "Keys of a register map": [("", ModbusMap)],
    "Poll groups": [("", PollGroup)],
    "Keys of a register": [("", Register), ("parts.", RegisterPart), ("scale_from.", ScaleRegister)],
}  # fmt: skip


def page_of(heading: str) -> str:
    if re.search("policy|working hours", heading):
        return "sla.md"
    return "commands.md" if re.search("command|parameter|write", heading) else "profiles-and-routes.md"


def _section(page: str, heading: str) -> str:
    text = (DOCS / page).read_text("utf-8")
    match = re.search(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    assert match is not None, f"{page} has no section {heading}"
    return match[1]


def _table(page: str, heading: str) -> dict[str, list[str]]:
    """First cell (one name in backticks) -> the other cells."""
    rows = re.findall(r"^\| `([^`]+)` \|(.*)\|$", _section(page, heading), re.MULTILINE)
    assert len({name for name, _ in rows}) == len(rows), "a key stands there twice"
    return {name: [cell.strip() for cell in cells.split("|")] for name, cells in rows}


def _fields(models: list[tuple[str, type[BaseModel]]]) -> Iterator[tuple[str, Any]]:
    for prefix, model in models:
        for name, info in model.model_fields.items():
            yield prefix + name, info


def _spellings(info: Any) -> set[str]:
    """How a default may be written."""
    if info.is_required():
        return {"required"}
    value = info.get_default(call_default_factory=True)
    if value is None or value in ((), {}, "") or isinstance(value, BaseModel):
        return {""}
    if isinstance(value, Enum):
        return {str(value.value)}
    if isinstance(value, bool):
        return {str(value).lower()}
    if isinstance(value, int):
        return {str(value), format_duration(value), f"{value / 2**10:g}KiB", f"{value / 2**20:g}MiB"}
    return {str(value)}


@pytest.mark.parametrize("heading", MODELS)
def test_the_table_holds_exactly_the_keys(heading: str) -> None:
    assert set(_table(page_of(heading), heading)) == {name for name, _ in _fields(MODELS[heading])}


@pytest.mark.parametrize("heading", MODELS)
def test_the_defaults_are_true(heading: str) -> None:
    table = _table(page_of(heading), heading)
    wrong = {
        name: (table[name][0], sorted(_spellings(info)))
        for name, info in _fields(MODELS[heading])
        if name in table and table[name][0] not in _spellings(info)
    }
    assert wrong == {}


def test_the_reasons_of_dead_letters_are_those_of_the_code() -> None:
    sources = [
        *(DOCS.parent / "protocols" / "mqtt").rglob("*.py"),
        *(DOCS.parent / "protocols" / "mapping").glob("*.py"),
    ]
    raised = {reason for path in sources for reason in re.findall(r'DecodeError\("(\w+)"', path.read_text("utf-8"))}
    assert set(_table("profiles-and-routes.md", "Dead letters: what to do")) == raised


def test_the_keys_of_a_rule() -> None:
    table = _table("rules.md", "Keys of a rule")
    assert set(table) == set(rule.keys())
    wanted = {*actions._ORDER, *actions._NOTICE}
    assert wanted <= set(re.findall(r"\w+", table["then"][0]))


def test_the_keys_of_a_case() -> None:
    assert set(_table("rules.md", "Tests")) == set(read.KEYS)
    assert set(things.DEVICE) <= set(re.findall(r"\w+", _table("rules.md", "Tests")["device"][0]))


def test_events_and_expectations_of_a_case() -> None:
    table = _table("rules.md", "Tests")
    assert set(events.KINDS) <= set(re.findall(r"\w+", table["events"][0]))
    assert set(expect.KEYS) <= set(re.findall(r"\w+", table["expect"][0]))


def test_the_functions_are_there() -> None:
    text = (DOCS / "rules.md").read_text("utf-8")
    assert [shape for shape in SHAPES.values() if shape not in text] == []
