"""`members: {of, at_least, at_most, fraction, within, began_within, per}`: the limits of a vote (RULES section 5)."""

from collections.abc import Callable

from gateway.domain.duration import SECOND, format_duration
from rules.compiled import Expression, Quorum
from rules.compiled.reads import OF_POINTS
from rules.expr.name_scope import NameScope
from rules.format.mapping_reader import MappingReader

BOUNDS = ("at_least", "at_most", "fraction")
PER = ("device", "component")
KEYS = ("of", *BOUNDS, "within", "began_within", "per")
MEMBERS = 'members: {of: "pressure < 1.6 kPa", at_least: 2}'
_MOST = 1_000_000


def quorum_of(
    fields: MappingReader, member: Callable[[], Expression | None], scope: NameScope | None
) -> tuple[Quorum, str] | None:
    """The quorum, and its text in a condition; None after problems were noted. `member` compiles `of`, the condition
    over one member in `scope`.
    """
    before = len(fields.notes.problems)
    fields.require('of: "pressure < 1.6 kPa"')
    given = [key for key in BOUNDS if fields.has(key)]
    if not given:
        fields.wrong_mapping("rules.key.missing", name="at_least", write="at_least: 2")
    least, most = (fields.whole(key, low, _MOST, low) for key, low in (("at_least", 1), ("at_most", 0)))
    share = fields.share("fraction", 0.0)
    within, began = (fields.duration(key, 0, least=SECOND) for key in ("within", "began_within"))
    components = per_component(fields)
    if fields.has("at_least") and fields.has("at_most") and least > most:
        fields.wrong("at_most", "rules.members.bounds", least=least, most=most)
    parts = [f"{key} {fields.shown(key)}" for key in given]
    parts += [f"within {format_duration(within)}"] if within else []
    parts += [f"began within {format_duration(began)}"] if began else []
    parts += ["per component"] if components else []
    of = member()
    if of is None or scope is None or len(fields.notes.problems) > before:
        return None
    quorum = Quorum(
        of,
        least if "at_least" in given else None,
        most if "at_most" in given else None,
        share if "fraction" in given else None,
        within,
        began,
        components,
        repeated(of, scope),
    )
    return quorum, f"members({', '.join([of.text, *parts])})"


def per_component(fields: MappingReader) -> bool:
    """`per: component`; a device votes or counts once unless it is written."""
    return fields.choice("per", PER, "device") == "component"


def repeated(expression: Expression, scope: NameScope) -> bool:
    """True if the expression reads a point that every component has, itself or by a signal."""
    names = {slot.name for slot in expression.slots if slot.kind in OF_POINTS}
    for slot in expression.slots:
        if slot.name in scope.signals and slot.kind not in OF_POINTS:
            names |= set(scope.signals[slot.name].points)
    return any(points[name].each for points in scope.vocabulary.values() for name in names if name in points)
