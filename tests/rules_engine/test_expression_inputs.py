"""Inputs of an expression that are no numbers of a point: texts, codes, attributes, tags; and where they came from."""

import numpy as np
import pytest
from engine_lab import POINTS, charger, told
from row_by_row import NODES, rows
from signal_lab import LintContext, SignalLab, let

from gateway.domain.device import Point, Site
from rules.compiled import Expression, Slot, SlotKind
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.frames.batch_view import Latest
from rules.engine.windows import NoSignals
from rules.expr.typed_tree import SlotInput

NAN = float("nan")
FAULT = (("fault", 3.0), ("idle", 0.0))


def bound(lab: SignalLab, slot: Slot) -> BoundExpression:
    """An expression that is one slot."""
    expression = Expression(slot.name, (slot,), False, "", lambda x: x[0])
    NODES[expression.vector] = SlotInput(0)
    made = BoundExpression(expression, lab.space, LintContext(lab.world).world, NoSignals(""))
    made.refresh(range(len(lab.space)))
    return made


def charging() -> SignalLab:
    """Charger 1 at a site; its first connector can be in any state."""
    site = Site("S", tags=("pilot",), attrs={"mode": "auto", "spare": 5.0})
    return SignalLab(let("{last: gun_temp, over: 1m}", "charger"), [charger(1, site="S", tags=("new",))], [site])


def value_of(lab: SignalLab, slot: Slot) -> float:
    """Its value for connector 1, by both back ends."""
    made = bound(lab, slot)
    reader = Latest(lab.space, np.array([1]), 0)
    first, second = float(made.vector(reader)[0]), float(rows(made, reader)[0])
    assert np.float64(first).tobytes() == np.float64(second).tobytes()
    return first


@pytest.mark.parametrize(
    ("state", "mapping", "expected"),
    [
        (2.0, FAULT, 3.0),
        (0.0, FAULT, 0.0),
        (1.0, FAULT, NAN),
        (1.0, (*FAULT, ("*", 9.0)), 9.0),
        (NAN, FAULT, NAN),
        (NAN, (*FAULT, ("*", 9.0)), NAN),
        (7.0, (*FAULT, ("*", 9.0)), 9.0),
    ],
)
def test_state_texts_through_a_table(state: float, mapping: tuple[tuple[str, float], ...], expected: float) -> None:
    lab = charging()
    lab.read([told(1, "status", 0, state, 1)])
    assert value_of(lab, Slot(SlotKind.FIELD, "status", mapping=mapping)) == pytest.approx(expected, nan_ok=True)


def test_numbers_through_a_table() -> None:
    lab = charging()
    lab.read([told(1, "gun_temp", 0, 12.0, 1)])
    assert value_of(lab, Slot(SlotKind.FIELD, "gun_temp", mapping=(("12", 4.0),))) == 4.0
    lab.read([told(1, "gun_temp", 10, 12.5, 1)])
    assert np.isnan(value_of(lab, Slot(SlotKind.FIELD, "gun_temp", mapping=(("12", 4.0), ("*", 1.0)))))


def test_a_longer_table_of_texts_is_seen_at_once() -> None:
    lab = charging()
    made = bound(lab, Slot(SlotKind.FIELD, "status", mapping=(("parked", 1.0),)))
    lab.read([told(1, "status", 0, 3.0, 1)])
    reader = Latest(lab.space, np.array([1]), 0)
    assert np.isnan(made.vector(reader)[0])
    old = POINTS["charger", "status", 1]
    lab.world.set_point(Point(old.id, "charger", "status", 1, old.kind, values=(*old.values, "parked")))
    assert made.vector(reader)[0] == 1.0


@pytest.mark.parametrize(
    ("slot", "expected", "origin"),
    [
        (Slot(SlotKind.ATTR_TEXT, "mode", "auto"), 1.0, "attr site mode == 'auto'"),
        (Slot(SlotKind.ATTR_TEXT, "mode", "off"), 0.0, "attr site mode == 'off'"),
        (Slot(SlotKind.ATTR_TEXT, "spare", "5"), 1.0, "attr site spare == '5'"),
        (Slot(SlotKind.ATTR_TEXT, "none", "x"), NAN, ""),
        (Slot(SlotKind.ATTR_TEXT, "none", "x", default=0.0), 0.0, "default none == 'x'"),
        (Slot(SlotKind.TAG, "new"), 1.0, "tag new"),
        (Slot(SlotKind.TAG, "pilot"), 1.0, "tag pilot"),
        (Slot(SlotKind.TAG, "old"), 0.0, "tag old"),
    ],
)
def test_attributes_and_tags(slot: Slot, expected: float, origin: str) -> None:
    lab = charging()
    assert value_of(lab, slot) == pytest.approx(expected, nan_ok=True)
    seen = [(one.value, one.origin) for one in bound(lab, slot).thresholds(1)]
    assert seen == ([(expected, origin)] if origin else [])
