"""A rule file or a stand-alone test file: text -> rules, tests and every problem at once. No file is opened here."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gateway.domain.duration import format_duration
from gateway.domain.errors import Problem
from rules.compiled import Names, Rule
from rules.format.cases import Case, TestFile, cases_of, customers_of, sites_of
from rules.format.mapping_reader import MappingReader
from rules.format.profiles import profiles_of
from rules.format.quiet_and_limits import PolicyPart, join_policies, policy_of
from rules.format.rule import Defaults, build_rule
from rules.format.timing import lateness_of, missing_of
from rules.format.yaml_tree import Items, Notes, Scalar, Tree, YamlMapping, join, read, show

_TOP = ("format", "defaults", "rules", "quiet", "limits")
_TOP_TEST = (*_TOP, "use", "profiles", "sites", "customers", "test")
_ALONE = frozenset({"use", "profiles", "sites", "customers", "test"})


@dataclass(frozen=True, slots=True)
class RuleLocation:
    """Where the rule `id` stands."""

    id: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one file holds. `rules` are only those without a problem; use them when `problems` is empty.

    `places` are where all rules with an id stand, sound or not; `policy` is what the file says for all rules.
    """

    file: str
    rules: tuple[Rule, ...]
    problems: tuple[Problem, ...]
    tests: TestFile
    places: tuple[RuleLocation, ...] = ()
    policy: PolicyPart = field(default_factory=PolicyPart)


def load_text(text: str, file: str, names: Names) -> Loaded:
    """Rules and tests of one file. A stand-alone test file is told by its keys test, use, profiles or sites.

    Its own `profiles` replace the points of `names`.
    """
    notes = Notes(file)
    tree = read(text, notes)
    tests = TestFile(file, names)
    if tree is None:
        return Loaded(file, (), tuple(notes.problems), tests)
    if not isinstance(tree, YamlMapping):
        notes.add(tree.line, "", "rules.value.mapping", value=show(tree), write="format: 1")
        return Loaded(file, (), tuple(notes.problems), tests)
    alone = bool(_ALONE & set(tree.entries))
    top = MappingReader(tree, "", notes, _TOP_TEST if alone else _TOP)
    _format(top, required=not alone)
    if alone:
        tests = _surroundings(top, tests)
    body = _rules(top, tests.names, _defaults(top))
    cases = (*body.cases, *cases_of(tree.entries.get("test"), "", "test", notes))
    if alone and not (top.has("rules") or top.has("use")):
        top.require("rules", "rules: [..] or use: path.yaml")
    loaded = Loaded(file, tuple(body.rules), (), replace(tests, cases=cases), tuple(body.places), policy_of(top))
    problems = (*notes.problems, *duplicates([loaded]))
    return replace(loaded, problems=tuple(sorted(problems, key=lambda problem: problem.line)))


def duplicates(files: Sequence[Loaded]) -> tuple[Problem, ...]:
    """Rule ids used more than once over `files`: one problem for each repeat, naming the first place."""
    first: dict[str, str] = {}
    out: list[Problem] = []
    for loaded in files:
        for place in loaded.places:
            if place.id in first:
                fields = {"name": place.id, "where": first[place.id]}
                out.append(Problem(loaded.file, join(place.path, "id"), "rules.id.twice", fields, place.line))
            else:
                first[place.id] = f"{loaded.file}:{place.line}"
    return tuple(out)


def merge(files: Sequence[Loaded]) -> tuple[tuple[Rule, ...], tuple[Problem, ...]]:
    """All rules and all problems of several files, repeated ids and limits over files included."""
    within = {problem for loaded in files for problem in map(_identity, loaded.problems)}
    across = [problem for problem in duplicates(files) if _identity(problem) not in within]
    rules = tuple(rule for loaded in files for rule in loaded.rules)
    limits = join_policies([(loaded.file, loaded.policy) for loaded in files])[1]
    return rules, (*(problem for loaded in files for problem in loaded.problems), *across, *limits)


def policy_source(files: Sequence[Loaded]) -> bytes:
    """What several files say for all rules, for a PolicySet fact; b"" = nothing."""
    return join_policies([(loaded.file, loaded.policy) for loaded in files])[0]


def _identity(problem: Problem) -> tuple[str, str, str, int]:
    return problem.file, problem.path, problem.key, problem.line


def _format(top: MappingReader, *, required: bool) -> None:
    if required:
        top.require("format", "format: 1")
    written = top.get("format")
    if written is not None and not (isinstance(written, Scalar) and written.value == 1 and written.value is not True):
        top.wrong("format", "rules.value.format", value=show(written), write="format: 1")


def _defaults(top: MappingReader) -> Defaults:
    table = top.table_of("defaults", "defaults: {missing: keep, downtime: pause}")
    if table is None:
        return Defaults()
    fields = MappingReader(table, "defaults", top.notes, ("lateness", "missing", "downtime"))
    late = format_duration(lateness_of(fields))
    missing = show(fields.get("missing") or Scalar("keep")) if not _fails(fields) else "keep"
    return Defaults(missing, fields.choice("downtime", ("pause", "reset", "count"), "pause"), late)


def _fails(fields: MappingReader) -> bool:
    """Does `missing` of the defaults have a problem? It is noted once, not for every rule."""
    before = len(fields.notes.problems)
    missing_of(fields)
    return len(fields.notes.problems) > before


def _surroundings(top: MappingReader, tests: TestFile) -> TestFile:
    profiles = top.table_of("profiles", "profiles: {charger: {points: {gun_temp: {unit: degC}}}}")
    sites = top.table_of("sites", "sites: {s1: {timezone: Asia/Shanghai}}")
    if profiles is not None:
        found = profiles_of(profiles, "profiles", top.notes)
        names = replace(tests.names, points=found.points)
        tests = replace(tests, names=names, units=found.units, components=found.components, own=True)
    if sites is not None:
        tests = replace(tests, sites=sites_of(sites, "sites", top.notes))
    customers = top.table_of("customers", "customers: {c1: {attrs: {class: household}}}")
    if customers is not None:
        tests = replace(tests, customers=customers_of(customers, "customers", top.notes))
    return replace(tests, use=top.names("use"))


@dataclass(slots=True)
class _Body:
    rules: list[Rule] = field(default_factory=list)
    places: list[RuleLocation] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)


def _rules(top: MappingReader, names: Names, defaults: Defaults) -> _Body:
    tree, body = top.get("rules"), _Body()
    if tree is None:
        return body
    if not isinstance(tree, Items):
        top.wrong("rules", "rules.value.list", value=show(tree), write="rules: [{id: …}]")
        return body
    for index, item in enumerate(tree.items):
        path = join("rules", index)
        built = _rule(item, path, top.notes, names, defaults)
        if built is not None:
            body.rules.append(built)
        if isinstance(item, YamlMapping) and isinstance(name := item.entries.get("id"), Scalar):
            body.places.append(RuleLocation(str(name.value), path, item.line))
            body.cases += cases_of(item.entries.get("test"), str(name.value), join(path, "test"), top.notes)
    return body


def _rule(item: Tree, path: str, notes: Notes, names: Names, defaults: Defaults) -> Rule | None:
    if isinstance(item, YamlMapping):
        return build_rule(item, path, notes, names, defaults)
    notes.add(item.line, path, "rules.value.mapping", value=show(item), write="{id: charger.overtemp, watch: …}")
    return None
