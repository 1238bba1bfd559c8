"""`profiles` of a file of tests: kinds of devices with points of their own (RULES.md section 6)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.domain.device import CounterModel, Plausible, Point, PointKind, PointSpec
from gateway.domain.units import DIMENSIONLESS, Unit, UnitError, canonical_symbol, parse_unit
from rules.format.mapping_reader import MappingReader, bilingual
from rules.format.yaml_tree import YamlMapping, number_of

MOST_COMPONENTS = 64
_KIND = ("components", "points")
_POINT = ("unit", "kind", "every", "each", "values", "counter", "plausible", "title")
_RATES = ("max_rate", "max_fall", "max_step", "spike")
_PLAUSIBLE = ("min", "max", *_RATES, "stuck_after", "falls", "relearn")
_COUNTER = ("rollover", "reset", "resolution")
_EXAMPLE = "{points: {gun_temp: {unit: degC}}}"


@dataclass(frozen=True, slots=True)
class OwnProfiles:
    """By kind: `points` in canonical units, the `units` they were written in, `components` where written."""

    points: Mapping[str, Mapping[str, PointSpec]] = field(default_factory=dict)
    units: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    components: Mapping[str, int] = field(default_factory=dict)


def profiles_of(profiles: MappingReader) -> OwnProfiles:
    """`profiles: {charger: {components: 2, points: {..}}}`."""
    kinds: dict[str, dict[str, PointSpec]] = {}
    units: dict[str, dict[str, str]] = {}
    components: dict[str, int] = {}
    for kind, tree in profiles.table.entries.items():
        if not isinstance(tree, YamlMapping) or not isinstance(tree.entries.get("points"), YamlMapping):
            profiles.wrong(kind, "rules.value.mapping", write=_EXAMPLE)
            continue
        fields = MappingReader(tree, profiles.at(kind), profiles.notes, _KIND)
        if fields.has("components"):
            components[kind] = fields.whole("components", 0, MOST_COMPONENTS, 1)
        points = fields.inside("points", None, _EXAMPLE)
        found = points.named_tables(_POINT, "{unit: degC}") if points else ()
        specs = {name: _point(name, spec) for name, spec in found}
        kinds[kind] = {name: spec for name, (spec, _) in specs.items()}
        units[kind] = {name: unit for name, (_, unit) in specs.items()}
    return OwnProfiles(kinds, units, components)


def _point(name: str, fields: MappingReader) -> tuple[PointSpec, str]:
    written = fields.text("unit") if fields.shown("unit") else ""
    unit = DIMENSIONLESS
    try:
        unit = parse_unit(written)
    except UnitError as error:
        fields.wrong("unit", error.key, **error.fields)
    usual = "state" if fields.has("values") else "gauge"
    title = bilingual(fields, "title", "", 80, "title: {en: Connector temperature, zh: 枪头温度}")
    spec = PointSpec(
        name,
        PointKind(fields.choice("kind", tuple(kind.value for kind in PointKind), usual)),
        canonical_symbol(unit),
        fields.duration("every", 0),
        fields.flag("each", default=False),
        fields.names("values"),
        plausible=_plausible(fields, unit),
        counter=_counter(fields, unit),
        title_en=title["en"],
        title_zh=title["zh"],
    )
    return spec, written


def _number(fields: MappingReader, key: str) -> float | None:
    found = number_of(fields.get(key))
    if fields.has(key) and found is None:
        fields.wrong(key, "rules.value.number", write=f"{key}: 100")
    return None if found is None else float(found)


def _plausible(point: MappingReader, unit: Unit) -> Plausible:
    fields = point.inside("plausible", _PLAUSIBLE, "plausible: {min: 0, max: 100}")
    if fields is None:
        return Plausible()
    low, high = (_number(fields, key) for key in ("min", "max"))
    changes = {key: _number(fields, key) for key in _RATES}
    for key, value in changes.items():
        if value is not None and value <= 0:
            fields.wrong(key, "rules.value.positive", value=value, write=f"{key}: 0.5")
    rate, fall, step, spike = (None if value is None else value * unit.factor for value in changes.values())
    return Plausible(
        None if low is None else unit.canonical(low),
        None if high is None else unit.canonical(high),
        rate,
        fields.duration("stuck_after", 0),
        fields.whole("relearn", 1, 1000, Plausible().relearn),
        fall,
        step,
        spike,
        fields.choice("falls", ("normal", "abnormal"), "normal") == "normal",
    )


def _counter(point: MappingReader, unit: Unit) -> CounterModel:
    fields = point.inside("counter", _COUNTER, "counter: {rollover: 1000}")
    if fields is None:
        return CounterModel()
    rollover, resolution = ((_number(fields, key) or 0.0) * unit.factor for key in ("rollover", "resolution"))
    return CounterModel(rollover, fields.choice("reset", ("swap", "restart"), "swap"), resolution)


def point_of(number: int, profile: str, spec: PointSpec, component: int = 0) -> Point:
    """A point as the registry would have it, for engines that run without one. `number` is its id."""
    kind, unit, every, values = spec.kind, spec.unit, spec.every, spec.values
    return Point(number, profile, spec.name, component, kind, unit, every, 1, values, spec.plausible, spec.counter)
