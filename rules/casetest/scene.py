"""A case read and checked: devices, points, readings with their times, events, what is expected."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain.alarm import Change, Level
from gateway.domain.device import Device, Life, Point, PointKind, PointSpec, Site
from gateway.domain.duration import parse_duration, to_us
from gateway.domain.errors import Problem
from gateway.domain.units import parse_unit
from rules.casetest.series import LIMIT, Item, Text, parse_item, parse_series
from rules.compiled import Rule
from rules.engine.world import quantity
from rules.format import Case, TestFile

DEFAULT_START = "2026-01-01T00:00:00Z"
_KEYS = ("say", "start", "device", "devices", "every", "series", "readings", "events", "until", "expect")
_DEVICE = ("attrs", "site", "component", "components", "life", "tags", "name", "customer", "registered", "kind")
_EXPECT = ("at", "is", "level", "device", "component", "reason", "imported", "late", "live")
_EVENT = ("at", "restart", "set", "edit", "unlatch", "exchange", "device", "component")
_NAME = re.compile(r"(?:(?P<device>.+)\.)?(?P<point>[^.\[\]]+)(?:\[(?P<component>[0-9]+)\])?")


@dataclass(frozen=True, slots=True)
class Told:
    """One value on its way: event time `at`, delivered `received`, µs; `frame` groups what is applied together."""

    received: int
    frame: int
    at: int
    device: int
    point: int
    value: float


@dataclass(frozen=True, slots=True)
class Happening:
    """Something between readings. `what` is restart, set, edit, unlatch or exchange; `where` its place in the case."""

    at: int
    what: str
    value: object
    device: int
    component: int
    where: str


@dataclass(slots=True)
class Scene:
    """Everything a case says, in µs and canonical units. `problems` non-empty = it cannot run."""

    case: Case
    rule: Rule
    tests: TestFile
    start: int = 0
    until: int | None = None
    sites: dict[str, Site] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    points: dict[tuple[str, str, int], Point] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)
    expected: list[dict[str, object]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    home: dict[int, int] = field(default_factory=dict)

    def wrong(self, where: str, key: str, /, **fields: object) -> None:
        """Note a problem at `where` in the case."""
        self.problems.append(self.case.problem(where, f"casetest.{key}", **fields))

    def table(self, value: object, where: str, write: str) -> Mapping[str, object]:
        """A mapping, or a problem."""
        if value is None:
            return {}
        if isinstance(value, Mapping):
            return value
        self.wrong(where, "shape", value=value, write=write)
        return {}

    def items(self, value: object, where: str, write: str) -> list[tuple[str, Mapping[str, object]]]:
        """A list of mappings with the place of each, or a problem."""
        if value is None:
            return []
        if not isinstance(value, list):
            self.wrong(where, "shape", value=value, write=write)
            return []
        return [(f"{where}[{k}]", self.table(item, f"{where}[{k}]", write)) for k, item in enumerate(value)]

    def known(self, table: Mapping[str, object], allowed: tuple[str, ...], where: str) -> None:
        """Unknown keys are problems, never ignored."""
        for key in table:
            if key not in allowed:
                self.wrong(f"{where}.{key}" if where else key, "key", key=key, known=", ".join(allowed))

    def moment(self, value: object, where: str) -> int:
        """An offset from start, or a moment, as µs since 1970."""
        if isinstance(value, str):
            try:
                return self.start + parse_duration(value)
            except ValueError:
                pass
            try:
                return to_us(datetime.fromisoformat(value))
            except (ValueError, TypeError):
                pass
        self.wrong(where, "time", value=value)
        return self.start

    def text_code(self, point: Point, text: str) -> float:
        """The code of a state text; a new text gets the next code, as it would on the wire."""
        if text not in point.values:
            key = next(k for k, p in self.points.items() if p.id == point.id)
            point = self.points[key] = Point(
                point.id, point.profile, point.name, point.component, point.kind, point.unit, point.every,
                point.revision, (*point.values, text), point.plausible, point.counter,
            )  # fmt: skip
        return float(point.values.index(text))


def read_case(case: Case, rule: Rule, tests: TestFile) -> Scene:
    """The case as a scene; all its problems at once."""
    scene = Scene(case, rule, tests)
    data = case.data
    scene.known(data, _KEYS, "")
    start = data.get("start", DEFAULT_START)
    try:
        scene.start = to_us(datetime.fromisoformat(start if isinstance(start, str) else ""))
    except (ValueError, TypeError):
        scene.wrong("start", "start", value=start)
    scene.sites = {site.code: site for site in tests.sites}
    _devices(scene)
    _series(scene)
    _readings(scene)
    _events(scene)
    if "expect" not in data:
        scene.wrong("", "missing", key="expect", write="expect: []")
    _expect(scene)
    if data.get("until") is not None:
        scene.until = scene.moment(data["until"], "until")
    scene.told.sort(key=lambda told: (told.received, told.frame))
    if len(scene.told) > LIMIT:
        scene.wrong("series", "many", limit=LIMIT)
    return scene


def _devices(scene: Scene) -> None:
    data = scene.case.data
    written: dict[str, tuple[str, object]] = {}
    if data.get("devices") is not None:
        named = scene.table(data["devices"], "devices", "devices: {p1: {}, p2: {}}")
        written = {str(code): (f"devices.{code}", value) for code, value in named.items()}
    if not written:
        written = {"device": ("device", data.get("device"))}
    for number, (code, (where, value)) in enumerate(written.items(), 1):
        table = scene.table(value, where, "device: {attrs: {temp_trip: 95 degC}}")
        scene.known(table, _DEVICE, where)
        scene.devices[code] = _device(scene, number, code, table, where)
        scene.home[number] = _whole(scene, table, "component", 1, where)
    for kind in dict.fromkeys(device.kind for device in scene.devices.values()):
        _points(scene, kind, max(d.components for d in scene.devices.values() if d.kind == kind))


def _device(scene: Scene, number: int, code: str, table: Mapping[str, object], where: str) -> Device:
    site = str(table.get("site") or "")
    if site and site not in scene.sites:
        scene.wrong(f"{where}.site", "site", name=site)
    life = str(table.get("life") or "in_service")
    if life not in {item.value for item in Life}:
        scene.wrong(f"{where}.life", "life", value=life)
        life = "in_service"
    attrs = scene.table(table.get("attrs"), f"{where}.attrs", "attrs: {temp_trip: 95 degC}")
    tags = table.get("tags") or []
    count = max(_whole(scene, table, "components", 1, where), _whole(scene, table, "component", 1, where))
    registered = table.get("registered")
    return Device(
        number, code, profile=str(table.get("kind") or scene.rule.watch.kinds[0]),
        kind=str(table.get("kind") or scene.rule.watch.kinds[0]), name=str(table.get("name") or ""), site=site,
        customer=str(table.get("customer") or ""), components=count, life=Life(life),
        registered=scene.start if registered is None else scene.moment(registered, f"{where}.registered"),
        attrs={str(k): _attr(v) for k, v in attrs.items()},
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
    )  # fmt: skip


def _attr(value: object) -> str | float | bool:
    return value if isinstance(value, bool | str) else float(value) if isinstance(value, int | float) else str(value)


def _whole(scene: Scene, table: Mapping[str, object], key: str, default: int, where: str) -> int:
    value = table.get(key, default)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 64:
        return value
    scene.wrong(f"{where}.{key}", "shape", value=value, write=f"{key}: 1")
    return default


def _points(scene: Scene, kind: str, components: int) -> None:
    for spec in scene.tests.vocabulary.get(kind, {}).values():
        for component in range(1, components + 1) if spec.each else (0,):
            scene.points[kind, spec.name, component] = Point(
                len(scene.points) + 1, kind, spec.name, component, spec.kind, spec.unit, spec.every, 1, spec.values,
                spec.plausible, spec.counter,
            )  # fmt: skip


def find(scene: Scene, name: str, where: str, default: str = "") -> tuple[Device, PointSpec, int] | None:
    """`p1.pressure`, `gun_temp[2]` -> device, declaration, component (0 = the device); None and a problem."""
    match = _NAME.fullmatch(name)
    device_name = (match["device"] if match else None) or default
    device = scene.devices.get(device_name) if device_name else next(iter(scene.devices.values()))
    if match is None or device is None:
        scene.wrong(where, "device", name=device_name or name, known=", ".join(scene.devices))
        return None
    spec = scene.tests.vocabulary.get(device.kind, {}).get(match["point"])
    if spec is None:
        known = ", ".join(scene.tests.vocabulary.get(device.kind, {}))
        scene.wrong(where, "point", kind=device.kind, name=match["point"], known=known)
        return None
    component = int(match["component"]) if match["component"] else (scene.home[device.id] if spec.each else 0)
    if component > device.components or (component > 0 and not spec.each) or (component == 0 and spec.each):
        scene.wrong(where, "component", name=device.code, count=device.components, point=match["point"])
        return None
    return device, spec, component


def add(scene: Scene, name: str, item: Item, at: int, received: int, frame: int, where: str, default: str = "") -> None:
    """One value of a named point."""
    found = find(scene, name, where, default)
    if item is None or found is None:
        return
    device, spec, component = found
    point = scene.points[device.kind, spec.name, component]
    if isinstance(item, Text):
        value = scene.text_code(point, item.text) if spec.kind is PointKind.STATE else quantity(item.text, spec.unit)
        if value != value:
            scene.wrong(where, "number", value=item.text, point=name, unit=spec.unit or "1")
            return
    elif spec.kind is PointKind.STATE and item == item:
        scene.wrong(where, "state", value=item, point=name, example=spec.values[0] if spec.values else "idle")
        return
    else:
        written = scene.tests.units.get(device.kind, {}).get(spec.name, spec.unit)
        value = parse_unit(written).canonical(item)
    scene.told.append(Told(received, frame, at, device.id, point.id, value))


def _series(scene: Scene) -> None:
    data = scene.case.data
    every: int | None = None
    if data.get("every") is not None:
        every = scene.moment(data["every"], "every") - scene.start
    frames: dict[tuple[int, str], int] = {}
    for name, text in scene.table(data.get("series"), "series", "series: {gun_temp: 84 86*14}").items():
        where = f"series.{name}"
        found = find(scene, str(name), where)
        if found is None:
            continue
        step = every if every is not None else found[1].every
        if step <= 0:
            scene.wrong(where, "every", point=name)
            continue
        try:
            items = parse_series(text if isinstance(text, str) else f"{text}")
        except ValueError as flaw:
            scene.wrong(where, "series", value=flaw)
            continue
        except OverflowError:
            scene.wrong(where, "many", limit=LIMIT)
            continue
        for k, item in enumerate(items):
            at = scene.start + k * step
            frame = frames.setdefault((at, found[0].code), len(frames))
            add(scene, str(name), item, at, at, frame, where)


def _readings(scene: Scene) -> None:
    frame = LIMIT  # after the series at the same instant
    for where, table in scene.items(scene.case.data.get("readings"), "readings", "readings: [{at: 0s, gun_temp: 86}]"):
        frame += 1
        if "at" not in table:
            scene.wrong(where, "missing", key="at", write="at: 60s")
            continue
        at = scene.moment(table["at"], f"{where}.at")
        received = scene.moment(table["received"], f"{where}.received") if "received" in table else at
        device = str(table.get("device") or "")
        for name, value in table.items():
            if name in {"at", "received", "device"}:
                continue
            item: Item
            if isinstance(value, int | float) and not isinstance(value, bool):
                item = float(value)
            elif value in {"bad", "_"}:
                item = parse_item(str(value))
            else:
                item = Text(str(value).strip("'"))
            add(scene, name, item, at, received, frame, f"{where}.{name}", device)


def _events(scene: Scene) -> None:
    for where, table in scene.items(scene.case.data.get("events"), "events", "events: [{at: 90s, restart: 30s}]"):
        scene.known(table, _EVENT, where)
        kinds = [key for key in ("restart", "set", "edit", "unlatch", "exchange") if key in table]
        if "at" not in table or len(kinds) != 1:
            scene.wrong(
                where, "shape", value=dict(table), write="{at: 90s, restart: 30s}, set, edit, unlatch or exchange"
            )
            continue
        at, what = scene.moment(table["at"], f"{where}.at"), kinds[0]
        code = str(table.get("device") or next(iter(scene.devices)))
        if code not in scene.devices:
            scene.wrong(f"{where}.device", "device", name=code, known=", ".join(scene.devices))
            continue
        value = table[what]
        if what == "restart":
            value = scene.moment(value, f"{where}.restart") - scene.start
        elif what != "unlatch":
            scene.table(value, f"{where}.{what}", f"{what}: {{attrs: {{temp_trip: 90 degC}}}}")
        device = scene.devices[code]
        home = scene.home[device.id] if scene.rule.watch.each else 0
        component = _whole(scene, table, "component", home, where)
        scene.happenings.append(Happening(at, what, value, device.id, component, f"{where}.{what}"))


def _expect(scene: Scene) -> None:
    for where, table in scene.items(scene.case.data.get("expect"), "expect", "expect: [{at: 2m10s, is: raised}]"):
        scene.known(table, _EXPECT, where)
        wanted = dict(table)
        if "at" in wanted:
            wanted["at"] = scene.moment(wanted["at"], f"{where}.at")
        if "is" in wanted and wanted["is"] not in {change.value for change in Change}:
            scene.wrong(f"{where}.is", "is", value=wanted["is"])
        if "level" in wanted and wanted["level"] not in {level.word for level in Level}:
            scene.wrong(f"{where}.level", "level", value=wanted["level"])
        if "device" in wanted and wanted["device"] not in scene.devices:
            scene.wrong(f"{where}.device", "device", name=wanted["device"], known=", ".join(scene.devices))
        scene.expected.append(wanted)
