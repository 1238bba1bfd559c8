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
from rules.format.yaml_tree import Notes, Scalar, YamlMapping, join, read, show

_TOP = ("format", "defaults", "rules", "quiet", "limits")
_TOP_TEST = (*_TOP, "use", "profiles", "sites", "customers", "test")
STAND_ALONE = frozenset({"use", "profiles", "sites", "customers", "test"})


@dataclass(frozen=True, slots=True)
class RuleLocation:
    """Place of the rule `id`."""

    id: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """Contents of one file. `rules` are only those without a problem; use them when `problems` is empty.

    `places` of all rules with an id, also of those with problems; `policy`: `quiet` and `limits`.
    """

    file: str
    rules: tuple[Rule, ...]
    problems: tuple[Problem, ...]
    tests: TestFile
    places: tuple[RuleLocation, ...] = ()
    policy: PolicyPart = field(default_factory=PolicyPart)


def load_text(text: str, file: str, names: Names) -> Loaded:
    """Rules and tests of one file. A stand-alone test file has one of the keys test, use, profiles, sites, customers.

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
    alone = bool(STAND_ALONE & set(tree.entries))
    top = MappingReader(tree, "", notes, _TOP_TEST if alone else _TOP)
    _format(top, required=not alone)
    if alone:
        tests = _surroundings(top, tests)
    body = _rules(top, tests.names, _defaults(top))
    cases = (*body.cases, *cases_of(top, ""))
    if alone and not (top.has("rules") or top.has("use")):
        top.require("rules: [..] or use: path.yaml")
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
    """`quiet` and `limits` of several files, for a PolicySet fact; b"" = none."""
    return join_policies([(loaded.file, loaded.policy) for loaded in files])[0]


def _identity(problem: Problem) -> tuple[str, str, str, int]:
    return problem.file, problem.path, problem.key, problem.line


def _format(top: MappingReader, *, required: bool) -> None:
    if required:
        top.require("format: 1")
    written = top.get("format")
    if written is not None and not (isinstance(written, Scalar) and written.value == 1 and written.value is not True):
        top.wrong("format", "rules.value.format", write="format: 1")


def _defaults(top: MappingReader) -> Defaults:
    known = ("lateness", "missing", "downtime")
    fields = top.inside("defaults", known, "defaults: {missing: keep, downtime: pause}")
    if fields is None:
        return Defaults()
    late, before = format_duration(lateness_of(fields)), len(fields.notes.problems)
    missing_of(fields)  # a problem is noted here, not for every rule
    missing = fields.shown("missing") if len(fields.notes.problems) == before else ""
    return Defaults(missing or "keep", fields.choice("downtime", ("pause", "reset", "count"), "pause"), late)


def _surroundings(top: MappingReader, tests: TestFile) -> TestFile:
    if profiles := top.inside("profiles", None, "profiles: {charger: {points: {gun_temp: {unit: degC}}}}"):
        found = profiles_of(profiles)
        names = replace(tests.names, points=found.points)
        tests = replace(tests, names=names, units=found.units, components=found.components, own=True)
    if sites := top.inside("sites", None, "sites: {s1: {timezone: Asia/Shanghai}}"):
        tests = replace(tests, sites=sites_of(sites))
    if customers := top.inside("customers", None, "customers: {c1: {attrs: {class: household}}}"):
        tests = replace(tests, customers=customers_of(customers))
    return replace(tests, use=top.names("use"))


@dataclass(slots=True)
class _Body:
    rules: list[Rule] = field(default_factory=list)
    places: list[RuleLocation] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)


def _rules(top: MappingReader, names: Names, defaults: Defaults) -> _Body:
    body = _Body()
    for path, line, item in top.items("rules", "rules: [{id: …}]"):
        if not isinstance(item, YamlMapping):
            example = "{id: charger.overtemp, watch: …}"
            top.notes.add(line, path, "rules.value.mapping", value=show(item), write=example)
            continue
        if (built := build_rule(item, path, top.notes, names, defaults)) is not None:
            body.rules.append(built)
        if isinstance(name := item.entries.get("id"), Scalar):
            body.places.append(RuleLocation(str(name.value), path, item.line))
            body.cases += cases_of(MappingReader(item, path, top.notes, None), str(name.value))
    return body
