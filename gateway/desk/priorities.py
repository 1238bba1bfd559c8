"""The priority of an order: severity, urgency, level of the customer, with a floor for safety, and the reason. Pure."""

from dataclasses import dataclass
from typing import Literal, cast, get_args

import msgspec

from gateway.domain.alarm import Level
from gateway.domain.text import Lang, TextKey, localize
from gateway.domain.workorder import WorkOrder

Urgency = Literal["low", "normal", "urgent"]
Priority = Literal["P1", "P2", "P3", "P4"]
URGENCIES: tuple[str, ...] = get_args(Urgency)
PRIORITIES: tuple[str, ...] = get_args(Priority)
_BASE = {Level.CRITICAL: 1, Level.MAJOR: 2, Level.MINOR: 3, Level.NOTICE: 4}
_URGENCY_STEPS = {"urgent": -1, "low": 1}
HIGHEST_CUSTOMER = 5


@dataclass(frozen=True, slots=True)
class PriorityRow:
    """One line of the matrix: it holds for orders that fit all of it; an empty part fits every order. `customer_from`:
    this level of the customer and higher."""

    priority: str
    levels: frozenset[Level] = frozenset()
    urgencies: frozenset[str] = frozenset()
    customer_from: int = 0
    types: frozenset[str] = frozenset()

    def fits(self, order: WorkOrder) -> bool:
        """True when it decides about this order, unless a line above it does."""
        return (
            (not self.levels or order.level in self.levels)
            and (not self.urgencies or order.urgency in self.urgencies)
            and order.customer_level >= self.customer_from
            and (not self.types or order.type in self.types)
        )


@dataclass(frozen=True, slots=True)
class PriorityMatrix:
    """Lines in order, the first that fits decides. Without one the level decides: an urgent order, and one of a
    customer of level 5, is a step higher, a low urgency a step lower. `safety`: least priority of safety types."""

    rows: tuple[PriorityRow, ...] = ()
    safety: str = "P1"

    def rank(self, order: WorkOrder, *, safety: bool) -> tuple[str, str, str]:
        """(P1 to P4, the reason in English, the reason in Chinese)."""
        number = next((n for n, row in enumerate(self.rows, 1) if row.fits(order)), 0)
        if number:
            step = int(self.rows[number - 1].priority[1])
        else:
            customer = -1 if order.customer_level >= HIGHEST_CUSTOMER else 0
            step = _BASE[order.level] + _URGENCY_STEPS.get(order.urgency, 0) + customer
        found = f"P{min(max(step, 1), 4)}"
        floor = safety and found > self.safety
        return (
            self.safety if floor else found,
            _reason(order, number, floor, self.safety, "en"),
            _reason(order, number, floor, self.safety, "zh"),
        )


def _reason(order: WorkOrder, row: int, floor: bool, least: str, lang: Lang) -> str:
    parts = [localize("priority.level", lang, level=TextKey(f"word.level.{order.level.word}"))]
    if order.urgency != "normal":
        parts.append(localize(f"priority.urgency.{order.urgency}", lang))
    if order.customer_level:
        parts.append(localize("priority.customer", lang, level=order.customer_level))
    if row:
        parts.append(localize("priority.row", lang, row=row))
    if floor:
        parts.append(localize("priority.safety", lang, least=least))
    return ("，" if lang == "zh" else ", ").join(parts)


def ranked(matrix: PriorityMatrix, order: WorkOrder, *, safety: bool, customer_level: int | None = None) -> WorkOrder:
    """The order with its priority and the reason. `customer_level` None = the one that it has."""
    if customer_level is not None:
        order = msgspec.structs.replace(order, customer_level=customer_level)
    grade, english, chinese = matrix.rank(order, safety=safety)
    if (grade, english, chinese) == (order.priority, order.priority_reason, order.priority_reason_zh):
        return order
    return msgspec.structs.replace(order, priority=grade, priority_reason=english, priority_reason_zh=chinese)


def is_urgency(text: str) -> bool:
    """True for `low`, `normal`, `urgent`."""
    return cast(Urgency, text) in URGENCIES
