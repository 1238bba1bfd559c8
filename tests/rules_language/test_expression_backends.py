"""The two back ends agree, are three-valued, and never warn."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from language import CHARGER, TRUTHS, columns
from row_by_row import scalar_of

from rules.compiled import Expression
from rules.expr.compile import condition, duration
from rules.expr.expression_error import ExpressionError

NAN = math.nan


def compiled(text: str) -> Expression | None:
    """None for what is always the same, or folds into a division by zero; anything else must compile."""
    try:
        return condition(text, CHARGER)[0]
    except ExpressionError as error:
        if {flaw.key for flaw in error.flaws} <= {
            "rules.expr.constant",
            "rules.expr.division",
            "rules.expr.clock_alone",
        }:
            return None
        raise


@settings(deadline=None)
@given(TRUTHS, st.data())
def test_scalar_and_vector_agree(text: str, data: st.DataObject) -> None:
    expression = compiled(text)
    assume(expression is not None)
    assert expression is not None
    given_columns = data.draw(columns(expression))
    before = [column.copy() for column in given_columns]
    result = expression.vector(given_columns)
    rows = zip(*(column.tolist() for column in given_columns), strict=True)
    assert result.dtype == np.float64
    assert result.shape == (8,)
    np.testing.assert_array_equal(result, [scalar_of(expression)(row) for row in rows], strict=False)
    assert all(value in (0.0, 1.0) or math.isnan(value) for value in result.tolist())
    for column, old in zip(given_columns, before, strict=True):
        np.testing.assert_array_equal(column, old)


def evaluate(text: str, **values: float) -> float:
    expression, _ = condition(text, CHARGER)
    row = [values[slot.name] for slot in expression.slots]
    scalar: float = scalar_of(expression)(row)
    np.testing.assert_array_equal(expression.vector([np.array([value]) for value in row]), [scalar])
    return scalar


@pytest.mark.parametrize(("left", "right"), list(product((1.0, 0.0, NAN), repeat=2)))
def test_kleene_tables(left: float, right: float) -> None:
    """min and max over false < unknown < true are the textbook's and / or."""
    rank = {0.0: 0, 1.0: 2}
    values = {"gun_temp": left * 2 - 1, "cabinet_temp": right * 2 - 1}
    a, b = rank.get(left, 1), rank.get(right, 1)
    names = [0.0, NAN, 1.0]
    both = evaluate("gun_temp > 0 degC and cabinet_temp > 0 degC", **values)
    either = evaluate("gun_temp > 0 degC or cabinet_temp > 0 degC", **values)
    np.testing.assert_equal(both, names[min(a, b)])
    np.testing.assert_equal(either, names[max(a, b)])
    np.testing.assert_equal(evaluate("not gun_temp > 0 degC", gun_temp=values["gun_temp"]), names[2 - a])


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("gun_temp > 5 degC", {"gun_temp": NAN}, NAN),
        ("not (gun_temp > 5 degC)", {"gun_temp": NAN}, NAN),
        ("gun_temp != 5 degC", {"gun_temp": NAN}, NAN),
        ("gun_temp == gun_temp", {"gun_temp": NAN}, NAN),
        ("gun_temp >= 85 degC", {"gun_temp": 85.0}, 1.0),
        ("gun_temp > 85 degC", {"gun_temp": 85.0}, 0.0),
        ("85 degC <= gun_temp", {"gun_temp": 85.0}, 1.0),
        ("gun_temp > 80 degC", {"gun_temp": 80.0000001}, 1.0),
        ("voltage / current > 1 V/A", {"voltage": 1.0, "current": 0.0}, NAN),
        ("voltage / current > 1 V/A", {"voltage": 0.0, "current": 0.0}, NAN),
        ("5 degC / gun_temp > 1", {"gun_temp": 0.0}, NAN),
        ("min(gun_temp, cabinet_temp) < 1 degC", {"gun_temp": 0.0, "cabinet_temp": NAN}, NAN),
        ("round(gun_temp) == 3 degC", {"gun_temp": 2.5}, 1.0),
        ("round(gun_temp) == -3 degC", {"gun_temp": -2.5}, 1.0),
        ("round(gun_temp) == 0 degC", {"gun_temp": 0.49999999999999994}, 1.0),
        ("round(gun_temp) == 4503599627370497 degC", {"gun_temp": 4503599627370497.0}, 1.0),
        ("gun_temp > round(2.5) * 1 degC", {"gun_temp": 2.9}, 0.0),
        ("round(gun_temp) == 4 degC", {"gun_temp": 3.5}, 1.0),
        ("gun_temp in [1 degC, 2 degC]", {"gun_temp": 2.0}, 1.0),
        ("gun_temp in [1 degC, 2 degC]", {"gun_temp": NAN}, NAN),
        ("gun_temp not in [1 degC, 2 degC]", {"gun_temp": 3.0}, 1.0),
        ("(gun_temp > 0 degC ? voltage : 5 V) > 3 V", {"gun_temp": NAN, "voltage": 9.0}, NAN),
        ("(gun_temp > 0 degC ? voltage : 5 V) > 3 V", {"gun_temp": -1.0, "voltage": NAN}, 1.0),
        ("has(gun_temp)", {"gun_temp": 0.0}, 0.0),
        ("gun_temp * 1e300 * 1e300 > 1 degC", {"gun_temp": 5.0}, 1.0),
        ("true or gun_temp > 1 degC", {"gun_temp": NAN}, 1.0),
    ],
)
def test_values(text: str, values: dict[str, float], expected: float) -> None:
    np.testing.assert_equal(evaluate(text, **values), expected)


def test_a_text_the_table_lacks_is_never_met() -> None:
    expression, _ = condition("fault_code == 'E07'", CHARGER)
    assert [slot.kind.value for slot in expression.slots] == ["point", "code"]
    assert scalar_of(expression)([0.0, -1.0]) == 0.0
    assert scalar_of(expression)([3.0, 3.0]) == 1.0


def test_a_duration_is_in_hours() -> None:
    expression, _ = duration("status == 'charging' ? 15m : 26h", CHARGER)
    assert (expression.boolean, expression.unit) == (False, "h")
    assert scalar_of(expression)([1.0, 1.0]) == 0.25
    assert scalar_of(expression)([0.0, 1.0]) == 26.0
    assert math.isnan(scalar_of(expression)([NAN, 1.0]))
    np.testing.assert_array_equal(expression.vector([np.array([1.0, 0.0, NAN]), np.ones(3)]), [0.25, 26.0, NAN])


def test_columns_of_no_rows() -> None:
    expression, _ = condition("gun_temp > 1 degC and not voltage < 3 V", CHARGER)
    assert expression.vector([np.zeros(0), np.zeros(0)]).shape == (0,)
