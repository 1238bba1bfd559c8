"""`members` of `let`: an aggregate over the members of a group, such as `{members: {sum: used, kind: gas_meter}}`."""

from collections.abc import Mapping
from dataclasses import replace

from rules.compiled import Aggregate, Calendar, Expression, MemberStat, SlotKind
from rules.compiled.reads import points_of
from rules.expr.compile import condition, number
from rules.expr.expression_error import ExpressionError, fail
from rules.expr.expression_type import Measure
from rules.expr.name_scope import NameScope, SignalType
from rules.expr.parse import parse
from rules.expr.syntax_tree import Name, Syntax, children
from rules.expr.typed_tree import Node
from rules.format.mapping_reader import MappingReader
from rules.format.quorum import PER, per_component, repeated
from rules.format.rule_compiler import RuleCompiler
from rules.format.yaml_tree import Scalar, Tree, YamlMapping, plain, text_of

OPERATORS = ("mean", "min", "max", "sum", "count")
_KEYS = (*OPERATORS, "kind", "where", "coverage", "per")
_WINDOW = ("over", "per")
_EXAMPLE = "members: {sum: used, kind: gas_meter}"


def names_of(tree: Syntax) -> set[str]:
    """The names in an expression; of a dotted one the part before the dot."""
    own = {tree.name.partition(".")[0]} if isinstance(tree, Name) else set()
    return own.union(*(names_of(part) for part in children(tree)))


def named(fields: MappingReader, compiler: RuleCompiler) -> tuple[set[str], tuple[str, ...]]:
    """(names that an aggregate needs of its members, kinds of these members), before anything is compiled."""
    inside = fields.get("members")
    if not isinstance(inside, YamlMapping) or compiler.scope is None:
        return set(), ()
    kind = inside.entries.get("kind")
    kinds = (kind,) if isinstance(kind, Scalar) else getattr(kind, "items", ())
    found = [str(one.value) for one in kinds if isinstance(one, Scalar) and one.value in compiler.vocabulary]
    names = set[str]().union(*(names_in(inside.entries.get(operator)) for operator in OPERATORS))
    return names, tuple(found) or tuple(compiler.scope.vocabulary)


def names_in(tree: Tree | None) -> set[str]:
    """The names in the expression of a leaf; of one that does not parse none: its problem is noted when it compiles."""
    try:
        return names_of(parse(str(plain(tree)))) if tree is not None and text_of(tree) else set()
    except ExpressionError:
        return set()


def member_stat(name: str, fields: MappingReader, compiler: RuleCompiler) -> tuple[MemberStat, SignalType] | None:
    """The signal and its type; None after its problems were noted."""
    if compiler.scope is None:
        return None
    if not compiler.scope.group:
        fields.wrong("members", "rules.let.members_group")
        return None
    inside = fields.inside("members", (*_KEYS, "over"), _EXAMPLE)
    if inside is None:
        return None
    for key in _WINDOW:
        if inside.has(key) and not (key == "per" and inside.shown(key) in PER):
            inside.wrong(key, "rules.let.members_over", name=key)
    written = [key for key in OPERATORS if inside.has(key)]
    if len(written) != 1:
        fields.wrong("members", "rules.let.members_one", known=", ".join(OPERATORS), write=_EXAMPLE)
        return None
    kinds, where = compiler.kinds(inside), compiler.where(inside)
    coverage = inside.share("coverage", 0.9)
    if kinds is None or where is None:
        return None
    what, scope = Aggregate(written[0]), _members(compiler, kinds)
    components = per_component(inside)
    if inside.has("per") and what is not Aggregate.COUNT:
        inside.wrong("per", "rules.let.members_per", operator=what.value)
        return None
    found = _of(inside, what, scope, compiler)
    if found is None:
        return None
    of, kind = found
    each = repeated(of, scope)
    return MemberStat(name, what, of, kinds, *where, coverage, kind.unit, components, each), kind


def _members(compiler: RuleCompiler, kinds: tuple[str, ...]) -> NameScope:
    """Scope of an expression about one member."""
    if compiler.scope is None:
        raise ValueError("the watched kinds are unknown")
    scope = compiler.scope.members()
    return replace(scope, vocabulary={kind: compiler.vocabulary[kind] for kind in kinds}) if kinds else scope


def _of(
    inside: MappingReader, what: Aggregate, scope: NameScope, compiler: RuleCompiler
) -> tuple[Expression, SignalType] | None:
    key = what.value
    text = text_of(inside.get(key))
    if not text:
        inside.wrong(key, "rules.let.members_of", write=_sample(what))
        return None

    def compiled() -> tuple[Expression, Node, Measure | None, Calendar | None]:
        of, node, measure = (*condition(text, scope), None) if what is Aggregate.COUNT else number(text, scope)
        return of, node, measure, _calendar(of, scope.signals, text)

    made = compiler.attempt(compiled, inside.at(key), inside.line(key))
    if made is None:
        return None
    of, node, measure, calendar = made
    compiler.keep(text, of, node)
    unit, delta = (measure.unit, measure.delta) if measure else ("", False)
    return of, SignalType(unit, calendar, delta, group=True, closes=calendar)


def _calendar(of: Expression, signals: Mapping[str, SignalType], text: str) -> Calendar | None:
    """Calendar of the members' windows, which is that of the group's value."""
    named = {slot.name for slot in of.slots if slot.kind in {SlotKind.SIGNAL, SlotKind.BEFORE}}
    windows = {signals[name].closes for name in named}
    points = sorted(points_of(of)) + sorted(name for name in named if signals[name].closes is None)
    calendars = sorted(name for name in named if signals[name].closes is not None)
    if calendars and points:
        raise fail("rules.expr.members_mixed", 0, text=text, point=points[0], signal=calendars[0])
    if len(windows) > 1:
        raise fail("rules.expr.members_windows", 0, text=text, first=calendars[0], second=calendars[1])
    return next(iter(windows), None)


def _sample(what: Aggregate) -> str:
    return 'count: "pressure < 1.6 kPa"' if what is Aggregate.COUNT else f"{what.value}: pressure"
