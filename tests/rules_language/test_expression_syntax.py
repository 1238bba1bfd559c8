"""Lexer, parser and printer: nothing crashes them, and what is printed reads back equal."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from language import TRUTHS

from rules.expr.expression_error import ExpressionError, Flaw
from rules.expr.parse import parse
from rules.expr.syntax_tree import Syntax, render

PIECES = st.sampled_from(
    [
        "gun_temp",
        "x",
        "and",
        "or",
        "not",
        "in",
        "(",
        ")",
        "[",
        "]",
        ",",
        "?",
        ":",
        "+",
        "-",
        "*",
        "/",
        "==",
        "!=",
        "<",
        ">=",
        "85",
        "0.5",
        "degC",
        "1e3",
        "m3/day",
        "'a'",
        '"b"',
        "min",
        "attr",
        "age(",
        " ",
        "5 min",
        "2m10s",
        "true",
        "%",
        "℃",
        "＞",
        "“",
        "元",
        ".",
        "_",
        "\n",
        "=",
        "&&",
        "!",
    ]
)


def read(text: str) -> tuple[Syntax | None, tuple[Flaw, ...]]:
    """The tree, or the flaws; nothing else may come out."""
    try:
        return parse(text), ()
    except ExpressionError as error:
        return None, error.flaws


@settings(deadline=None)
@given(
    st.one_of(
        st.text(max_size=60), st.lists(PIECES, max_size=30).map(" ".join), st.lists(PIECES, max_size=30).map("".join)
    )
)
@example("x" + " > 1 and x" * 190)
@example("(" * 1999)
@example("-" * 1999)
@example("not " * 499)
@example("1" + "+1" * 900 + " < 3 < 4")
@example("a?" * 900)
@example("[" * 500)
@example("min(" * 400)
def test_any_text_parses_or_says_why(text: str) -> None:
    node, flaws = read(text)
    if node is None:
        assert flaws
        assert all(0 <= flaw.at <= 2000 for flaw in flaws)
        return
    again = parse(render(node))
    assert again == node
    assert render(again) == render(node)


@settings(deadline=None)
@given(TRUTHS)
def test_printing_reads_back_equal(text: str) -> None:
    node = parse(text)
    assert parse(render(node)) == node


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("a>=85℃", "a >= 85 ℃"),
        ("a > 0.2 m3/day", "a > 0.2 m3/day"),
        ("n > 5/day", "n > 5/day"),
        ("a > 5 kWh / b", "a > 5 kWh / b"),
        ("a > -40 degF", "a > -40 degF"),
        ("a - -5 V > b", "a - -5 V > b"),
        ("not a == b and c", "not a == b and c"),
        ("not (a and c)", "not (a and c)"),
        ("(a and b) and (c and d)", "a and b and c and d"),
        ("a or b and c", "a or b and c"),
        ("(a or b) and c", "(a or b) and c"),
        ("a - (b - c) > 0", "a - (b - c) > 0"),
        ("a not in [1, 2]", "not a in [1, 2]"),
        ("(a > b) == (c > d)", None),
        ("a ? b : c ? d : e", "a ? b : c ? d : e"),
        ("age(x) > 1h30m", "age(x) > 1.5 h"),
        ("x > 20 元", "x > 20 元"),
        ("x > 20%", "x > 20 %"),
    ],
)
def test_printed(text: str, printed: str | None) -> None:
    node = parse(text)
    assert parse(render(node)) == node
    if printed is not None:
        assert render(node) == printed


@pytest.mark.parametrize(
    ("text", "at", "key", "fields"),
    [
        ("gun_temp ＞ 85 degC", 9, "full_width", {"character": "＞", "write": ">"}),
        ("gun_temp > ８５ degC", 11, "full_width", {"character": "８", "write": "8"}),
        ("min（a，b）> 1", 3, "full_width", {"character": "（", "write": "("}),
        ("status == “charging”", 10, "full_width", {"character": "“", "write": "'"}),
        ("a > 85 ％", 7, "full_width", {"character": "％", "write": "%"}),
        ("a ≥ 85", 2, "full_width", {"character": "≥", "write": ">="}),
        ("ａ > 85", 0, "full_width", {"character": "ａ", "write": "a"}),
        ("a = 1", 2, "wrong_operator", {"operator": "=", "write": "=="}),
        ("a && b", 2, "wrong_operator", {"operator": "&&", "write": "and"}),
        ("!a", 0, "wrong_operator", {"operator": "!", "write": "not"}),
        ("a AND b", 2, "wrong_operator", {"operator": "AND", "write": "and"}),
        ("1 < a < 5", 6, "chain", {"operator": "<"}),
        ("a > 85 furlong", 7, "unit_unknown", {"unit": "furlong"}),
        ("a > 85 degX", 7, "unit_near", {"unit": "degX", "write": "degC"}),
        ("a > 3 kwh/KM", 6, "unit_near", {"unit": "kwh/KM", "write": "kWh/km"}),
        ("a > 3 kwh/b", 6, "unit_near", {"unit": "kwh", "write": "kWh"}),
        ("a > 3 度", 6, "unit_degree", {"unit": "度"}),
        ("a > 3 VAr", 6, "unit_near", {"unit": "VAr", "write": "var"}),
        ("a > 85 kwh", 7, "unit_near", {"unit": "kwh", "write": "kWh"}),
        ("a > 5 minutes", 6, "unit_near", {"unit": "minutes", "write": "min"}),
        ("a > 1_000", 4, "number", {"number": "1_"}),
        ("a > 3.", 4, "number", {"number": "3."}),
        ("a > .5", 4, "character", {"character": "."}),
        ("a == 'x", 5, "quote", {"quote": "'"}),
        ("a >", 3, "ends", {}),
        ("a b", 2, "unexpected", {"found": "b"}),
        ("", 0, "ends", {}),
        ("a > [1]", 4, "list_alone", {}),
        ("a in 5", 5, "unexpected", {"found": "5", "wanted": "["}),
        ("a > 1\x00", 5, "character", {"character": "'\\x00'"}),
    ],
)
def test_flaws(text: str, at: int, key: str, fields: dict[str, object]) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    (flaw,) = caught.value.flaws
    assert flaw.key == f"rules.expr.{key}"
    assert flaw.at == at
    assert fields.items() <= flaw.fields.items()


def test_limits() -> None:
    with pytest.raises(ExpressionError, match="too_long"):
        parse("x" * 2001)
    parse("a" + " + a" * 31)
    with pytest.raises(ExpressionError, match="too_deep"):
        parse("a" + " + a" * 32)
    parse("(" * 30 + "a" + ")" * 30)
    with pytest.raises(ExpressionError, match="too_deep"):
        parse("(" * 120 + "a" + ")" * 120)


def test_text_keeps_every_character() -> None:
    assert render(parse("status == '充电中（慢）＞'")) == "status == '充电中（慢）＞'"
