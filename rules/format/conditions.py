"""The condition of a rule: `when`, `levels`, `silent` or `streak` (RULES section 5)."""

from collections.abc import Sequence
from itertools import pairwise

from gateway.domain.alarm import Level
from gateway.domain.duration import SECOND
from rules.compiled import Condition, Expression, Hold, Increase, LevelRule, Silence, SlotKind, Streak
from rules.expr.flaw import Flaw
from rules.expr.ir import Input, Literal, Node, Relation
from rules.format.build import LEVELS, Build
from rules.format.fields import Fields, duration_of, guess
from rules.format.tree import Scalar, Table, show

FORMS = ("when", "levels", "silent", "streak")
TIMING = ("clear", "hold", "clear_hold", "auto_clear")
_LATER_FORMS = ("votes", "members", "due", "every", "sequence")
_WHEN = '"gun_temp >= 85 degC"'


def condition(rule: Fields, build: Build, level: Level, signals: Sequence[Increase]) -> Condition | None:
    """The only condition of a rule; None after its problems were noted."""
    written = [form for form in FORMS if rule.has(form)]
    if not written:
        if not any(rule.has(form) for form in _LATER_FORMS):
            rule.notes.add(rule.line(), rule.path, "rules.condition.none", write=f"when: {_WHEN}")
        return None
    if len(written) > 1:
        rule.wrong(written[1], "rules.condition.several", first=written[0], second=written[1])
        return None
    form, inside = written[0], rule
    when = rule.get("when")
    if isinstance(when, Table) and not {"all", "any"} & set(when.entries):
        inside = Fields(when, rule.at("when"), rule.notes, ("streak", "silent", "all", "any"), _LATER_FORMS)
        nested = [name for name in ("streak", "silent") if inside.has(name)]
        if len(nested) != 1 or len(when.entries) != 1:
            if not set(when.entries) & set(_LATER_FORMS):
                rule.wrong("when", "rules.value.condition", value=show(when))
            return None
        form = nested[0]
    _misplaced(rule, form)
    match form:
        case "when":
            plain = _level(rule, build, level)
            return (plain[0],) if plain else None
        case "levels":
            return _levels(rule, build)
        case "silent":
            return _silence(inside, build, level)
        case _:
            return _streak(rule, inside, build, level, signals)


def _misplaced(rule: Fields, form: str) -> None:
    """Keys of timing that do nothing beside this form."""
    allowed = {"when": TIMING, "streak": ("clear",)}.get(form, ())
    for key in TIMING:
        if rule.has(key) and key not in allowed:
            rule.wrong(key, "rules.condition.misplaced", name=key, form=form)


def _level(fields: Fields, build: Build, level: Level) -> tuple[LevelRule, Node] | None:
    tree = fields.get("when")
    if tree is None:
        fields.require("when", f"when: {_WHEN}")
        return None
    when = build.condition(tree, fields.at("when"), fields.line("when"))
    held = _hold(fields)
    clear_tree = fields.get("clear")
    clear = None if clear_tree is None else build.condition(clear_tree, fields.at("clear"), fields.line("clear"))
    clear_hold = fields.duration("clear_hold", 0)
    auto = fields.flag("auto_clear", default=True)
    if when is None or (clear_tree is not None and clear is None):
        return None
    if clear is not None and _overlap(when, clear):
        fields.wrong("clear", "rules.condition.overlap", clear=clear[0].text, when=when[0].text)
    return LevelRule(level, when[0], held, clear[0] if clear else None, clear_hold, auto), when[1]


def _hold(fields: Fields) -> Hold:
    """`2m`, or `{for: 2m, gap: 30s}`."""
    tree = fields.get("hold")
    if not isinstance(tree, Table):
        return Hold(fields.duration("hold", 0))
    inside = Fields(tree, fields.at("hold"), fields.notes, ("for", "gap"))
    inside.require("for", "for: 2m")
    return Hold(inside.duration("for", 0), inside.duration("gap", None))


def _levels(rule: Fields, build: Build) -> tuple[LevelRule, ...] | None:
    table = rule.table_of("levels", f"levels: {{major: {{when: {_WHEN}}}}}")
    if table is None:
        return None
    levels = Fields(table, rule.at("levels"), rule.notes, LEVELS)
    found: list[tuple[LevelRule, Node]] = []
    complete = True
    for level in Level:
        if not levels.has(level.word):
            continue
        one = levels.table_of(level.word, f"{level.word}: {{when: {_WHEN}}}")
        fields = one and Fields(one, levels.at(level.word), rule.notes, ("when", *TIMING))
        built = _level(fields, build, level) if fields else None
        complete = complete and built is not None
        if built:
            found.append(built)
    if not table.entries:
        rule.wrong("levels", "rules.levels.none", levels=", ".join(LEVELS))
    for (lower, node), (higher, other) in pairwise(found):
        if _weaker(other, node):
            fields_of = {"low": lower.level.word, "high": higher.level.word, "when": higher.when.text}
            levels.wrong(higher.level.word, "rules.levels.order", **fields_of, other=lower.when.text)
    return tuple(level for level, _ in found) if complete and found else None


def _bound(node: Node) -> tuple[int, str, float] | None:
    match node:
        case Relation(("<" | "<=" | ">" | ">=") as operator, Input(slot), Literal(value)):
            return slot, operator, value
        case _:
            return None


def _weaker(node: Node, than: Node) -> bool:
    """Is a higher level reached before the lower one? Known for two limits of one value only."""
    mine, other = _bound(node), _bound(than)
    if mine is None or other is None or mine[0] != other[0] or mine[1][0] != other[1][0] or mine[0] != 0:
        return False
    return mine[2] < other[2] if mine[1][0] == ">" else mine[2] > other[2]


def _overlap(when: tuple[Expression, Node], clear: tuple[Expression, Node]) -> bool:
    """Can both be true for one value? Known for two limits of one value only."""
    mine, other = _bound(when[1]), _bound(clear[1])
    if mine is None or other is None or when[0].slots[mine[0]] != clear[0].slots[other[0]]:
        return False
    if mine[1][0] == other[1][0]:
        return True
    low, high = (mine, other) if mine[1][0] == ">" else (other, mine)
    return low[2] < high[2] or (low[2] == high[2] and low[1] == ">=" and high[1] == "<=")


def _silence(holder: Fields, build: Build, level: Level) -> Silence | None:
    example = "silent: {any_of: [speed, soc], longer_than: 15m}"
    table = holder.table_of("silent", example)
    if table is None:
        return None
    fields = Fields(table, holder.at("silent"), holder.notes, ("any_of", "all_of", "longer_than"))
    both = [key for key in ("any_of", "all_of") if fields.has(key)]
    if len(both) != 1:
        fields.notes.add(fields.line(), fields.path, "rules.silent.points", write=example)
    points = tuple(fields.names(both[0])) if both else ()
    if build.scope is not None and both:
        for name in points:
            if isinstance(found := build.scope.point(name), Flaw):
                fields.wrong(both[0], found.key, **{**found.fields, "at": 1})
                points = ()
    fields.require("longer_than", "longer_than: 15m")
    limit = _longer_than(fields, build)
    if not points or limit is None or len(both) != 1:
        return None
    return Silence(points, both[0] == "all_of", limit, level)


def _longer_than(fields: Fields, build: Build) -> int | Expression | None:
    tree = fields.get("longer_than")
    if tree is None:
        return None
    fixed = duration_of(tree)
    if fixed is not None:
        return fields.duration("longer_than", None, least=SECOND)
    if isinstance(tree, Scalar) and isinstance(tree.value, str) and tree.value.strip():
        return build.time(tree.value.strip(), fields.at("longer_than"), fields.line("longer_than"))
    fields.wrong("longer_than", "rules.value.duration", value=show(tree), write=f"longer_than: {guess(tree)}")
    return None


def _streak(rule: Fields, holder: Fields, build: Build, level: Level, signals: Sequence[Increase]) -> Streak | None:
    example = 'streak: {of: "used <= 0.001 m3", length: 3}'
    table = holder.table_of("streak", example)
    if table is None:
        return None
    fields = Fields(table, holder.at("streak"), holder.notes, ("of", "length", "unknown", "max_span"))
    fields.require("of", 'of: "used <= 0.001 m3"')
    fields.require("length", "length: 3")
    length = fields.whole("length", 1, 1000, 1)
    skips = fields.choice("unknown", ("breaks", "skips"), "breaks") == "skips"
    span = fields.duration("max_span", 0, least=SECOND)
    of_tree, clear_tree = fields.get("of"), rule.get("clear")
    of = of_tree and build.condition(of_tree, fields.at("of"), fields.line("of"))
    clear = clear_tree and build.condition(clear_tree, rule.at("clear"), rule.line("clear"))
    if not of or (clear_tree and not clear):
        return None
    read = {slot.name for slot in of[0].slots if slot.kind in {SlotKind.SIGNAL, SlotKind.BEFORE}}
    rows = [slot.name for slot in of[0].slots if slot.kind not in {
        SlotKind.SIGNAL, SlotKind.BEFORE, SlotKind.ATTR, SlotKind.CODE}]  # fmt: skip
    if read and rows:
        fields.wrong("of", "rules.streak.mixed", point=rows[0], signal=min(read))
    calendars = {signal.window: signal.name for signal in signals if signal.name in read}
    if len(calendars) > 1:
        first, second, *_ = calendars.values()
        fields.wrong("of", "rules.streak.calendars", first=first, second=second)
    return Streak(of[0], length, level, skips, span, clear[0] if clear else None)
