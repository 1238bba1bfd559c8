"""Signs of presence beside plain births, wills and readings: flapping, doubt, limits of profiles, routes and topics,
events with a time of their own; all in the order in which they came."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mqtt_kit import CHARGER, NOW, Registry, Said, config
from pydantic import ValidationError

from gateway.adapter_ports import CheckedProject
from gateway.domain.device import Device, Point, PointKind, PointSpec, Profile
from gateway.domain.duration import MINUTE, SECOND
from gateway.domain.errors import Problem
from gateway.domain.reading import Flag, Quality
from protocols.mapping.binding import sent_canonically
from protocols.mqtt.adapter import ADAPTER
from protocols.mqtt.presence import FlapLimits, KnownPresence, PresenceChange, PresenceLimits, PresenceTracker
from protocols.mqtt.presence_config import FLAPPING, OFFLINE, ONLINE
from protocols.mqtt.presence_memory import PresenceMemory
from protocols.mqtt.presence_reporter import PresenceReporter, PresenceServices
from protocols.mqtt.source_mapper import MapperParts, mapper_of, route_timeouts


def tracker_of(timeout: int, debounce: int, flap: FlapLimits | None = None) -> PresenceTracker:
    made = PresenceTracker(lambda _: PresenceLimits(timeout, debounce), flap)
    made.connected(0)
    return made


def states(tracker: PresenceTracker, now: int) -> list[tuple[str, int, bool]]:
    return [(change.state, change.at, change.certain) for change in tracker.changes(now)]


# ---- flapping -----------------------------------------------------------------------------------------------------
def test_too_many_changes_are_one_state_until_there_is_quiet() -> None:
    tracker = tracker_of(0, 5, FlapLimits(3, 20, 30))
    tracker.alive(1, 0)
    for at in (10, 14):
        tracker.gone(1, at)
        tracker.alive(1, at + 2)
    assert states(tracker, 50) == [(ONLINE, 0, True), (FLAPPING, 14, True), (ONLINE, 46, True)]
    tracker.gone(1, 60)
    assert states(tracker, 70) == [(OFFLINE, 65, True)]
    assert tracker.published() == {1: KnownPresence(OFFLINE, 4)}


def test_slow_changes_are_not_flapping() -> None:
    tracker = tracker_of(0, 0, FlapLimits(3, 20, 20))
    tracker.alive(1, 0)
    for at in (100, 110, 130, 150):
        (tracker.gone if at % 20 else tracker.alive)(1, at)
    assert FLAPPING not in [state for state, _, _ in states(tracker, 1000)]


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["alive", "gone", "doubt"])), max_size=40),
    st.sampled_from([0, 3]),
    st.sampled_from([0, 12]),
    st.booleans(),
)
def test_what_always_holds(steps: Sequence[tuple[int, str]], debounce: int, timeout: int, often: bool) -> None:
    """Changes come in order, numbered without a gap, never the same certain state twice; whoever looks when."""
    tracker, found, now = tracker_of(timeout, debounce, FlapLimits(4, 20, 20)), list[PresenceChange](), 0
    for wait, kind in steps:
        now += wait
        getattr(tracker, kind)(1, now)
        found += tracker.changes(now) if often else []
    found += tracker.changes(now + 1000)
    certain = [one for one in found if one.certain]
    assert [one.number for one in certain] == list(range(1, len(certain) + 1))
    assert [one.at for one in found] == sorted(one.at for one in found)
    for before, after in pairwise(found):
        if before.certain:  # a doubt may come again, with a sign of life between that did not last
            assert (before.state, before.certain) != (after.state, after.certain)
    if timeout and any(kind != "doubt" for _, kind in steps):
        assert found[-1].state == OFFLINE
        assert found[-1].certain


# ---- doubt --------------------------------------------------------------------------------------------------------
def test_a_doubt_is_published_as_one_and_a_sign_of_life_ends_it() -> None:
    tracker = tracker_of(0, 5)
    tracker.alive(1, 0)
    tracker.doubt(1, 10)
    tracker.alive(1, 12)  # in time
    tracker.doubt(1, 20)
    tracker.doubt(2, 20)
    assert states(tracker, 40) == [(ONLINE, 0, True), (OFFLINE, 25, False), (OFFLINE, 25, False)]
    assert tracker.published() == {}
    tracker.alive(1, 50)
    tracker.alive(2, 50)
    assert states(tracker, 60) == [(ONLINE, 55, True), (ONLINE, 55, True)]


def test_silence_makes_a_doubt_certain() -> None:
    tracker = tracker_of(100, 5)
    tracker.doubt(1, 10)
    assert states(tracker, 200) == [(OFFLINE, 15, False), (OFFLINE, 115, True)]


# ---- how long a sign holds ----------------------------------------------------------------------------------------
def test_a_longer_promise_does_not_extend_a_shorter_one() -> None:
    tracker = tracker_of(1000, 0)
    tracker.alive(1, 0)
    tracker.alive(1, 10, 90)  # a heartbeat, due again by 100
    tracker.alive(1, 50)  # a meter reading, which comes once a day
    assert states(tracker, 99) == [(ONLINE, 0, True)]
    assert states(tracker, 100) == [(OFFLINE, 100, True)]
    tracker.alive(1, 200)
    assert states(tracker, 1199) == [(ONLINE, 200, True)]


def test_profiles_have_limits_of_their_own() -> None:
    tracker = PresenceTracker(lambda device: PresenceLimits(10 * device, 0))
    tracker.connected(0)
    for device in (1, 2):
        tracker.alive(device, 0)
    assert [(one.device, one.at) for one in tracker.changes(100) if one.state == OFFLINE] == [(1, 10), (2, 20)]


# ---- a reporter, without a broker ---------------------------------------------------------------------------------
PRESENCE = Point(20, "charger", "presence", kind=PointKind.STATE, values=("online", "offline", "flapping"))
COUNTER = Point(21, "charger", "presence_changes", kind=PointKind.COUNTER)
ROUTE = {"filter": "charger/{device}/telemetry", "device": "{device}", "points": {"voltage": {"path": "u"}}}
C1, C2 = 100, 101


class _Clock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> int:
        return self.at


class Stage:
    """Messages as the acknowledger hands them over; `states` is what is published by now."""

    def __init__(self, presence: Mapping[str, Any], routes: Sequence[Mapping[str, Any]] = (ROUTE,)) -> None:
        self.directory = Registry({"c1": "charger", "c2": "charger"}, [*CHARGER, PRESENCE, COUNTER])
        self.clock, self.config = _Clock(), config(routes, presence=presence)
        self.mapper = mapper_of(MapperParts("s", self.directory, 0), self.config, sent_canonically, None)
        devices = list(self.directory._devices.values())
        services = PresenceServices(
            self.directory, lambda: devices, self.clock, None, Counter(), route_timeouts(self.config)
        )
        assert self.config.presence is not None
        self.reporter = PresenceReporter("s", self.config.presence, services)
        self.reporter._tracker.connected(NOW)

    def take(self, *messages: tuple[str, bytes], retain: bool = False) -> None:
        said = [Said(topic, payload, retain) for topic, payload in messages]
        taken = self.reporter.take(said, ())
        places = [index for index in range(len(said)) if index not in taken]
        received = np.full(len(places), self.clock.at, np.int64)
        self.reporter.saw(self.mapper.map([said[index] for index in places], received), places)

    def states(self, seconds: float = 0) -> list[tuple[int, str, bool]]:
        self.clock.at += round(seconds * SECOND)
        changes = self.reporter._tracker.changes(self.clock.at)
        return [(change.device, change.state, change.certain) for change in changes]


LWT = {"topics": [{"topic": "lwt/{device}"}], "debounce": "0s"}
READING = ("charger/c1/telemetry", b'{"u":230}')


def test_a_reading_and_the_will_behind_it_in_one_parcel() -> None:
    """The order of the messages counts, not the order in which the parts look at them."""
    stage = Stage(LWT)
    stage.take(READING, ("lwt/c1", b"offline"))
    assert stage.states() == [(C1, ONLINE, True), (C1, OFFLINE, True)]
    stage.take(("lwt/c1", b"offline"), READING)
    assert stage.states() == [(C1, ONLINE, True)]


def test_a_retained_will_is_a_doubt_unless_births_are_retained_too() -> None:
    stage = Stage(LWT)
    stage.take(READING, ("lwt/c2", b"online"))
    stage.states()
    stage.take(("lwt/c1", b"offline"), ("lwt/c2", b"offline"), retain=True)
    assert stage.states() == [(C1, OFFLINE, False), (C2, OFFLINE, False)]
    stage.take(READING)
    assert stage.states() == [(C1, ONLINE, True)]
    stage.take(("lwt/c1", b"online"), retain=True)
    stage.take(("lwt/c1", b"offline"), retain=True)
    assert stage.states() == [(C1, OFFLINE, True)]


def test_an_uncertain_state_is_kept_from_rules() -> None:
    stage = Stage(LWT)
    (doubt,) = [stage.reporter._readings(PresenceChange(C1, OFFLINE, NOW, 3, certain=False))]
    assert [(one.point, one.quality, one.flags) for one in doubt] == [(20, Quality.UNCERTAIN, Flag.RETAINED)]
    sure = stage.reporter._readings(PresenceChange(C1, OFFLINE, NOW, 3))
    assert [(one.point, one.value, one.quality, one.flags) for one in sure] == [
        (20, 1.0, Quality.GOOD, Flag.NONE),
        (21, 3.0, Quality.GOOD, Flag.NONE),
    ]


CLIENTS = "$SYS/brokers/{node}/clients/{device}"
EVENTS = {
    "topics": [
        {"topic": f"{CLIENTS}/connected", "state": "online", "time": {"path": "ts", "unit": "ms"}},
        {"topic": f"{CLIENTS}/disconnected", "state": "offline", "time": {"path": "ts", "unit": "ms"}},
    ],
    "debounce": "0s",
}


def _event(kind: str, at: int, code: str = "c1") -> tuple[str, bytes]:
    return f"$SYS/brokers/emqx@10.0.0.1/clients/{code}/{kind}", b'{"clientid":"c1","ts":%d}' % at


def test_events_of_two_topics_that_overtake_each_other() -> None:
    """EMQX publishes that a client came and went on two topics."""
    stage = Stage(EVENTS)
    now = NOW // 1000
    stage.take(_event("connected", now))
    stage.take(_event("connected", now + 20), _event("disconnected", now + 10))
    assert stage.states() == [(C1, ONLINE, True)]
    stage.take(_event("disconnected", now + 30))
    assert stage.states() == [(C1, OFFLINE, True)]


def test_a_retained_event_with_a_fresh_time_is_certain() -> None:
    stage = Stage(EVENTS)
    now = NOW // 1000
    stage.take(_event("disconnected", now - 60_000), _event("disconnected", now - 3_600_000, "c2"), retain=True)
    assert stage.states() == [(C1, OFFLINE, True), (C2, OFFLINE, False)]


WORDS: list[tuple[dict[str, Any], str, bytes, bytes]] = [
    ({"topic": "zigbee2mqtt/{device}/availability", "path": "state"}, "zigbee2mqtt/c1/availability",
     b'{"state":"online"}', b'{"state":"offline"}'),
    ({"topic": "zigbee2mqtt/{device}/availability"}, "zigbee2mqtt/c1/availability", b"online", b"offline"),
    ({"topic": "tele/{device}/LWT", "online": "Online", "offline": "Offline"}, "tele/c1/LWT", b"Online", b"Offline"),
    ({"topic": "shellies/{device}/online", "online": True, "offline": False}, "shellies/c1/online", b"true", b"false"),
    ({"topic": "homie/{device}/$state", "online": ["ready", "init", "alert"],
      "offline": ["lost", "disconnected", "sleeping"]}, "homie/c1/$state", b"ready", b"lost"),
]  # fmt: skip


@pytest.mark.parametrize(("topic", "address", "birth", "will"), WORDS)
def test_births_and_wills_of_known_kinds(topic: dict[str, Any], address: str, birth: bytes, will: bytes) -> None:
    stage = Stage({"topics": [topic], "debounce": "0s"})
    stage.take((address, birth), (address, will), (address, birth), (address, b"what?"))
    assert [state for _, state, _ in stage.states()] == [ONLINE, OFFLINE, ONLINE]


def test_a_heartbeat_and_a_route_promise_to_come_again() -> None:
    routes = [
        ROUTE | {"presence_timeout": "60s"},
        ROUTE | {"filter": "daily/{device}"},
        ROUTE | {"filter": "replay/{device}", "presence_timeout": "0s"},
    ]
    beat = {"topic": "beat/{device}", "state": "online", "timeout": "20s"}
    stage = Stage({"topics": [beat], "debounce": "0s", "timeout": "1h"}, routes)
    stage.take(("replay/c1", b'{"u":1}'))
    assert stage.states() == []
    stage.take(("daily/c1", b'{"u":1}'), ("charger/c2/telemetry", b'{"u":1}'))
    assert stage.states() == [(C1, ONLINE, True), (C2, ONLINE, True)]
    assert stage.states(61) == [(C2, OFFLINE, True)]
    stage.take(("beat/c1", b""))
    assert stage.states(21) == [(C1, OFFLINE, True)]


def test_limits_of_a_profile() -> None:
    stage = Stage({"timeout": "1h", "debounce": "0s", "profiles": {"charger": {"timeout": "1m"}}})
    stage.take(READING)
    assert stage.states(60) == [(C1, ONLINE, True), (C1, OFFLINE, True)]


async def test_what_was_published_is_kept_over_a_restart(tmp_path: Path) -> None:
    """In the form of the first release as well."""
    file = tmp_path / "x.json"
    memory = PresenceMemory(file)
    assert await memory.read() == {}
    kept = {7: (KnownPresence(FLAPPING, 12), True), 8: (KnownPresence(OFFLINE, 1), False)}
    memory._written = -100.0
    await memory.write(kept)
    assert await PresenceMemory(file).read() == kept
    file.write_text('{"7": true, "8": false}')
    assert await PresenceMemory(file).read() == {
        7: (KnownPresence(ONLINE, 1), False),
        8: (KnownPresence(OFFLINE, 1), False),
    }
    for broken in ("[", '{"7": 3}', "[1]", '{"x": true}'):
        file.write_text(broken)
        assert await PresenceMemory(file).read() == {}


async def test_the_numbers_go_on_after_a_restart() -> None:
    tracker = tracker_of(0, 0)
    tracker.restore({1: KnownPresence(FLAPPING, 5), 2: KnownPresence(ONLINE, 9)}, 0)
    tracker.alive(1, 10)
    tracker.gone(2, 10)
    assert [(one.device, one.state, one.number) for one in tracker.changes(20)] == [(1, ONLINE, 6), (2, OFFLINE, 10)]


ISO = {"path": "t", "unit": "iso"}


# ---- configuration ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"presence": {"topics": [{"topic": "a/{device}", "state": "online", "path": "x"}]}}, "mqtt.presence_state"),
        (
            {"presence": {"topics": [{"topic": "a/{device}", "time": ISO}]}},
            "mqtt.presence_zone",
        ),
        ({"presence": {"timeout": "1h", "profiles": {"x": {}}}}, "mqtt.presence_profile_nothing"),
        ({"presence": {"timeout": "1h", "flap": {"changes": 1}}}, "greater_than_equal"),
        ({"presence": {"timeout": "1h", "flap": {"span": "10ms"}}}, "mqtt.range"),
        ({"routes": [ROUTE | {"presence_timeout": "90d"}]}, "mqtt.range"),
        ({"routes": [ROUTE | {"presence_timeout": "1h"}]}, "mqtt.presence_of_nothing"),
    ],
)
def test_presence_that_is_refused(more: Mapping[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as error:
        config(more.get("routes", [ROUTE]), **{name: value for name, value in more.items() if name != "routes"})
    assert key in str(error.value.errors())


def test_check_names_profiles_that_are_not_there() -> None:
    profile = Profile("charger", "charger", (PointSpec("presence", PointKind.STATE), PointSpec("voltage", unit="V")))
    device = Device(1, "c1", "charger", "charger")
    project = CheckedProject("f", {"charger": profile}, {"c1": device}, {}, (), lambda *_: Problem("", "", ""))
    presence = {"timeout": "1h", "profiles": {"chager": {"timeout": "1m"}}, "flap": {}}
    made = config([ROUTE], presence=presence)
    found = ADAPTER.check_with({"src": made}, project)
    assert [one.key for one in found.problems] == ["mqtt.presence_no_profile"]
    assert ("presence", FLAPPING) in set(ADAPTER.state_texts(made))
    spark = {"points": {"Power": {"point": "powr"}, "V": {"point": "voltage"}, "{x}": {}}, "device": "z-{device}"}
    found = ADAPTER.check_with({"src": config([], sparkplug=spark)}, project)
    assert [one.key for one in found.problems] == ["mqtt.sparkplug_unfilled"]
    unsuited = {"A": {"point": "voltage", "unit": "kW"}, "B": {"point": "voltage", "component": 1}}
    others = ADAPTER.check_with({"src": config([], sparkplug={"points": unsuited})}, project).problems
    assert [one.key for one in others] == ["route.bind_unit", "route.bind_alone"]
    assert [one.key for one in found.warnings] == ["mqtt.sparkplug_nobody"]
    assert all(one.render() for one in [*found.problems, *found.warnings])


def test_a_minute_is_a_minute() -> None:
    assert config([ROUTE | {"presence_timeout": "1m"}], presence={}).routes[0].presence_timeout == MINUTE
