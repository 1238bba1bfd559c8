"""`profiles` of a file of tests: kinds of devices with points of their own (RULES.md section 6)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.domain.device import CounterModel, Plausible, PointKind, PointSpec
from gateway.domain.units import DIMENSIONLESS, Unit, UnitError, canonical_symbol, parse_unit
from rules.format.mapping_reader import MappingReader, both
from rules.format.yaml_tree import Notes, Scalar, YamlMapping, join, show

MOST_COMPONENTS = 64
_KIND = ("components", "points")
_POINT = ("unit", "kind", "every", "each", "values", "counter", "plausible", "title")
_PLAUSIBLE = ("min", "max", "max_rate", "stuck_after", "relearn")
_COUNTER = ("rollover", "reset", "resolution")
_EXAMPLE = "{points: {gun_temp: {unit: degC}}}"


@dataclass(frozen=True, slots=True)
class OwnProfiles:
    """By kind: `points` in canonical units, the `units` they were written in, `components` where it is said."""

    points: Mapping[str, Mapping[str, PointSpec]] = field(default_factory=dict)
    units: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    components: Mapping[str, int] = field(default_factory=dict)


def profiles_of(table: YamlMapping, path: str, notes: Notes) -> OwnProfiles:
    """`profiles: {charger: {components: 2, points: {..}}}`."""
    kinds: dict[str, dict[str, PointSpec]] = {}
    units: dict[str, dict[str, str]] = {}
    components: dict[str, int] = {}
    for kind, tree in table.entries.items():
        place = join(path, kind)
        points = tree.entries.get("points") if isinstance(tree, YamlMapping) else None
        if not isinstance(tree, YamlMapping) or not isinstance(points, YamlMapping):
            notes.add(table.lines.get(kind, 0), place, "rules.value.mapping", value=show(tree), write=_EXAMPLE)
            continue
        fields = MappingReader(tree, place, notes, _KIND)
        if fields.has("components"):
            components[kind] = fields.whole("components", 0, MOST_COMPONENTS, 1)
        kinds[kind], units[kind] = {}, {}
        for name, spec in points.entries.items():
            here, line = join(join(place, "points"), name), points.lines.get(name, 0)
            if isinstance(spec, YamlMapping):
                kinds[kind][name], units[kind][name] = _point(name, MappingReader(spec, here, notes, _POINT))
            else:
                notes.add(line, here, "rules.value.mapping", value=show(spec), write="{unit: degC}")
    return OwnProfiles(kinds, units, components)


def _point(name: str, fields: MappingReader) -> tuple[PointSpec, str]:
    written = fields.text("unit") if fields.get("unit") != Scalar("", fields.line("unit")) else ""
    unit = DIMENSIONLESS
    try:
        unit = parse_unit(written)
    except UnitError as error:
        fields.wrong("unit", error.key, **error.fields)
    usual = "state" if fields.has("values") else "gauge"
    counter = fields.table_of("counter", "counter: {rollover: 1000}")
    plausible = fields.table_of("plausible", "plausible: {min: 0, max: 100}")
    title = both(fields, "title", "", 80, "title: {en: Connector temperature, zh: 枪头温度}")
    spec = PointSpec(
        name,
        PointKind(fields.choice("kind", tuple(kind.value for kind in PointKind), usual)),
        canonical_symbol(unit),
        fields.duration("every", 0),
        fields.flag("each", default=False),
        fields.names("values"),
        plausible=_plausible(fields, plausible, unit) if plausible else Plausible(),
        counter=_counter(fields, counter, unit) if counter else CounterModel(),
        title_en=title["en"],
        title_zh=title["zh"],
    )
    return spec, written


def _number(fields: MappingReader, key: str) -> float | None:
    tree = fields.get(key)
    if tree is None:
        return None
    if isinstance(tree, Scalar) and isinstance(tree.value, int | float) and not isinstance(tree.value, bool):
        return float(tree.value)
    fields.wrong(key, "rules.value.number", value=show(tree), write=f"{key}: 100")
    return None


def _plausible(point: MappingReader, table: YamlMapping, unit: Unit) -> Plausible:
    fields = MappingReader(table, point.at("plausible"), point.notes, _PLAUSIBLE)
    low, high, rate = (_number(fields, key) for key in ("min", "max", "max_rate"))
    if rate is not None and rate <= 0:
        fields.wrong("max_rate", "rules.value.positive", value=rate, write="max_rate: 0.5")
    return Plausible(
        None if low is None else unit.canonical(low),
        None if high is None else unit.canonical(high),
        None if rate is None else rate * unit.factor,
        fields.duration("stuck_after", 0),
        fields.whole("relearn", 1, 1000, Plausible().relearn),
    )


def _counter(point: MappingReader, table: YamlMapping, unit: Unit) -> CounterModel:
    fields = MappingReader(table, point.at("counter"), point.notes, _COUNTER)
    rollover, resolution = ((_number(fields, key) or 0.0) * unit.factor for key in ("rollover", "resolution"))
    return CounterModel(rollover, fields.choice("reset", ("swap", "restart"), "swap"), resolution)
