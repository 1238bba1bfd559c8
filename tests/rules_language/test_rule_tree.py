"""YAML as rule files use it: 1.2 scalars, lines, nothing that grows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.format.yaml_tree import MAX_BYTES, Notes, YamlMapping, from_plain, lines_of, plain, read


def tree(text: str) -> tuple[object, list[tuple[int, str, str]]]:
    notes = Notes("a.yaml")
    found = read(text, notes)
    return found and plain(found), [(p.line, p.path, p.key.removeprefix("rules.yaml.")) for p in notes.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("off", "off"),
        ("on", "on"),
        ("yes", "yes"),
        ("22:00", "22:00"),
        ("2026-06-15", "2026-06-15"),
        ("012", 12),
        ("2026-11-23T22:00", "2026-11-23T22:00"),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("1e999", "1e999"),
        ("9" * 19, float("9" * 19)),
        ("'12'", "12"),
        ('"true"', "true"),
        ("85 degC", "85 degC"),
        ("_", "_"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("|\n  a\n  b\n", "a\nb\n"),
        ("2m10s", "2m10s"),
    ],
)
def test_scalars(text: str, value: object) -> None:
    found, problems = tree(f"k: {text}")
    assert problems == []
    assert isinstance(found, dict)
    assert found["k"] == value
    assert type(found["k"]) is type(value)


def test_lines_of_every_value() -> None:
    notes = Notes("a.yaml")
    found = read("a:\n- b: 1\n  c: [x,\n      y]\nd: 2\n", notes)
    assert isinstance(found, YamlMapping)
    lines = lines_of(found)
    assert (lines["a"], lines["a[0].b"], lines["a[0].c"], lines["a[0].c[1]"], lines["d"]) == (1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3", (3, "a", "duplicate")),
        ("x: {a: 1,\n b: 2, a: 3}", (2, "x.a", "duplicate")),
        ("a: &x 1", (1, "a", "anchor")),
        ("a: !!python/object:os.system x", (1, "a", "tag")),
        ("a: !include x", (1, "a", "tag")),
        ("a: 1\n---\nb: 2", (2, "", "documents")),
        ("? [a]\n: 1", (1, "", "key")),
        ("a: [1, 2\nb: 3", (2, "", "syntax")),
        ("\ta: 1", (1, "", "syntax")),
        ("a: 'x", (1, "", "syntax")),
        ("a: b: c", (1, "", "colon")),
        ("x: 1\nsay: month(from: 26)", (2, "", "colon")),
        ("a: 1\nb： 2\n", (2, "", "full_width")),
        ("a: [1，2]\nb: [“x”: 1", (1, "", "full_width")),
        ("a: \x00", (0, "", "syntax")),
    ],
)
def test_problems(text: str, problem: tuple[int, str, str]) -> None:
    _, problems = tree(text)
    assert problem in problems


def test_chinese_text_is_not_blamed_for_another_mistake() -> None:
    assert tree("title: 枪头过温（严重）\nb: [1\nc: 2")[1][0][2] == "syntax"
    assert tree("# 说明：文件\nb: [1\nc: 2")[1][0][2] == "syntax"
    assert tree("title: '过温：严重'\nb: [1\nc: 2")[1][0][2] == "syntax"


def test_a_bomb_does_not_go_off() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]" for i in range(1, 40)]
    found, problems = tree("\n".join(lines))
    assert isinstance(found, dict)
    assert len(found) == 40
    assert {key for _, _, key in problems} == {"anchor"}


def test_limits() -> None:
    assert tree("a: " + "[" * 31 + "]" * 31)[1] == []
    assert tree("a: " + "[" * 5000)[1][0][2] == "deep"
    assert tree("x" * (MAX_BYTES + 1)) == (None, [(0, "", "large")])


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert tree("# nothing\n") == ({}, [])


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("ab:-[]{},&*!|>'\"#%@?\n \t：“，~0.1"), max_size=60))
def test_any_text_is_read_or_explained(text: str) -> None:
    notes = Notes("a.yaml")
    assert (read(text, notes) is None) <= bool(notes.problems)


@settings(deadline=None)
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
        lambda x: st.one_of(st.lists(x), st.dictionaries(st.text(), x)),
        max_leaves=10,
    )
)
def test_plain_and_back(value: object) -> None:
    assert plain(from_plain(value)) == value


def test_what_yaml_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="bytes"):
        from_plain({"a": b"x"})
