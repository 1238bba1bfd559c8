"""Orders of a rule that is gone, switched off or edited stay open: with a note, and under the title it has now."""

from typing import Any

import msgspec
import orjson

from gateway.desk import order_fields
from gateway.desk.keys import Origin
from gateway.desk.order_writer import OrderWriter
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.record import RuleGone, RuleSet
from gateway.domain.text import say
from gateway.domain.workorder import SYSTEM, WorkOrder


def of_rule(book: UnitOfWork, clerk: OrderWriter, tenant: str, fact: RuleGone | RuleSet, origin: Origin) -> None:
    """Tell the open orders that list an alarm of the rule."""
    orders = book.orders_of_rule(tenant, fact.id)
    if isinstance(fact, RuleGone):
        for order in orders:
            _note(book, clerk, order, "desk.rule_gone", fact, origin)
        return
    source = _source(fact)
    for order in orders:
        if (mode := source.get("mode")) in ("off", "shadow"):
            _note(book, clerk, order, f"desk.rule_{mode}", fact, origin)
        else:
            _retitle(book, clerk, order, source, fact, origin)


def _source(fact: RuleSet) -> dict[str, Any]:
    """The rule as it was written; a source nobody can read says nothing."""
    try:
        tree = orjson.loads(fact.source)
    except orjson.JSONDecodeError:
        return {}
    rule = tree.get("rule", tree) if isinstance(tree, dict) else {}
    return rule if isinstance(rule, dict) else {}


def _note(
    book: UnitOfWork, clerk: OrderWriter, order: WorkOrder, key: str, fact: RuleGone | RuleSet, origin: Origin
) -> None:
    note = say(key, clerk.policy.language, rule=fact.id)
    data = {"rule": fact.id, "actor": fact.actor}
    clerk.move(book, order, "comment_added", SYSTEM, data, origin, note=note)


def _retitle(
    book: UnitOfWork, clerk: OrderWriter, order: WorkOrder, source: dict[str, Any], fact: RuleSet, origin: Origin
) -> None:
    """A text that was corrected shows in the orders that are open."""
    if not source or order.rule != fact.id or order.source in order_fields.PARENTS:
        return
    (en, zh), (why, why_zh) = _both(source.get("title") or fact.id), _both(source.get("why"))
    unstable = order.title_en.startswith(f"{en} (") and order.title_zh.startswith(f"{zh}（")
    kept = unstable or (order.title_en, order.title_zh) == (en, zh)
    after = order if kept else msgspec.structs.replace(order, title_en=en, title_zh=zh)
    after = msgspec.structs.replace(after, why=why, why_zh=why_zh)
    if after == order:
        return
    changed = ("title",) * (not kept) + ("why",) * ((order.why, order.why_zh) != (why, why_zh))
    clerk.move(book, after, "updated", SYSTEM, {"rule": fact.id, "revision": fact.revision}, origin, changed=changed)


def _both(written: object) -> tuple[str, str]:
    """English and Chinese of a text that is written once, or in a language each; "" when there is none."""
    texts = written if isinstance(written, dict) else {"en": written}
    en, zh = (text if isinstance(text := texts.get(lang), str) else "" for lang in ("en", "zh"))
    return en or zh, zh or en
