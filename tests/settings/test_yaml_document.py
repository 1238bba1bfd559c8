"""YAML as people write it: YAML 1.2 scalars, lines, every problem at once."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.settings.yaml_document import Document, dotted, parse_document, to_half_width


def parse(text: str, env: dict[str, str] | None = None) -> Document:
    return parse_document(text, "f.yaml", env)


def keys(document: Document) -> list[tuple[int, str, str]]:
    return [(p.line, p.path, p.key) for p in document.problems]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("off", "off"),
        ("yes", "yes"),
        ("22:00", "22:00"),
        ("2026-06-15", "2026-06-15"),
        ("007", "007"),
        ("7", 7),
        ("-3", -3),
        ("0x1F", 31),
        ("1.5", 1.5),
        ("true", True),
        ("~", None),
        ("null", None),
        ("", None),
        ('"12"', "12"),
        ("1e3", 1000.0),
        ("-.inf", float("-inf")),
        ("枪头", "枪头"),
        ("a：b", "a：b"),
    ],
)
def test_scalars_are_yaml_1_2(written: str, value: object) -> None:
    document = parse(f"key: {written}\n")
    assert document.value == {"key": value}
    assert type(document.value["key"]) is type(value)


def test_every_place_has_its_line() -> None:
    document = parse("a: 1\nb:\n  - c: 2\n    d: [1,\n        2]\n")
    assert document.lines["a",] == 1
    assert document.lines["b", 0, "d"] == 4
    assert document.lines["b", 0, "d", 1] == 5
    assert document.line(("b", 0, "nothing", "below")) == 3
    assert dotted(("b", 0, "d")) == "b[0].d"


def test_duplicate_keys_are_all_named() -> None:
    document = parse("a: 1\na: 2\nb: {x: 1, x: 2}\n")
    assert keys(document) == [(2, "a", "config.yaml.duplicate"), (3, "b.x", "config.yaml.duplicate")]
    assert document.value == {"a": 1, "b": {"x": 1}}
    assert "first in line 1" in document.problems[0].render()


@pytest.mark.parametrize(
    ("text", "character", "write"),
    [
        ("name: x\nport：8883\n", "：", ":"),
        ("name: x\nlist:\n  - port：8883\n", "：", ":"),
        ("name: x\ntitle: “abc”\n", "“", '"'),
        ("name: x\nport: ８８８３\n", "８", "8"),
        ("name: x\nwide（key: 1\n", "（", "("),
        ("name: x\n\u3000port: 1\n", "\u3000", " "),
        ("name: x\n＃ comment\n", "＃", "#"),
    ],
)
def test_full_width_characters_are_named(text: str, character: str, write: str) -> None:
    document = parse(text)
    wide = [p for p in document.problems if p.key == "config.yaml.wide"]
    assert [(p.line, p.fields["character"]) for p in wide] == [
        (text[: text.index(character)].count("\n") + 1, character)
    ]
    assert write in str(wide[0].fields["write"])
    assert to_half_width(character) == write
    for language in ("en", "zh"):
        assert character in wide[0].render(language)


def test_chinese_text_is_not_suspicious() -> None:
    assert parse('title: 枪头过温：请停用，“立即”\nwhy: "注意：高温（85℃）"\n').problems == []


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("a: [1,\nb: 2\n", 3, "config.yaml.syntax"),
        ("a: 1\n\tb: 2\n", 2, "config.yaml.tab"),
        ("a: 1\n---\nb: 2\n", 2, "config.yaml.syntax"),
        ("a: *nothing\n", 1, "config.yaml.syntax"),
        ("a: \x00\n", 1, "config.yaml.syntax"),
        ("a: &x 1\nb: &x 2\n", 0, "config.yaml.syntax"),
        ("a: !!python/object x\n", 1, "config.yaml.tag"),
        ("a: &x [*x]\n", 1, "config.yaml.endless"),
        ("? [1, 2]\n: 3\n", 1, "config.yaml.key_not_text"),
    ],
)
def test_what_is_not_plain_yaml_is_a_problem(text: str, line: int, key: str) -> None:
    found = keys(parse(text))
    assert [(at, kind) for at, _, kind in found] == [(line, key)]


def test_aliases_cannot_fill_the_memory() -> None:
    layers = "".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]\n" for i in range(1, 7))
    document = parse("l0: &l0 [1, 2]\n" + layers)
    assert {p.key for p in document.problems} == {"config.yaml.endless"}


def test_deep_nesting_is_a_problem_not_a_crash() -> None:
    for text in ("[" * 5000, "- " * 5000, "".join(" " * i + "a:\n" for i in range(500))):
        assert [p.key for p in parse(text).problems] == ["config.yaml.endless"]


def test_variables_are_replaced_and_never_shown() -> None:
    env = {"HOST": "broker", "EMPTY": "", "PW": "s3cret"}
    text = "url: mqtt://${HOST}:${PORT:-1883}\npw: ${PW}\nempty: ${EMPTY:-x}\nplain: $${HOST}\n"
    document = parse(text, env)
    assert document.value == {"url": "mqtt://broker:1883", "pw": "s3cret", "empty": "x", "plain": "${HOST}"}
    assert document.written["pw",] == "${PW}"
    assert parse(text).value["pw"] == "${PW}"  # only where asked for


def test_variables_that_are_missing_are_all_named() -> None:
    document = parse("a: ${ONE}\nb: [x, '${TWO}']\nc: ${no-name}\nd: ${OPEN\n", {})
    assert keys(document) == [
        (1, "a", "config.env.unset"),
        (2, "b[1]", "config.env.unset"),
        (3, "c", "config.env.syntax"),
        (4, "d", "config.env.syntax"),
    ]
    assert "${ONE:-default}" in document.problems[0].render("en")
    assert "${NAME}" in document.problems[2].render("zh")


TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text("abc：枪 -#'\"\n", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abk", min_size=1), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(TREES)
def test_what_json_writes_is_read_back(tree: Any) -> None:
    import json

    document = parse(json.dumps({"root": tree}, ensure_ascii=False))
    assert document.problems == []
    assert document.value == {"root": tree}


@settings(max_examples=150, deadline=None)
@given(st.text("ab:：-[]{}&*!'\"“，#\n\t \u3000$", max_size=60))
def test_no_text_crashes_the_reader(text: str) -> None:
    document = parse(text, {})
    assert document.value is None or document.lines
    for problem in document.problems:
        assert problem.render("en")
        assert problem.render("zh")
