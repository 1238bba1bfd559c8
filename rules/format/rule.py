"""One rule of a file: tree -> `rules.compiled.Rule`, with all its problems noted at once."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import attrgetter

import msgspec

from gateway.domain.device import PointSpec
from gateway.domain.duration import SECOND
from rules.compiled import Condition, Expression, Levels, MemberStat, Names, Rule, Watch
from rules.expr.name_scope import NameScope
from rules.format.actions import actions
from rules.format.active_hours import active
from rules.format.forms import TIMING, YAML_FORMS, YamlForm, condition, form_of
from rules.format.identity import identity
from rules.format.mapping_reader import MappingReader, bilingual, duration_of
from rules.format.revision import meaning_of, points_read
from rules.format.rule_compiler import RuleCompiler
from rules.format.rule_source import encoded
from rules.format.signals import scope_with, signals
from rules.format.timing import flap, inhibit, lateness_of, missing_of
from rules.format.used_lookups import used, watched
from rules.format.yaml_tree import Notes, Plain, Scalar, YamlMapping, plain

_ATTRIBUTE = re.compile(r"[^\W\d]\w*")
_FIRST = ("id", "title", "why", "watch", "let")
_LAST = (
    "active",
    "cooldown",
    "inhibit",
    "identity",
    "stale_after",
    "flap",
    "missing",
    "downtime",
    "lateness",
    "mode",
    "owner",
    "then",
    "test",
)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def keys() -> tuple[str, ...]:
    """All keys a rule may have."""
    own = [key for form in YAML_FORMS.values() for key in form.own]
    return (*_FIRST, *YAML_FORMS, "unless", *TIMING, *own, *_LAST)


@dataclass(frozen=True, slots=True)
class Defaults:
    """`defaults` of a file; a rule's own keys win."""

    missing: str = "keep"
    downtime: str = "pause"
    lateness: str = "0s"


def build_rule(table: YamlMapping, path: str, notes: Notes, names: Names, defaults: Defaults) -> Rule | None:
    """The rule; None when anything is wrong with it."""
    before = len(notes.problems)
    fields = MappingReader(table, path, notes, keys())
    names = watched(names)
    compiler = RuleCompiler(notes, names)
    rule_id = _id(fields)
    watch = _watch(fields, compiler)
    found = signals(fields, compiler)
    if compiler.scope is not None:
        compiler.scope = None if found is None else scope_with(compiler.scope, found)
    form, holder = form_of(fields) or (None, fields)
    then = actions(fields, rule_id, compiler, form)
    judged = form and condition(fields, form, holder, compiler, then.level)
    _check_combinations(fields, form, watch)
    rule = Rule(
        id=rule_id,
        revision="",
        title=bilingual(fields, "title", rule_id, 200, "title: {en: Connector over temperature, zh: 枪头过温}"),
        why=bilingual(fields, "why", "", 2_000, "why: {en: power modules derate when hot, zh: 高温会使功率模块降额}"),
        mode=fields.choice("mode", ("live", "shadow", "off"), "live"),
        watch=watch or Watch(()),
        signals=tuple(sorted(found or (), key=attrgetter("name"))),  # as they come back from the journal
        condition=_with_level(judged, then.level_of) if judged else Levels(()),
        points=(),
        order=then.order,
        notice=then.notice,
        clear_after=_clear_after(fields, form, defaults),
        downtime=fields.choice("downtime", ("pause", "reset", "count"), defaults.downtime),
        owner=fields.text("owner"),
        lateness=lateness_of(fields, duration_of(Scalar(defaults.lateness)) or 0),
        unless=veto.expression if (veto := compiler.veto(fields)) else None,
        active=active(fields, names.calendar),
        identity=identity(fields, compiler),
        inhibit=inhibit(fields, rule_id),
        flap=flap(fields),
        stale_after=fields.duration("stale_after", 0, least=SECOND),
        quorums=tuple(compiler.quorums),
        skill_of=then.skill_of,
    )
    if len(notes.problems) > before or watch is None or judged is None or compiler.scope is None:
        return None
    rule = replace(rule, points=points_read(rule))
    _components(fields, rule, compiler)
    if len(notes.problems) > before:
        return None
    needed = used(names, _points(rule, compiler))
    if rule.active is not None and rule.active.calendar is not None:
        needed["calendar"] = rule.active.calendar
    source = encoded(_body(table, defaults, form), needed)
    return replace(rule, source=source, revision=revision_of(meaning_of(rule, compiler.meanings)))


def _with_level(condition: Condition, level: Expression | None) -> Condition:
    """`then.order.level` as an expression belongs to the only level of a plain rule."""
    if level is None or not isinstance(condition, Levels):
        return condition
    return Levels(tuple(replace(one, level_of=level) for one in condition.levels))


def _check_combinations(fields: MappingReader, form: YamlForm | None, watch: Watch | None) -> None:
    """Check for keys that have no effect, or no sensible one, beside others."""
    group = watch is not None and watch.group
    if form and group and not form.grouped:
        known = ", ".join(key for key, one in YAML_FORMS.items() if one.grouped)
        fields.wrong(form.key, "rules.watch.group_form", form=form.key, known=known)
    if fields.has("identity") and ((form and not form.identified) or group):
        fields.wrong("identity", "rules.identity.form", form=form.key if form and not form.identified else "group")
    then = fields.get("then")
    if fields.has("cooldown") and not (isinstance(then, YamlMapping) and "order" in then.entries):
        fields.wrong("cooldown", "rules.then.cooldown", write="then: {order: {type: repair}}")


def _clear_after(fields: MappingReader, form: YamlForm | None, defaults: Defaults) -> int:
    """A rule about silence or a date has no missing data: the file's default does not apply to it."""
    if form is None or form.missing:
        return missing_of(fields, defaults.missing)
    if fields.has("missing"):
        fields.wrong("missing", "rules.condition.misplaced", name="missing", form=form.key)
    return 0


def _body(table: YamlMapping, defaults: Defaults, form: YamlForm | None) -> dict[str, Plain]:
    """The rule as written, with what the defaults of its file add."""
    body = plain(table)
    own = {key: value for key, value in body.items() if key != "test"} if isinstance(body, dict) else {}
    more: dict[str, Plain] = {"downtime": defaults.downtime}
    if form is None or form.missing:
        more["missing"] = defaults.missing
    if defaults.lateness != "0s":
        more["lateness"] = defaults.lateness
    return {**more, **own}


def _points(rule: Rule, compiler: RuleCompiler) -> Mapping[str, Mapping[str, PointSpec]]:
    """The points a rule reads, by each kind it may meet."""
    members = {kind for signal in rule.signals if isinstance(signal, MemberStat) for kind in signal.kinds}
    kinds = {kind: compiler.vocabulary[kind] for kind in (*rule.watch.kinds, *sorted(members - set(rule.watch.kinds)))}
    return {kind: {name: specs[name] for name in rule.points if name in specs} for kind, specs in kinds.items()}


def revision_of(meaning: Mapping[str, object]) -> str:
    """Twelve hex digits of the SHA-256 over the meaning."""
    return hashlib.sha256(msgspec.json.encode(meaning, order="deterministic")).hexdigest()[:12]


def _id(fields: MappingReader) -> str:
    fields.require("id: charger.overtemp")
    text = fields.text("id", most=1_000)
    if text and not _ID.fullmatch(text):
        fields.wrong("id", "rules.value.id", value=text)
        return ""
    return text


def _watch(fields: MappingReader, compiler: RuleCompiler) -> Watch | None:
    """The watched kinds become the scope of all expressions."""
    fields.require("watch: {kind: charger}")
    watch = fields.inside("watch", ("kind", "where", "each", "group"), "watch: {kind: charger}")
    if watch is None:
        return None
    watch.require("kind: charger")
    kinds = compiler.kinds(watch)
    each = watch.choice("each", ("connector", "component"), "")
    group = watch.word("group")
    if group and not _ATTRIBUTE.fullmatch(group):
        watch.wrong("group", "rules.watch.group", value=group)
        return None
    where, where_text = compiler.where(watch) or (None, "")
    if not kinds:
        return None
    compiler.scope = NameScope(
        {kind: compiler.vocabulary[kind] for kind in kinds}, fences=compiler.names.fences, group=group
    )
    return Watch(kinds, bool(each), where, where_text, group)


def _components(fields: MappingReader, rule: Rule, compiler: RuleCompiler) -> None:
    """`each` is for points that every component has; without it such a point has no single value.

    A kind that repeats no point at all (as in a short test profile) is left out: its readings count for all. The
    members of a group are evaluated component by component where a point is repeated, `each` or not.
    """
    kind = rule.watch.kinds[0]
    specs = compiler.vocabulary[kind]
    mine = [name for name in rule.points if name in specs]
    repeated = [name for name in mine if specs[name].each]
    place, line = fields.at("watch"), fields.line("watch")
    if rule.watch.each and mine and not repeated and any(spec.each for spec in specs.values()):
        fields.notes.add(line, place, "rules.watch.no_component", points=", ".join(mine), kind=kind)
    if not rule.watch.each and repeated and not rule.watch.group:
        fields.notes.add(line, place, "rules.watch.each", point=repeated[0], kind=kind)
