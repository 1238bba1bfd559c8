"""`where`: attributes and tags of a device, three-valued."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.expr.attribute_test import measured, quantity, where
from rules.expr.expression_error import ExpressionError

DEVICE: dict[str, object] = {
    "code": "DC-1", "kind": "charger", "life": "in_service", "site": "S12", "region": "华东", "temp_trip": 95.0,
    "temp_text": "203 degF", "seasonal": False, "count": "12", "installed": "2024-05-01", "customer.class": "household",
    "nan": float("nan"), "tags": ("public", "高速"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("life == 'in_service'", True),
        ("life != 'in_service'", False),
        ("missing == 'x'", None),
        ("not missing == 'x'", None),
        ("missing == 'x' or life == 'in_service'", True),
        ("missing == 'x' and life == 'planned'", False),
        ("missing == 'x' and life == 'in_service'", None),
        ("site in ['S11', 'S12']", True),
        ("site not in ['S11', 'S12']", False),
        ("missing in ['a']", None),
        ("region == '华东'", True),
        ("temp_trip >= 95 degC", True),
        ("temp_text >= 95 degC", True),
        ("temp_text > 203.1 degF", False),
        ("count == 12", True),
        ("count == '12'", True),
        ("site == 12", None),
        ("temp_trip == '95 degC'", True),
        ("installed < '2025-01-01'", True),
        ("seasonal", False),
        ("not seasonal", True),
        ("seasonal == false", True),
        ("seasonal == 'no'", None),
        ("life", None),
        ("customer.class == 'household'", True),
        ("tag('public')", True),
        ("tag('private')", False),
        ("tag('高速') and not tag('seasonal')", True),
        ("has(site) and not has(missing)", True),
        ("attr('floor', 3) > 2", True),
        ("attr('count', 3) > 5", True),
        ("nan > 1", None),
        ("temp_trip / 0 > 1", None),
        ("2 * temp_trip - 90 == 100", True),
        ("-temp_trip < 0", True),
        (
            "abs(0 - count) == 12 and min(count, 3) == 3 and max(count, 3) == 12",
            True,
        ),
        ("contains(site, 'S1')", True),
        ("contains(site, 'X') or contains(absent, 'S')", None),
        ("round(2.5) == 3 and round(-0.5) == -1 and round(2.4) == 2", True),
        ("abs(site) > 1", None),
        ("(seasonal ? 'a' : 'b') == 'b'", True),
        ("(missing == 1 ? 'a' : 'b') == 'b'", None),
        ("true", True),
    ],
)
def test_truth(text: str, expected: bool | None) -> None:
    test, printed = where(text)
    assert test(DEVICE) is expected
    assert where(printed)[0](DEVICE) is expected


def test_no_tags() -> None:
    assert where("tag('x')")[0]({}) is False


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("life = 'x'", "expr.wrong_operator"),
        ("age(life) > 3 h", "expr.not_in_where"),
        ("before(life) == 3", "expr.not_in_where"),
        ("within(a, b, 'c')", "expr.fence"),
        ("within(a, b)", "expr.arguments"),
        ("tagg('x')", "expr.function_near"),
        ("frobnicate('x')", "expr.function"),
        ("tag(x)", "expr.quoted"),
        ("tag()", "expr.arguments"),
        ("has('x')", "expr.point_wanted"),
        ("'text'", "expr.not_truth"),
        ("temp_trip + 1", "expr.not_truth"),
        ("85 degC", "expr.not_truth"),
    ],
)
def test_flaws(text: str, key: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        where(text)
    assert [flaw.key for flaw in caught.value.flaws] == [f"rules.{key}"]


def test_all_flaws_at_once() -> None:
    with pytest.raises(ExpressionError) as caught:
        where("age(a) > 1 h and tagg('x') or tag(y)")
    assert [flaw.key.rsplit(".", 1)[1] for flaw in caught.value.flaws] == ["not_in_where", "function_near", "quoted"]


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["life", "count", "temp_trip", "tags"]),
        st.one_of(
            st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=8), st.lists(st.text(max_size=3))
        ),
    )
)
def test_any_attributes_are_answered(attributes: dict[str, object]) -> None:
    test, _ = where("life == 'a' or count * temp_trip > 5 and tag('x') or (count < life) == (count == temp_trip)")
    assert test(attributes) in {True, False, None}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("95 degC", 95.0),
        ("203degF", 95.0),
        ("5", 5.0),
        (7, 7.0),
        ("x", None),
        ("5 foo", None),
        (True, None),
        (None, None),
        (float("inf"), None),
        ("1e999", None),
    ],
)
def test_quantity(value: object, expected: float | None) -> None:
    assert quantity(value) == (None if expected is None else pytest.approx(expected))


def test_measured_keeps_the_unit() -> None:
    found = measured("1.5 kPa")
    assert found is not None
    assert found[0] == 1.5
    assert found[1].symbol == "kPa"
