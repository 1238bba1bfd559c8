"""Orders of a rule that is gone, switched off or edited stay open: with a note, and under the title it has now."""

from typing import Any

import msgspec
import orjson

from gateway.desk import order_fields
from gateway.desk.keys import Origin
from gateway.desk.order_writer import OrderWriter
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.record import RuleRemoved, RuleSet
from gateway.domain.text import localize
from gateway.domain.workorder import SYSTEM, WorkOrder


def note_rule_change(
    work: UnitOfWork, writer: OrderWriter, tenant: str, fact: RuleRemoved | RuleSet, origin: Origin
) -> None:
    """Add a note, or the new title, to the open orders that list an alarm of the rule."""
    orders = work.orders_of_rule(tenant, fact.id)
    if isinstance(fact, RuleRemoved):
        for order in orders:
            _note(work, writer, order, "desk.rule_gone", fact, origin)
        return
    source = _source(fact)
    for order in orders:
        if (mode := source.get("mode")) in ("off", "shadow"):
            _note(work, writer, order, f"desk.rule_{mode}", fact, origin)
        else:
            _retitle(work, writer, order, source, fact, origin)


def _source(fact: RuleSet) -> dict[str, Any]:
    """The rule as it was written; {} when the source cannot be parsed."""
    try:
        tree = orjson.loads(fact.source)
    except orjson.JSONDecodeError:
        return {}
    rule = tree.get("rule", tree) if isinstance(tree, dict) else {}
    return rule if isinstance(rule, dict) else {}


def _note(
    work: UnitOfWork, writer: OrderWriter, order: WorkOrder, key: str, fact: RuleRemoved | RuleSet, origin: Origin
) -> None:
    note = localize(key, writer.policy.language, rule=fact.id)
    data = {"rule": fact.id, "actor": fact.actor}
    writer.save_version(work, order, "comment_added", SYSTEM, data, origin, note=note)


def _retitle(
    work: UnitOfWork, writer: OrderWriter, order: WorkOrder, source: dict[str, Any], fact: RuleSet, origin: Origin
) -> None:
    """A text that was corrected shows in the orders that are open."""
    if not source or order.rule != fact.id or order.source in order_fields.PARENTS:
        return
    (en, zh), (why, why_zh) = _in_both_languages(source.get("title") or fact.id), _in_both_languages(source.get("why"))
    unstable = order.title_en.startswith(f"{en} (") and order.title_zh.startswith(f"{zh}（")
    kept = unstable or (order.title_en, order.title_zh) == (en, zh)
    after = order if kept else msgspec.structs.replace(order, title_en=en, title_zh=zh)
    after = msgspec.structs.replace(after, why=why, why_zh=why_zh)
    if after == order:
        return
    changed = ("title",) * (not kept) + ("why",) * ((order.why, order.why_zh) != (why, why_zh))
    writer.save_version(
        work, after, "updated", SYSTEM, {"rule": fact.id, "revision": fact.revision}, origin, changed=changed
    )


def _in_both_languages(written: object) -> tuple[str, str]:
    """English and Chinese of a text that is written once, or in a language each; "" when there is none."""
    texts = written if isinstance(written, dict) else {"en": written}
    en, zh = (text if isinstance(text := texts.get(lang), str) else "" for lang in ("en", "zh"))
    return en or zh, zh or en
