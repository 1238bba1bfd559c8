"""`then`: the order and the notice a raised alarm asks for. Whether the names exist is the caller's question."""

import re
from dataclasses import dataclass

from gateway.domain.alarm import Level
from gateway.domain.duration import MINUTE
from rules.compiled import NoticeTemplate, OrderTemplate, Rule
from rules.format.build import LEVELS
from rules.format.fields import Fields
from rules.format.tree import Scalar, Table

_ORDER = ("type", "fault", "level", "skill", "sla", "assign", "after", "reopen_within")
_NOTICE = ("audience", "template", "class", "remind", "max")
_COMPUTED = re.compile(r"\$?[A-Za-z_]\w*\.[A-Za-z_]\w*|.*[()?<>=].*")


@dataclass(frozen=True, slots=True)
class Actions:
    """`level` is for rules that have one level only."""

    order: OrderTemplate | None = None
    notice: NoticeTemplate | None = None
    level: Level = Level.MINOR


@dataclass(frozen=True, slots=True)
class References:
    """The names of the configuration a rule uses; "" = none of that sort."""

    order_type: str = ""
    skill: str = ""
    sla: str = ""
    audience: str = ""
    template: str = ""


def references(rule: Rule) -> References:
    """What must exist in `config/` for `rule` to work."""
    order, notice = rule.order, rule.notice
    return References(
        order.type if order else "", order.skill if order else "", order.sla if order else "",
        notice.audience if notice else "", notice.template if notice else "",
    )  # fmt: skip


def actions(rule: Fields, rule_id: str) -> Actions:
    """`then`, with what is wrong noted and left out."""
    table = rule.table_of("then", "then: {order: {type: repair}}")
    if table is None:
        return Actions()
    then = Fields(table, rule.at("then"), rule.notes, ("order", "notice"))
    if not table.entries:
        rule.wrong("then", "rules.then.empty", write="then: {order: {type: repair}}")
    order_table = then.table_of("order", "order: {type: repair}")
    notice_table = then.table_of("notice", "notice: {audience: site_ops, template: charger_overtemp}")
    level, order, notice = Level.MINOR, None, None
    if order_table is not None:
        level, order = _order(Fields(order_table, then.at("order"), rule.notes, _ORDER, ("batch",)), rule, rule_id)
    if notice_table is not None:
        notice = _notice(Fields(notice_table, then.at("notice"), rule.notes, _NOTICE))
    return Actions(order, notice, level)


def _order(fields: Fields, rule: Fields, rule_id: str) -> tuple[Level, OrderTemplate]:
    fields.require("type", "type: repair")
    level = "minor"
    if rule.has("levels") and fields.has("level"):
        fields.wrong("level", "rules.then.level")
    elif not _computed(fields, "level"):
        level = fields.choice("level", LEVELS, "minor")
    template = OrderTemplate(
        type=fields.word("type"),
        fault=fields.word("fault", rule_id),
        skill="" if _computed(fields, "skill") else fields.word("skill"),
        sla=fields.word("sla"),
        assign=fields.choice("assign", ("site", "area", "nearest"), ""),
        after=fields.duration("after", 0),
        reopen_within=fields.duration("reopen_within", 0),
    )
    return Level[level.upper()], template


def _computed(fields: Fields, key: str) -> bool:
    """`code.level` and other expressions are known, but not carried out yet."""
    tree = fields.get(key)
    if isinstance(tree, Table):
        return False
    if isinstance(tree, Scalar) and isinstance(tree.value, str) and _COMPUTED.fullmatch(tree.value):
        fields.wrong(key, "rules.later.value", value=tree.value)
        return True
    return False


def _notice(fields: Fields) -> NoticeTemplate:
    fields.require("audience", "audience: site_ops")
    fields.require("template", "template: charger_overtemp")
    remind = fields.duration("remind", 0, least=MINUTE)
    most = fields.whole("max", 1, 1000, 1)
    if fields.has("remind") and not fields.has("max"):
        fields.wrong("remind", "rules.then.remind", write="max: 3")
    if most > 1 and not fields.has("remind"):
        fields.wrong("max", "rules.then.max", write="remind: 3d")
    return NoticeTemplate(
        fields.word("audience"),
        fields.word("template"),
        fields.choice("class", ("service", "safety", "reminder"), "service"),
        remind,
        most,
    )
