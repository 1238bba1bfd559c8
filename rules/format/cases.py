"""Test cases as written in a file: structure and lines; the runner checks their contents."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.domain.device import Attr, Customer, PointSpec, QuietTime, Site
from gateway.domain.errors import Problem
from gateway.domain.text import Lang
from rules.compiled import Names, Vocabulary
from rules.format.mapping_reader import MappingReader
from rules.format.quiet_and_limits import instant, span_of
from rules.format.yaml_tree import Plain, Scalar, YamlMapping, join, lines_of, plain, show, text_of

_SITE = ("timezone", "name", "area", "region", "attrs", "tags", "quiet")
_CUSTOMER = ("name", "sites", "attrs")


@dataclass(frozen=True, slots=True)
class Case:
    """One test of rule `rule`: the mapping as written, without `rule`. `lines` maps a path inside it to its line."""

    file: str
    rule: str
    data: Mapping[str, Plain]
    path: str
    line: int = 0
    lines: Mapping[str, int] = field(default_factory=dict)

    def title(self, lang: Lang) -> str:
        """Title (`say`): one text, or one for each language."""
        text = self.data.get("say")
        if isinstance(text, dict):
            text = text.get(lang) or next(iter(text.values()), "")
        return str(text or "")

    def problem(self, where: str, key: str, /, **fields: object) -> Problem:
        """A problem at `where` (`expect[0].at`) inside this case."""
        line = self.lines.get(where, self.line)
        return Problem(self.file, join(self.path, where) if where else self.path, key, fields, line)


@dataclass(frozen=True, slots=True)
class Model:
    """A profile of the project that a case may choose: its points by name, and the units they were written in."""

    kind: str
    points: Mapping[str, PointSpec]
    units: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TestFile:
    """The tests of one file. `names`: those of its own profiles, or the project's.

    `units` are the units its own profiles were written in, by kind and point: numbers of series are in these, while the
    names are canonical as everywhere. `components`: how many each device of a kind has, where its own profiles have it.
    `use` are paths of rule files, relative to this file, to be loaded with `names`. `models` are the project's profiles
    by id; a file with profiles of its own has none.
    """

    __test__ = False

    file: str
    names: Names
    own: bool = False
    units: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    components: Mapping[str, int] = field(default_factory=dict)
    sites: tuple[Site, ...] = ()
    customers: tuple[Customer, ...] = ()
    use: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()
    models: Mapping[str, Model] = field(default_factory=dict)

    @property
    def vocabulary(self) -> Vocabulary:
        """Points of every kind."""
        return self.names.points


def cases_of(holder: MappingReader, rule: str) -> tuple[Case, ...]:
    """The cases of the `test` list of a rule or a file. `rule` "" = each case names its rule itself."""
    notes, out = holder.notes, list[Case]()
    for path, line, item in holder.items("test", "test: [{say: …, expect: []}]"):
        if not isinstance(item, YamlMapping):
            notes.add(line, path, "rules.value.mapping", value=show(item), write="{say: …, expect: []}")
            continue
        data = plain(item)
        named = item.entries.get("rule")
        if rule and named is not None:
            notes.add(line, join(path, "rule"), "rules.test.rule_inside")
        elif not rule and not text_of(named):
            notes.add(line, path, "rules.key.missing", name="rule", write="rule: charger.overtemp")
        elif isinstance(data, dict):
            target = rule or str(data.pop("rule"))
            out.append(Case(notes.file, target, data, path, line, lines_of(item)))
    return tuple(out)


def sites_of(sites: MappingReader) -> tuple[Site, ...]:
    """`sites: {s1: {timezone: Asia/Shanghai}}`."""
    out: list[Site] = []
    for code, fields in sites.named_tables(_SITE, "{timezone: Asia/Shanghai}"):
        zone, name, tags = fields.text("timezone"), fields.text("name"), fields.names("tags")
        area, region, quiet = fields.word("area"), fields.word("region"), _quiet(fields, zone)
        out.append(Site(code, name, zone, area, region, _attrs(fields), tags, quiet))
    return tuple(out)


def customers_of(customers: MappingReader) -> tuple[Customer, ...]:
    """`customers: {c1: {attrs: {class: household}}}`."""
    return tuple(
        Customer(code, fields.text("name"), sites=fields.names("sites"), attrs=_attrs(fields))
        for code, fields in customers.named_tables(_CUSTOMER, "{attrs: {class: household}}")
    )


def _attrs(fields: MappingReader) -> dict[str, Attr]:
    inside = fields.inside("attrs", None, "attrs: {class: A}")
    values: dict[str, Attr] = {}
    for name, value in inside.table.entries.items() if inside else ():
        if isinstance(value, Scalar) and value.value is not None:
            values[name] = float(value.value) if type(value.value) is int else value.value
        elif inside:
            inside.wrong(name, "rules.value.text")
    return values


def _quiet(fields: MappingReader, zone: str) -> tuple[QuietTime, ...]:
    """`quiet: [{from, until, why}]` of a site, in its own zone when the times have no offset."""
    out = []
    example = "{from: 2026-11-23T22:00, until: 2026-11-24T06:00}"
    for inside in fields.tables("quiet", ("from", "until", "why"), example, "quiet: [{from: .., until: ..}]"):
        if span := span_of(inside):
            start, end = (instant(moment, zone) for moment in span)
            out.append(QuietTime(start, end, inside.shown("why")))
    return tuple(out)
