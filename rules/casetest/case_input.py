"""Contents of a case for the engine: devices, points, readings with their times, events, expected transitions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from gateway.domain.device import Customer, Device, Point, PointSpec, Site
from gateway.domain.duration import parse_duration, to_us
from gateway.domain.errors import Problem
from rules.compiled import Rule
from rules.format import Case, Model, TestFile
from rules.format.profiles import MOST_COMPONENTS


@dataclass(frozen=True, slots=True)
class CaseReading:
    """One value: event time `at`, receive time `received`, µs; values with the same `frame` are applied together."""

    received: int
    frame: int
    at: int
    device: int
    point: int
    value: float


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """Event between readings. `what` is a key of `events.KINDS`, `where` its place in the case.

    `group` and `identity` select the alarm of a person's act.
    """

    at: int
    what: str
    value: object
    device: int
    component: int
    where: str
    group: str = ""
    identity: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CycleWork:
    """Value of a `cycle`: the counter (canonical unit; None = its present value), and the time of the work, µs.

    `done` 0 = the time of the event.
    """

    reading: float | None
    done: int = 0


@dataclass(slots=True)
class CaseInput:
    """All contents of a case, in µs and canonical units. With `problems` it cannot run.

    `rule` is under test; `others` run beside it; `shown` are the rules whose transitions are compared. `merged`: notes
    of alarms that became part of another one are compared too. `points` by profile, name and component; `models` are
    the profiles chosen by its devices, by name.
    """

    case: Case
    rule: Rule
    tests: TestFile
    others: tuple[Rule, ...] = ()
    policy: bytes = b""
    start: int = 0
    until: int | None = None
    sites: dict[str, Site] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    points: dict[tuple[str, str, int], Point] = field(default_factory=dict)
    values: list[CaseReading] = field(default_factory=list)
    events: list[CaseEvent] = field(default_factory=list)
    expected: list[dict[str, object]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    home: dict[int, int] = field(default_factory=dict)
    only: dict[int, int] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    shown: frozenset[str] = frozenset()
    merged: bool = False
    models: dict[str, Model] = field(default_factory=dict)

    def wrong(self, where: str, key: str, /, **fields: object) -> None:
        """Add a problem at `where` in the case."""
        self.problems.append(self.case.problem(where, f"casetest.{key}", **fields))

    def table(self, value: object, where: str, write: str) -> Mapping[str, object]:
        """`value` as a mapping; {} and a problem if it is none."""
        if value is None:
            return {}
        if isinstance(value, Mapping):
            return value
        self.wrong(where, "shape", value=value, write=write)
        return {}

    def specs(self, device: Device) -> Mapping[str, PointSpec]:
        """Points of a device by name: from the profile it chose, else of its kind."""
        model = self.models.get(device.profile)
        return model.points if model is not None else self.tests.vocabulary.get(device.kind, {})

    def unit(self, device: Device, spec: PointSpec) -> str:
        """Unit of a point's values in cases: that of the profile file."""
        model = self.models.get(device.profile)
        units = model.units if model is not None else self.tests.units.get(device.kind, {})
        return units.get(spec.name, spec.unit)

    def items(self, value: object, where: str, write: str) -> list[tuple[str, Mapping[str, object]]]:
        """List of mappings with the place of each; a problem for any other value."""
        if value is None:
            return []
        if not isinstance(value, list):
            self.wrong(where, "shape", value=value, write=write)
            return []
        return [(f"{where}[{k}]", self.table(item, f"{where}[{k}]", write)) for k, item in enumerate(value)]

    def known(self, table: Mapping[str, object], allowed: tuple[str, ...], where: str) -> None:
        """Add a problem for each unknown key."""
        for key in table:
            if key not in allowed:
                self.wrong(f"{where}.{key}" if where else key, "key", key=key, known=", ".join(allowed))

    def moment(self, value: object, where: str) -> int:
        """An offset from start, or a moment, as µs since 1970."""
        if value == 0 and not isinstance(value, bool):
            return self.start
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

    def whole(self, table: Mapping[str, object], key: str, default: int, where: str) -> int:
        """A small whole number; the default and a problem for any other value."""
        value = table.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_COMPONENTS:
            return value
        self.wrong(f"{where}.{key}", "shape", value=value, write=f"{key}: 1")
        return default

    def text_code(self, point: Point, text: str) -> float:
        """Code of a state text; a new text gets the next code, as in a message."""
        if text not in point.values:
            key = next(k for k, p in self.points.items() if p.id == point.id)
            point = self.points[key] = replace(point, values=(*point.values, text))
        return float(point.values.index(text))
