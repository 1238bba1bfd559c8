"""Orders of a rule that is gone, switched off or edited stay open: with a note, and under the title it has now."""

from typing import Any

import msgspec
import orjson

from gateway.desk import drafts
from gateway.desk.book import Book
from gateway.desk.clerk import Clerk
from gateway.desk.keys import Origin
from gateway.domain.record import RuleGone, RuleSet
from gateway.domain.text import say
from gateway.domain.workorder import SYSTEM, WorkOrder


def of_rule(book: Book, clerk: Clerk, tenant: str, fact: RuleGone | RuleSet, origin: Origin) -> None:
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


def _note(book: Book, clerk: Clerk, order: WorkOrder, key: str, fact: RuleGone | RuleSet, origin: Origin) -> None:
    note = say(key, "en", rule=fact.id)
    data = {"rule": fact.id, "actor": fact.actor}
    clerk.move(book, order, "comment_added", SYSTEM, data, origin, note=note)


def _retitle(book: Book, clerk: Clerk, order: WorkOrder, source: dict[str, Any], fact: RuleSet, origin: Origin) -> None:
    """A text that was corrected shows in the orders that are open."""
    title, why = source.get("title"), source.get("why", "")
    if order.rule != fact.id or order.source in drafts.PARENTS or not isinstance(title, dict | str):
        return
    en, zh = (title, title) if isinstance(title, str) else (title.get("en", ""), title.get("zh", ""))
    en, zh = en or zh, zh or en
    kept = order.title_en == en or order.title_en.startswith(f"{en} (")
    if not en or not isinstance(why, str) or (kept and order.why == why):
        return
    after = order if kept else msgspec.structs.replace(order, title_en=en, title_zh=zh)
    after = msgspec.structs.replace(after, why=why)
    data = {"rule": fact.id, "revision": fact.revision}
    clerk.move(book, after, "updated", SYSTEM, data, origin, changed=("title",))
