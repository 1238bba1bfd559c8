"""The configuration: the sample loads, and every mistake says what to write instead, in both languages."""

from typing import Any

import pytest
from modbus_kit import ROOT, yaml
from pydantic import ValidationError

from gateway.domain.text import catalogue, localize
from gateway.section_problems import problems
from protocols.modbus.config import LinkConfig, ModbusConfig
from protocols.modbus.wiring import timing_of


def test_the_sample_loads() -> None:
    config = ModbusConfig.model_validate(yaml(ROOT / "protocols/modbus/sample.yaml")["meters"])
    assert config.links["hall"].tcp == ("10.0.3.7", 502)
    assert config.links["hall"].timeout == 1_000_000
    assert config.devices[1].every == 60_000_000
    assert config.devices[0].every is None
    assert config.devices_from == "registry"
    assert config.backoff.build().max == 300_000_000


def test_the_sample_shows_the_defaults() -> None:
    written = ModbusConfig.model_validate(yaml(ROOT / "protocols/modbus/sample.yaml")["meters"])
    bare = ModbusConfig.model_validate(
        {"type": "modbus", "links": {"hall": {"tcp": "10.0.3.7:502"}}, "devices_from": "registry"}
    )
    assert written.links["hall"] == bare.links["hall"]
    assert (written.every, written.backoff) == (bare.every, bare.backoff)


def _config(**changes: Any) -> dict[str, Any]:
    return {
        "type": "modbus",
        "links": {"a": {"tcp": "h:502"}, "b": {"tcp": "[fe80::1]:503"}},
        "devices": [{"device": "D1", "link": "a", "unit": 1}],
    } | changes


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"links": {"a": {"tcp": "h"}}}, "modbus.endpoint"),
        ({"links": {"a": {"tcp": "h:70000"}}}, "modbus.endpoint"),
        ({"links": {"a": {"tcp": 502}}}, "modbus.endpoint"),
        ({"links": {"a": {"tcp": "fe80::1:502"}}}, "modbus.endpoint"),
        ({"links": {"a": {"tcp": "h:1", "timeout": "2m"}}}, "modbus.range"),
        ({"links": {}}, "modbus.no_links"),
        ({"links": {"a": {"timeout": "1s"}}}, "modbus.link_kind"),
        ({"links": {"a": {"tcp": "h:1", "rtu": "/dev/ttyS1"}}}, "modbus.link_kind"),
        ({"links": {"a": {"tcp": "h:1", "parity": "even"}}}, "modbus.link_key"),
        ({"links": {"a": {"rtu": "/dev/ttyS1", "connect": "1s"}}}, "modbus.link_key"),
        ({"links": {"a": {"rtu_tcp": "h:1", "ca_file": "x"}}}, "modbus.link_key"),
        ({"links": {"a": {"tls": "h:1", "cert_file": "x"}}}, "mqtt.cert_pair"),
        ({"links": {"a": {"rtu": "/dev/ttyS1"}, "b": {"rtu": "/dev/ttyS1"}}}, "modbus.twice_endpoint"),
        (
            {"links": {"a": {"rtu": "/dev/ttyS1"}}, "devices": [{"device": "D1", "link": "a", "unit": 0}]},
            "modbus.unit_of_all",
        ),
        ({"devices": []}, "modbus.no_devices"),
        ({"links": {"a": {"tcp": "h:1"}, "b": {"tcp": "h:1"}}}, "modbus.twice_endpoint"),
        ({"devices": [{"device": "D1", "link": "c", "unit": 1}]}, "modbus.unknown_link"),
        ({"devices": [{"device": "D1", "link": "a", "unit": n} for n in (1, 2)]}, "modbus.twice_device"),
        ({"backoff": {"min": "10m", "max": "1m"}}, "modbus.backoff"),
        ({"every": "1ms"}, "modbus.range"),
        ({"evry": "1s"}, "section.unknown_key"),
    ],
)
def test_mistakes_name_what_to_write(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        ModbusConfig.model_validate(_config(**changes))
    found = problems(wrong.value, ModbusConfig, "gateway.yaml", "sources.meters")
    assert [problem.key for problem in found] == [key]
    assert found[0].path.startswith("sources.meters")
    english, chinese = found[0].render("en"), found[0].render("zh")
    assert english != chinese
    assert "{" not in english.replace("{hall: {tcp: 10.0.3.7:502}}", "")


def test_the_quiet_time_is_that_of_the_standard() -> None:
    """MODBUS over Serial Line V1.02, 2.5.1.1: 3.5 characters, 1.75 ms above 19200 baud."""
    quiet = {}
    for baud in (9600, 19200, 115200):
        rtu = timing_of(LinkConfig.model_validate({"rtu": "/dev/ttyS1", "baud": baud})).rtu
        assert rtu is not None
        quiet[baud] = round(rtu.quiet * 1000, 2)
    assert quiet == {9600: 4.01, 19200: 2.01, 115200: 1.75}


def test_all_mistakes_at_once() -> None:
    raw = _config(
        links={"a": {"tcp": "h", "timout": "1s"}}, devices=[{"device": "", "link": "a", "unit": 300}], every="soon"
    )
    with pytest.raises(ValidationError) as wrong:
        ModbusConfig.model_validate(raw)
    found = {problem.path: problem.key for problem in problems(wrong.value, ModbusConfig, "f", "s")}
    assert found["s.links.a.tcp"] == "modbus.endpoint"
    assert found["s.links.a.timout"] == "section.unknown_key"
    assert {"s.devices[0].device", "s.devices[0].unit", "s.every"} <= found.keys()


def test_unit_0_and_255_are_units() -> None:
    for unit in (0, 255):
        ModbusConfig.model_validate(_config(devices=[{"device": "D1", "link": "a", "unit": unit}]))


def test_a_link_says_where_it_leads() -> None:
    config = ModbusConfig.model_validate(_config())
    assert [config.links[name].where for name in "ab"] == ["h:502", "[fe80::1]:503"]


def test_every_text_can_be_said_with_its_fields() -> None:
    fields = dict.fromkeys(
        [
            "value",
            "low",
            "high",
            "device",
            "link",
            "known",
            "first",
            "second",
            "endpoint",
            "min",
            "max",
            "what",
            "reason",
            "name",
            "unit",
            "point",
            "last",
            "count",
            "address",
            "key",
            "message",
            "where",
            "detail",
            "code",
            "limit",
            "table",
            "kind",
            "owners",
            "why",
            "holder",
            "pid",
            "baud",
            "parity",
            "stop",
            "group",
            "requests",
            "share",
            "turnaround",
            "source",
            "late",
            "due",
            "links",
            "caps",
            "cuts",
            "holes",
        ],
        "x",
    )
    for key in (key for key in catalogue() if key.startswith("modbus.")):
        assert localize(key, "en", **fields)
        assert localize(key, "zh", **fields)
