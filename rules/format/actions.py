"""`then`: the order and the notice of a raised alarm. The caller checks that the names exist."""

import re
from dataclasses import dataclass

from gateway.domain.alarm import Level, NoticePlan, OrderPlan
from gateway.domain.duration import MINUTE, SECOND
from rules.compiled import Expression, Rule, TextOf
from rules.format.forms import YamlForm
from rules.format.mapping_reader import MappingReader
from rules.format.rule_compiler import LEVELS, RuleCompiler
from rules.format.yaml_tree import text_of

_ORDER = ("type", "fault", "level", "skill", "sla", "assign", "batch", "after", "reopen_within")
_NOTICE = ("audience", "template", "class", "remind", "max")
_COMPUTED = re.compile(r"[A-Za-z_]\w*\.(?:level|skill|name|advice)|.*[()?<>='].*")


@dataclass(frozen=True, slots=True)
class Actions:
    """`level` is for rules that have one level only; `level_of` and `skill_of` depend on readings."""

    order: OrderPlan | None = None
    notice: NoticePlan | None = None
    level: Level = Level.MINOR
    level_of: Expression | None = None
    skill_of: TextOf | None = None


@dataclass(frozen=True, slots=True)
class References:
    """The names of the configuration a rule uses; "" = none of that sort."""

    order_type: str = ""
    skills: tuple[str, ...] = ()
    sla: str = ""
    audience: str = ""
    template: str = ""


def references(rule: Rule) -> References:
    """Names that must exist in `config/` for `rule` to work."""
    order, notice = rule.order, rule.notice
    words = (order.skill, *(rule.skill_of.texts if rule.skill_of else ())) if order else ()
    return References(
        order.type if order else "",
        tuple(word for word in dict.fromkeys(words) if word),
        order.sla if order else "",
        notice.audience if notice else "",
        notice.template if notice else "",
    )


def actions(rule: MappingReader, rule_id: str, compiler: RuleCompiler, form: YamlForm | None) -> Actions:
    """`then`, with what is wrong noted and left out. `form` is that of the rule's condition, None if it has none."""
    then = rule.inside("then", ("order", "notice"), "then: {order: {type: repair}}")
    if then is None:
        return Actions()
    if not then.table.entries:
        rule.wrong("then", "rules.then.empty", write="then: {order: {type: repair}}")
    level, level_of, order, skill_of = Level.MINOR, None, None, None
    if fields := then.inside("order", _ORDER, "order: {type: repair}"):
        level, level_of = _level(fields, compiler, form)
        order, skill_of = _order(fields, rule.duration("cooldown", 0, least=SECOND), rule_id, compiler)
    notice = then.inside("notice", _NOTICE, "notice: {audience: site_ops, template: charger_overtemp}")
    return Actions(order, _notice(notice) if notice else None, level, level_of, skill_of)


def _level(fields: MappingReader, compiler: RuleCompiler, form: YamlForm | None) -> tuple[Level, Expression | None]:
    """A word, or an expression; then the word it falls back to is `minor`."""
    if not fields.has("level"):
        return Level.MINOR, None
    if form and form.levels_below:
        fields.wrong("level", "rules.then.level", form=form.levels_below)
        return Level.MINOR, None
    written = _computed(fields, "level")
    if written is None:
        return Level[fields.choice("level", LEVELS, "minor").upper()], None
    if form and not form.level_of:
        fields.wrong("level", "rules.then.level_of", form=form.key)
        return Level.MINOR, None
    return Level.MINOR, compiler.level(written, fields.at("level"), fields.line("level"))


def _order(
    fields: MappingReader, cooldown: int, rule_id: str, compiler: RuleCompiler
) -> tuple[OrderPlan, TextOf | None]:
    """The order, and its skill where that is an expression."""
    fields.require("type: repair")
    written = _computed(fields, "skill")
    skill_of = None if written is None else compiler.text(written, fields.at("skill"), fields.line("skill"))
    by, every = _batch(fields)
    order = OrderPlan(
        type=fields.word("type"),
        fault=fields.word("fault", rule_id),
        skill="" if written is not None else fields.word("skill"),
        sla=fields.word("sla"),
        assign=fields.choice("assign", ("site", "area", "nearest"), ""),
        after=fields.duration("after", 0),
        reopen_within=fields.duration("reopen_within", 0),
        cooldown=cooldown,
        batch_by=by,
        batch_every=every,
    )
    return order, skill_of


def _batch(fields: MappingReader) -> tuple[str, int]:
    """`batch: {by: area, every: 7d}`."""
    inside = fields.inside("batch", ("by", "every"), "batch: {by: area, every: 7d}")
    if inside is None:
        return "", 0
    inside.require("by: area", "every: 7d")
    return inside.choice("by", ("area", "route"), ""), inside.duration("every", 0, least=MINUTE)


def _computed(fields: MappingReader, key: str) -> str | None:
    """The text of an expression such as `code.level`; None for a plain word."""
    text = text_of(fields.get(key))
    return text if _COMPUTED.fullmatch(text) else None


def _notice(fields: MappingReader) -> NoticePlan:
    fields.require("audience: site_ops", "template: charger_overtemp")
    remind = fields.duration("remind", 0, least=MINUTE)
    most = fields.whole("max", 1, 1000, 1)
    if fields.has("remind") and not fields.has("max"):
        fields.wrong("remind", "rules.then.remind", write="max: 3")
    if most > 1 and not fields.has("remind"):
        fields.wrong("max", "rules.then.max", write="remind: 3d")
    return NoticePlan(
        fields.word("audience"),
        fields.word("template"),
        fields.choice("class", ("service", "safety", "reminder"), "service"),
        remind,
        most,
    )
