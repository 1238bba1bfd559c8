"""Test cases as they stand in a file: their structure and lines for the runner, which judges what is in them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.domain.device import Attr, CounterModel, Plausible, PointKind, PointSpec, Site
from gateway.domain.errors import Problem
from gateway.domain.units import DIMENSIONLESS, Unit, canonical_symbol, parse_unit
from rules.compiled import Vocabulary
from rules.expr.token import near_unit
from rules.format.fields import Fields
from rules.format.tree import Items, Notes, Plain, Scalar, Table, Tree, join, lines_of, plain, show

_POINT = ("unit", "kind", "every", "each", "values", "counter", "plausible")
_SITE = ("timezone", "name", "area", "region", "attrs", "tags")


@dataclass(frozen=True, slots=True)
class Case:
    """One test of rule `rule`: the mapping as written, without `rule`. `lines` maps a path inside it to its line."""

    file: str
    rule: str
    data: Mapping[str, Plain]
    path: str
    line: int = 0
    lines: Mapping[str, int] = field(default_factory=dict)

    def problem(self, where: str, key: str, /, **fields: object) -> Problem:
        """A problem at `where` (`expect[0].at`) inside this case."""
        line = self.lines.get(where, self.line)
        return Problem(self.file, join(self.path, where) if where else self.path, key, fields, line)


@dataclass(frozen=True, slots=True)
class TestFile:
    """The tests of one file. `vocabulary` is what its rules and cases speak of: its own profiles, or the project's.

    `units` are the units its own profiles were written in, by kind and point: numbers of series are in these, while the
    vocabulary is canonical as everywhere.
    `use` are paths of rule files, relative to this file, to be loaded with `vocabulary`.
    """

    __test__ = False

    file: str
    vocabulary: Vocabulary
    own: bool = False
    units: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sites: tuple[Site, ...] = ()
    use: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()


def cases_of(tree: Tree | None, rule: str, path: str, notes: Notes) -> tuple[Case, ...]:
    """The cases of a `test` list. `rule` "" = each case names its rule itself."""
    if tree is None:
        return ()
    if not isinstance(tree, Items):
        notes.add(tree.line, path, "rules.value.list", value=show(tree), write="test: [{say: …, expect: []}]")
        return ()
    out: list[Case] = []
    for index, item in enumerate(tree.items):
        place, line = join(path, index), item.line
        if not isinstance(item, Table):
            notes.add(line, place, "rules.value.mapping", value=show(item), write="{say: …, expect: []}")
            continue
        data = plain(item)
        named = item.entries.get("rule")
        if rule and named is not None:
            notes.add(line, join(place, "rule"), "rules.test.rule_inside")
        elif not rule and not (isinstance(named, Scalar) and isinstance(named.value, str)):
            notes.add(line, place, "rules.key.missing", name="rule", write="rule: charger.overtemp")
        elif isinstance(data, dict):
            target = rule or str(data.pop("rule"))
            out.append(Case(notes.file, target, data, place, line, lines_of(item)))
    return tuple(out)


def profiles_of(table: Table, path: str, notes: Notes) -> tuple[Vocabulary, Mapping[str, Mapping[str, str]]]:
    """`profiles: {charger: {points: {..}}}` -> the vocabulary, and the units as written."""
    kinds: dict[str, dict[str, PointSpec]] = {}
    units: dict[str, dict[str, str]] = {}
    for kind, tree in table.entries.items():
        place = join(path, kind)
        points = tree.entries.get("points") if isinstance(tree, Table) else None
        if not isinstance(tree, Table) or not isinstance(points, Table):
            line = table.lines.get(kind, 0)
            notes.add(line, place, "rules.value.mapping", value=show(tree), write="{points: {gun_temp: {unit: degC}}}")
            continue
        Fields(tree, place, notes, ("points",))
        kinds[kind], units[kind] = {}, {}
        for name, spec in points.entries.items():
            here = join(join(place, "points"), name)
            if not isinstance(spec, Table):
                notes.add(
                    points.lines.get(name, 0), here, "rules.value.mapping", value=show(spec), write="{unit: degC}"
                )
                continue
            kinds[kind][name], units[kind][name] = _point(name, Fields(spec, here, notes, _POINT))
    return kinds, units


def _point(name: str, fields: Fields) -> tuple[PointSpec, str]:
    written = fields.text("unit") if fields.get("unit") != Scalar("", fields.line("unit")) else ""
    unit = DIMENSIONLESS
    try:
        unit = parse_unit(written)
    except ValueError:
        fields.wrong("unit", "rules.value.unit", value=written, write=f"unit: {near_unit(written) or 'degC'}")
    usual = "state" if fields.has("values") else "gauge"
    counter = fields.table_of("counter", "counter: {rollover: 1000}")
    plausible = fields.table_of("plausible", "plausible: {min: 0, max: 100}")
    spec = PointSpec(
        name,
        PointKind(fields.choice("kind", tuple(kind.value for kind in PointKind), usual)),
        canonical_symbol(unit),
        fields.duration("every", 0),
        fields.flag("each", default=False),
        fields.names("values"),
        plausible=_plausible(fields, plausible, unit) if plausible else Plausible(),
        counter=_counter(fields, counter, unit) if counter else CounterModel(),
    )
    return spec, written


_PLAUSIBLE = ("min", "max", "max_rate", "stuck_after")
_COUNTER = ("rollover", "reset", "resolution")


def _number(fields: Fields, key: str) -> float | None:
    tree = fields.get(key)
    if tree is None:
        return None
    if isinstance(tree, Scalar) and isinstance(tree.value, int | float) and not isinstance(tree.value, bool):
        return float(tree.value)
    fields.wrong(key, "rules.value.number", value=show(tree), write=f"{key}: 100")
    return None


def _plausible(point: Fields, table: Table, unit: Unit) -> Plausible:
    fields = Fields(table, point.at("plausible"), point.notes, _PLAUSIBLE)
    low, high, rate = (_number(fields, key) for key in ("min", "max", "max_rate"))
    return Plausible(
        None if low is None else unit.canonical(low),
        None if high is None else unit.canonical(high),
        None if rate is None else rate * unit.factor,
        fields.duration("stuck_after", 0),
    )


def _counter(point: Fields, table: Table, unit: Unit) -> CounterModel:
    fields = Fields(table, point.at("counter"), point.notes, _COUNTER)
    rollover, resolution = ((_number(fields, key) or 0.0) * unit.factor for key in ("rollover", "resolution"))
    return CounterModel(rollover, fields.choice("reset", ("swap", "restart"), "swap"), resolution)


def sites_of(table: Table, path: str, notes: Notes) -> tuple[Site, ...]:
    """`sites: {s1: {timezone: Asia/Shanghai}}`."""
    out: list[Site] = []
    for code, tree in table.entries.items():
        place, line = join(path, code), table.lines.get(code, 0)
        if not isinstance(tree, Table):
            notes.add(line, place, "rules.value.mapping", value=show(tree), write="{timezone: Asia/Shanghai}")
            continue
        fields = Fields(tree, place, notes, _SITE)
        attrs = fields.table_of("attrs", "attrs: {class: A}")
        values: dict[str, Attr] = {}
        for name, value in attrs.entries.items() if attrs else ():
            if isinstance(value, Scalar) and value.value is not None:
                values[name] = float(value.value) if type(value.value) is int else value.value
            else:
                notes.add(value.line or line, join(join(place, "attrs"), name), "rules.value.text", value=show(value))
        out.append(
            Site(code, fields.text("name"), fields.text("timezone"), fields.word("area"), fields.word("region"), values,
                 fields.names("tags"))
        )  # fmt: skip
    return tuple(out)
