"""Paths, topic filters, templates."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from protocols.mapping.path import Missed, Pick, parse_each, parse_path, picker, scalar_text
from protocols.mapping.topic import parse_pattern, parse_template


@pytest.mark.parametrize(
    ("text", "steps", "root"),
    [
        ("a", ("a",), False),
        ("a.b", ("a", "b"), False),
        ("a[0].b", ("a", 0, "b"), False),
        ('["odd:key"]', ("odd:key",), False),
        ("switch:0.total", ("switch:0", "total"), False),
        ('a["b.c"][2]', ("a", "b.c", 2), False),
        ("$.x", ("x",), True),
        ("Infos[Type=Vehicle].SOC", ("Infos", Pick((("Type", "Vehicle"),)), "SOC"), False),
        (".", (), False),
        ("电压.值", ("电压", "值"), False),
    ],
)
def test_paths_that_exist(text: str, steps: tuple[Any, ...], root: bool) -> None:
    path = parse_path(text)
    assert (path.steps, path.root) == (steps, root)


@pytest.mark.parametrize("text", ["", "a.", ".a", "a..b", "a[", "a[x]", "a]b", "$", 'a["b]', "a[-1]", "a[*].b"])
def test_paths_that_do_not(text: str) -> None:
    with pytest.raises(PydanticCustomError) as error:
        parse_path(text)
    assert "write" in str(error.value)


def test_a_path_never_reaches_into_a_text() -> None:
    for path, document in (
        ("a[0]", {"a": "xyz"}),
        ("a.b", {"a": "xyz"}),
        ("a[k=v]", {"a": {"k": "v"}}),
        ("a[5]", {"a": []}),
    ):
        with pytest.raises(Missed):
            parse_path(path).reach(document, document)


DATA = {"data": {"list": [1, 2]}, "a": {"x": [3], "y": 4}, "seq": 5}


@pytest.mark.parametrize(
    ("text", "names", "found", "odd"),
    [
        ("data.list[*]", (), [(1, (), "data.list[0]"), (2, (), "data.list[1]")], []),
        ("a.*", ("key",), [([3], ("x",), "a.x"), (4, ("y",), "a.y")], []),
        ("a.*[*]", ("key",), [(3, ("x",), "a.x[0]")], ["a.y"]),
        (
            "*.*",
            ("key", "key2"),
            [([1, 2], ("data", "list"), "data.list"), ([3], ("a", "x"), "a.x"), (4, ("a", "y"), "a.y")],
            [],
        ),
        ("*.x", ("key",), [([3], ("a",), "a.x")], ["data"]),
        ("nothing[*]", (), [], [""]),
    ],
)
def test_each(text: str, names: tuple[str, ...], found: list[tuple[Any, ...]], odd: list[str]) -> None:
    each = parse_each(text)
    assert each.names == names
    elements, others = each.elements(DATA, frozenset({"seq"}))
    assert ([(one.value, one.keys, one.place) for one in elements], others) == (found, odd)


def test_a_list_at_the_top() -> None:
    assert [one.place for one in parse_each("[*]").elements([7, 8], frozenset())[0]] == ["[0]", "[1]"]


@pytest.mark.parametrize("text", ["data", "", "data[]", "$.data[*]", "a*", "a.*b"])
def test_each_without_a_star_is_refused(text: str) -> None:
    with pytest.raises(PydanticCustomError):
        parse_each(text)


KEYS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map(tuple)


@given(st.lists(KEYS, min_size=1, max_size=6, unique=True), st.integers(0, 5))
@settings(deadline=None)
def test_a_picker_takes_what_the_paths_reach(paths: list[tuple[str, ...]], seed: int) -> None:
    document: Any = {"a": {"a": {"a": 1, "b": [2]}, "b": 3, "c": None}, "b": {"c": {"c": seed}}, "c": "text"}
    order, pick = picker(paths)
    reached = []
    for index in order:
        try:
            reached.append(parse_path(".".join(paths[index])).reach(document, document))
        except Missed:
            with pytest.raises(Missed):
                pick(document)
            return
    assert sorted(order) == list(range(len(paths)))
    assert pick(document) == tuple(reached)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (1, "1"),
        (1.0, "1"),
        (1.5, "1.5"),
        (True, "true"),
        ("x", "x"),
        (None, None),
        ([], None),
        (2**64 - 1, str(2**64 - 1)),
        (1e300, "1e+300"),
    ],
)
def test_one_text_per_scalar(raw: Any, text: str | None) -> None:
    assert scalar_text(raw) == text


@pytest.mark.parametrize(
    ("pattern", "topic", "captured"),
    [
        ("charger/{device}/telemetry", "charger/c1/telemetry", {"device": "c1"}),
        ("charger/{device}/telemetry", "charger/c1/state", None),
        ("charger/{device}/telemetry", "charger/c1/x/telemetry", None),
        ("ovms/{device}/metric/{field*}", "ovms/CAR1/metric/v/b/12v", {"device": "CAR1", "field": "v/b/12v"}),
        ("ovms/{device}/metric/{field*}", "ovms/CAR1/metric", None),
        ("{all*}", "$SYS/uptime", None),
        ("{a}/x", "/x", {"a": ""}),
        ("$SYS/{all*}", "$SYS/uptime", {"all": "uptime"}),
        ("plain", "plain", {}),
    ],
)
def test_patterns(pattern: str, topic: str, captured: dict[str, str] | None) -> None:
    assert parse_pattern(pattern).match(topic) == captured


def test_what_the_broker_is_asked_for() -> None:
    assert parse_pattern("ovms/{u}/{d}/metric/{f*}").subscription == "ovms/+/+/metric/#"


def matches(subscription: str, topic: str) -> bool:
    """MQTT 5.0 section 4.7, written down once more."""
    wanted, parts = subscription.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in {"+", "#"}:
        return False
    for index, level in enumerate(wanted):
        if level == "#":
            return len(parts) > index  # the parent level itself holds no field
        if index >= len(parts) or level not in {"+", parts[index]}:
            return False
    return len(parts) == len(wanted)


LEVEL = st.sampled_from(["a", "b", "$x", ""])


@given(
    st.lists(st.one_of(LEVEL, st.just("{}")), min_size=1, max_size=4),
    st.booleans(),
    st.lists(LEVEL, min_size=1, max_size=5),
)
@settings(deadline=None)
def test_a_pattern_matches_what_its_subscription_brings(levels: list[str], rest: bool, topic: list[str]) -> None:
    parts = [f"{{n{i}}}" if level == "{}" else level for i, level in enumerate(levels)]
    text = "/".join([*parts, "{rest*}"] if rest else parts)
    if not text:
        return
    pattern = parse_pattern(text)
    found = pattern.match("/".join(topic))
    assert (found is not None) == matches(pattern.subscription, "/".join(topic))
    if found is not None:
        filled = parse_template("/".join(parts)).fill(found) if "/".join(parts) else ""
        assert "/".join(topic).startswith(filled)


PARTS = st.sampled_from(["a", "b", "$x", "{}", "a{}", "a{}b"])
FILTERS = st.tuples(st.lists(PARTS, min_size=1, max_size=3), st.booleans()).map(
    lambda made: "/".join([*(part.replace("{}", f"{{n{i}}}") for i, part in enumerate(made[0])), *["{r*}"][: made[1]]])
)
TOPICS = st.lists(st.sampled_from(["a", "b", "$x", "", "ax", "ab", "axb"]), min_size=1, max_size=5).map("/".join)


@given(FILTERS, FILTERS, st.lists(TOPICS, min_size=1, max_size=20))
@settings(deadline=None)
def test_what_a_pattern_covers_it_matches(one: str, other: str, topics: list[str]) -> None:
    wide, narrow = parse_pattern(one), parse_pattern(other)
    if wide.covers(narrow):
        assert [topic for topic in topics if narrow.match(topic) is not None and wide.match(topic) is None] == []


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        ("a/{x}", "a/b{n}", True),
        ("a/b{n}", "a/{x}", False),
        ("a/b{n}", "a/b1", True),
        ("a/b{n}", "a/b{m}", True),
        ("a/{x*}", "a/b/c", True),
        ("a/{x*}", "a", False),
        ("a/{x}", "a/{y*}", False),
        ("{x}/b", "$SYS/b", False),
        ("a/{x*}", "a/{y*}", True),
        ("a", "b", False),
    ],
)
def test_which_filters_cover_which(wide: str, narrow: str, covered: bool) -> None:
    assert parse_pattern(wide).covers(parse_pattern(narrow)) is covered


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("$share/{g}/a", "not a shared filter"),
        ("a/+", "{name}"),
        ("a/#", "{name*}"),
        ("a/{n}{m}", "not a level"),
        ("a/x{n*}", "not a level"),
        ("a/{n*}/b", "not a level"),
        ("{n}/{n}", "twice"),
        ("a/{N}", "not a level"),
        ("", "not a level"),
    ],
)
def test_filters_that_are_refused(text: str, says: str) -> None:
    with pytest.raises(PydanticCustomError) as error:
        parse_pattern(text)
    assert says in str(error.value)


@pytest.mark.parametrize("text", ["{", "}", "{}", "{a b}", "x{a*}", ""])
def test_templates_that_are_refused(text: str) -> None:
    with pytest.raises(PydanticCustomError):
        parse_template(text)
