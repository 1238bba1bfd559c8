"""A small field for the engine's tests: chargers with two connectors, meters, rules as people write them."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from msgspec.structs import replace
from row_by_row import RowEngine

from gateway.domain.alarm import Transition, canonical
from gateway.domain.device import CounterModel, Device, Point, PointKind, PointSpec, Site
from gateway.domain.duration import SECOND
from gateway.domain.reading import Quality, Reading, batch_of
from gateway.domain.record import Body, DeviceSet, PointDefined, Record, RuleSet, SiteSet
from rules import format as rule_format
from rules.compiled import Names, Rule
from rules.engine import Engine
from rules.format import load_text

compile_source = lru_cache(maxsize=1024)(rule_format.compile_source)
"""One engine after the other has the same rules."""
S = SECOND
T0 = 1_767_225_600 * S  # 2026-01-01T00:00:00Z
STATES = ("idle", "charging", "fault")
SPECS = {
    "charger": {
        "gun_temp": PointSpec("gun_temp", PointKind.GAUGE, "degC", 10 * S, each=True),
        "current": PointSpec("current", PointKind.GAUGE, "A", 10 * S, each=True),
        "status": PointSpec("status", PointKind.STATE, "", 0, each=True, values=STATES),
        "heartbeat": PointSpec("heartbeat", PointKind.GAUGE, "", 10 * S),
        "ambient": PointSpec("ambient", PointKind.GAUGE, "degC", 30 * S),
    },
    "gas_meter": {
        "volume": PointSpec("volume", PointKind.COUNTER, "m3", 600 * S, counter=CounterModel(rollover=1000.0)),
        "battery": PointSpec("battery", PointKind.GAUGE, "V", 600 * S),
        "water": PointSpec("water", PointKind.COUNTER, "m3", 600 * S),
        "session": PointSpec("session", PointKind.COUNTER, "m3", 600 * S, counter=CounterModel(reset="restart")),
        "coarse": PointSpec(
            "coarse", PointKind.COUNTER, "m3", 600 * S, counter=CounterModel(reset="restart", resolution=2.0)
        ),
    },
}
POINTS: dict[tuple[str, str, int], Point] = {}
for _kind, _specs in SPECS.items():
    for _spec in _specs.values():
        for _component in (1, 2) if _spec.each else (0,):
            POINTS[_kind, _spec.name, _component] = Point(
                len(POINTS) + 1,
                _kind,
                _spec.name,
                _component,
                _spec.kind,
                _spec.unit,
                _spec.every,
                values=_spec.values,
                counter=_spec.counter,
            )


def rules_of(text: str) -> tuple[Rule, ...]:
    """Rules of a YAML text against the lab's points."""
    loaded = load_text(text, "lab.yaml", Names(SPECS))
    assert not loaded.problems, [problem.render() for problem in loaded.problems]
    return loaded.rules


def rule(body: str, watch: str = "{kind: charger, each: connector}", rule_id: str = "r") -> Rule:
    """One rule: its keys below `watch`, indented by two spaces."""
    return rules_of(
        f"format: 1\nrules:\n- id: {rule_id}\n  title: {{en: t, zh: 题}}\n  why: w\n  watch: {watch}\n"
        f"{body}\n  then: {{order: {{type: repair}}}}\n"
    )[0]


def charger(number: int, **more: object) -> Device:
    """Charger `number` with two connectors."""
    return Device(number, f"C{number}", "charger", "charger", components=2, registered=T0, **more)  # type: ignore[arg-type]


def meter(number: int, **more: object) -> Device:
    """Gas meter `number`."""
    return Device(number, f"M{number}", "gas_meter", "gas_meter", registered=T0, **more)  # type: ignore[arg-type]


def told(
    device: int,
    name: str,
    at: float,
    value: float,
    component: int = 0,
    *,
    flags: int = 0,
    received: float | None = None,
) -> Reading:
    """A reading `at` seconds after T0."""
    kind = "gas_meter" if name in SPECS["gas_meter"] else "charger"
    quality = Quality.BAD if value != value else Quality.GOOD
    late = at if received is None else received
    return Reading(
        device,
        POINTS[kind, name, component].id,
        T0 + round(at * S),
        value,
        quality,
        flags,
        T0 + round(late * S),  # type: ignore[arg-type]
    )


class Lab:
    """An engine and the journal it was fed with; not `live` = the journal alone."""

    def __init__(
        self, rules: Iterable[Rule], devices: Iterable[Device], sites: Iterable[Site] = (), *, live: bool = True
    ) -> None:
        self.engine = Engine(0, compile_source, "lab") if live else None
        self.records: list[Record] = []
        self.got: list[Transition] = []
        for site in sites:
            self.write(SiteSet(site))
        for point in POINTS.values():
            self.write(PointDefined("lab", point))
        for device in devices:
            self.write(DeviceSet(device))
        for one in rules:
            self.install(one)

    def write(self, body: Body, at: float = 0) -> list[Transition]:
        """Append a record at T0 + `at` seconds; what it changed."""
        record = Record(len(self.records) + 1, T0 + round(at * S), body)
        self.records.append(record)
        new = self.engine.step(record) if self.engine is not None else []
        self.got += new
        return new

    def install(self, one: Rule, at: float = 0, zone: str = "UTC") -> list[Transition]:
        """A rule takes effect."""
        return self.write(RuleSet(one.id, one.revision, one.source, zone), at)

    def read(self, *frames: Sequence[Reading], at: float | None = None) -> list[Transition]:
        """A batch of frames."""
        when = at if at is not None else max((f.at - T0) / S for frame in frames for f in frame)
        return self.write(batch_of(frames), when)


def in_any_order(said: Iterable[Transition], prologue: int) -> list[bytes]:
    """What was raised as a rule was installed (up to record `prologue`) has the number of that record: rules that are
    installed in another order give others there, and the same bytes after it.
    """
    said = list(said)
    early = [replace(one, seq=0, ordinal=0) for one in said if one.seq <= prologue]
    return sorted(bytes_of(early)) + bytes_of([one for one in said if one.seq > prologue])


def run(records: Iterable[Record], *, scalar: bool = False, restart_at: int = -1) -> list[Transition]:
    """The records through a new engine, with `scalar` the reference; optionally lost, restored after `restart_at`."""
    kind = RowEngine if scalar else Engine
    engine: Any = kind(0, compile_source, "lab")
    got: list[Transition] = []
    for number, record in enumerate(records):
        if number == restart_at:
            engine = kind.restore(engine.snapshot(), compile_source)
        got += engine.step(record)
    return got


def same_after_restarts(records: Sequence[Record], live: list[bytes], places: Iterable[int], **options: Any) -> None:
    """The journal again; an engine that is lost before each of these records and restored; and two that are lost once:
    the same bytes."""
    engine, often = (Engine(0, compile_source, "lab", **options) for _ in range(2))
    got, wanted = list[Transition](), sorted(set(places))
    once = {wanted[len(wanted) * third // 3] for third in (1, 2)} if wanted else set()
    kept: list[tuple[int, int, bytes]] = []
    for number, record in enumerate(records):
        if number in wanted:
            often = Engine.restore(often.snapshot(), compile_source, **options)
        if number in once:
            kept.append((number, len(got), engine.snapshot()))
        new = engine.step(record)
        got += new
        assert bytes_of(often.step(record)) == bytes_of(new), f"record {number}, with restarts before it"
    assert bytes_of(got) == live
    for number, said, snapshot in kept:
        again = Engine.restore(snapshot, compile_source, **options)
        rest = [one for record in records[number:] for one in again.step(record)]
        assert bytes_of(rest) == live[said:], f"restart before record {number}"


def bytes_of(transitions: Iterable[Transition]) -> list[bytes]:
    """What replay must reproduce."""
    return [canonical(one) for one in transitions]


def brief(transitions: Iterable[Transition]) -> list[tuple[str, float]]:
    """(change, seconds after T0)."""
    return [(one.change.value, (one.at - T0) / S) for one in transitions]
