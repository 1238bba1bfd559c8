"""Configuration: what is refused, and what it says to write instead."""

from pathlib import Path
from typing import Any

import pytest
from mqtt_kit import CHARGER, SIMPLE, config
from pydantic import ValidationError
from ruamel.yaml import YAML

from gateway.domain.device import PointSpec, Profile
from gateway.domain.duration import DAY, MS, SECOND
from gateway.domain.text import localize
from protocols.mapping.route_check import DeviceProfiles, check
from protocols.mqtt.config import MqttConfig
from protocols.mqtt.subscriptions import subscriptions

SAMPLE = Path(__file__).parents[2] / "protocols" / "mqtt" / "sample.yaml"


def test_defaults() -> None:
    made = config([SIMPLE])
    assert (made.session_expiry, made.keepalive, made.linger) == (7 * DAY, 30 * SECOND, 20 * MS)
    assert (made.receive_maximum, made.max_payload, made.unmatched) == (10_000, 65_536, "dead_letter")
    assert made.address == ("127.0.0.1", 1883)
    assert config([SIMPLE], url="mqtts://broker").address == ("broker", 8883)
    assert made.secret() is None


def test_the_sample_file_is_valid() -> None:
    document = YAML(typ="safe").load(SAMPLE.read_text("utf-8"))
    for section in document["sources"].values():
        MqttConfig.model_validate(section)


def problems(routes: list[dict[str, Any]], **more: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(ValidationError) as error:
        config(routes, **more)
    return [
        (".".join(map(str, e["loc"])), str(e.get("ctx", {}).get("key", e["type"])), e["msg"])
        for e in error.value.errors()
    ]


POINT = {"path": "x"}


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"filter": "$share/{g}/a/{device}"}, "route.filter_share"),
        ({"filter": "$share/a"}, "route.filter_share"),
        ({"filter": "$share/+/a/{device}"}, "route.filter_share"),
        ({"filter": "a/+"}, "route.filter_wildcard"),
        ({"device": "{other}"}, "route.capture"),
        ({"device": "{"}, "route.template"),
        ({"device": 5}, "route.device"),
        ({"device": {"path": "x."}}, "route.path"),
        ({"device": {"at": "x"}}, "missing"),
        ({"points": {}}, "route.points"),
        ({"points": {"a": {"path": "x[*]"}}}, "route.path_star"),
        ({"points": {"a": {"path": "x."}}}, "route.path"),
        ({"points": {"a": POINT | {"unit": "degX"}}}, "unit.near"),
        ({"points": {"a": POINT | {"scale": 0}}}, "route.scale"),
        ({"points": {"a": POINT | {"component": "x"}}}, "route.component"),
        ({"points": {"a": POINT | {"component": True}}}, "route.component"),
        ({"points": {"a": POINT | {"component": {"add": 1}}}}, "route.component_of"),
        ({"points": {"a": POINT | {"component": "{gun}"}}}, "route.capture"),
        ({"points": {"a": {"path": "."}, "b": POINT}}, "route.text_mix"),
        ({"time": {"path": "ts", "unit": "minutes"}}, "route.time_unit"),
        ({"time": {"path": "ts", "unit": "ms", "zone": "UTC"}}, "route.zone_unused"),
        ({"time": {"path": "ts", "unit": "iso", "zone": "Mars/Olympus"}}, "route.zone"),
        ({"time": {"path": "ts", "unit": "iso", "zone": "../../etc/passwd"}}, "route.zone"),
        ({"points": {"a": {"unit": "W"}}}, "route.no_path"),
        ({"when": {"path": "a", "equals": []}}, "route.when"),
        ({"when": {"path": "a"}}, "route.when"),
        ({"when": {"path": "a", "equals": 1, "exists": True}}, "route.when"),
        ({"each": "data"}, "route.each"),
        ({"unknown": 1}, "extra_forbidden"),
        ({"retained": "maybe"}, "literal_error"),
    ],
)
def test_routes_that_are_refused(change: dict[str, Any], key: str) -> None:
    found = problems([SIMPLE | change])
    assert key in [problem[1] for problem in found]
    assert all(place.startswith("routes.0") for place, _, _ in found)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"url": "http://x"}, "mqtt.url"),
        ({"url": "mqtt://user:pw@x"}, "mqtt.url"),
        ({"url": "mqtt://x:99999"}, "mqtt.url"),
        ({"url": "mqtt://x/path"}, "mqtt.url"),
        ({"url": "ws://x/mqtt?token=pw"}, "mqtt.url"),
        ({"url": "ws://x", "ca_file": "/x"}, "mqtt.tls_only"),
        ({"headers": {"A": "pw"}}, "mqtt.headers_only"),
        ({"url": "ws://x", "headers": {"Host": "pw"}}, "mqtt.header"),
        ({"url": "ws://x", "headers": {"a b": "pw"}}, "mqtt.header"),
        ({"url": "ws://x", "headers": {"A": "pw\r\nB: c"}}, "mqtt.header"),
        ({"protocol": "3.1"}, "literal_error"),
        ({"ca_file": "/x"}, "mqtt.tls_only"),
        ({"url": "mqtts://x", "cert_file": "/x"}, "mqtt.cert_pair"),
        ({"password": "x"}, "mqtt.password_alone"),
        ({"username": "u", "password": "x", "password_file": "/x"}, "mqtt.password_twice"),
        ({"keepalive": "0s"}, "mqtt.range"),
        ({"session_expiry": "1s"}, "mqtt.range"),
        ({"linger": "5s"}, "mqtt.range"),
        ({"max_payload": "2MiB"}, "mqtt.range"),
        ({"reconnect": {"min": "5m"}}, "mqtt.backoff"),
        ({"routes": []}, "route.no_routes"),
        ({"routes": [SIMPLE, SIMPLE]}, "route.unreachable"),
        ({"receive_maximum": 0}, "greater_than_equal"),
        ({"client_id": ""}, "string_too_short"),
    ],
)
def test_sections_that_are_refused(change: dict[str, Any], key: str) -> None:
    routes = change.pop("routes", [SIMPLE])
    found = problems(routes, **change)
    assert key in [problem[1] for problem in found]
    assert "pw" not in repr(found)


def test_all_problems_of_a_file_come_at_once() -> None:
    bad = SIMPLE | {"points": {"a": {"path": "x."}, "b": {"path": "y", "unit": "degX"}}, "each": "data"}
    assert len(problems([bad, SIMPLE | {"device": "{"}], keepalive="soon")) == 5


def test_the_message_survives_braces() -> None:
    ((_, _, message),) = problems([SIMPLE | {"filter": "a/+", "device": "x"}])
    assert message == localize("route.filter_wildcard", got="a/+")
    assert "{name*}" in message


def test_password_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("s3cret\n", "utf-8")
    made = config([SIMPLE], username="u", password_file=str(tmp_path / "pw"))
    assert made.secret() == "s3cret"
    assert "s3cret" not in repr(config([SIMPLE], username="u", password="s3cret"))


def test_routes_are_checked_against_the_profiles() -> None:
    points = {
        "gun_temp": {"path": "t", "unit": "degF"},
        "voltage": {"path": "u", "unit": "A"},
        "speed": {"path": "v"},
        "power": {"path": "p", "map": {"on": "high"}},
        "status": {"path": "s", "unit": "A", "map": {1: "idle"}},
    }
    specs = {p.name: PointSpec(p.name, p.kind, p.unit, values=p.values) for p in CHARGER if not p.component}
    fleet = DeviceProfiles({"charger": Profile("charger", "charger", tuple(specs.values()))})
    found = check(config([SIMPLE | {"points": points}]), fleet, "gateway.yaml", "sources.b")
    assert [(p.path, p.key) for p in found.problems] == [
        ("sources.b.routes[0].points.voltage", "route.bind_unit"),
        ("sources.b.routes[0].points.speed", "route.bind_point"),
        ("sources.b.routes[0].points.power", "route.bind_map"),
    ]
    assert all(problem.render(lang) for problem in found.problems for lang in ("en", "zh"))


def test_subscriptions_ask_for_retained_messages_unless_a_route_ignores_them() -> None:
    point = {"device": "{device}", "points": {"a": POINT}}
    ignored = {"filter": "gone/{device}", "retained": "ignore"} | point
    requested = {
        f.pattern: (int(f.max_qos), f.retain_as_published, int(f.retain_handling))
        for f in subscriptions(config([SIMPLE, ignored])).filters
    }
    assert requested == {"charger/+/telemetry": (1, False, 1), "gone/+": (1, False, 2)}
