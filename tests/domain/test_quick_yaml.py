"""libyaml reads a text as ruamel.yaml (YAML 1.2) does, or leaves it alone."""

import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError, YAMLWarning
from ruamel.yaml.nodes import Node, ScalarNode

from gateway.domain import quick_yaml

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path for folder in ("config", "tests/acceptance", "docs/deploy") for path in (ROOT / folder).rglob("*.y*ml")
)
LEFT_ALONE = 0.05
"""Share of the files that ruamel.yaml may have to read."""


def slowly(text: str) -> tuple[list[Any], Any] | None:
    """Events and tree by ruamel.yaml; None = it refuses the text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", YAMLWarning)
            found = [seen(event) for event in YAML(typ="safe", pure=True).parse(text)]
            yaml = YAML(typ="safe", pure=True)
            yaml.max_depth = 64
            return found, tree(yaml.compose(text), ())
    except (YAMLError, YAMLWarning):
        return None


def quickly(text: str) -> tuple[list[Any], Any] | None:
    found = quick_yaml.events(text)
    root = quick_yaml.compose(text, 64)
    return None if found is None or root is None else ([seen(event) for event in found], tree(root, ()))


def seen(event: Any) -> tuple[Any, ...]:
    """What users of events look at. Where a value is missing, libyaml has the line of its key, ruamel.yaml may have a
    later one."""
    kind = type(event).__name__
    line = None if kind.endswith("EndEvent") or getattr(event, "value", None) == "" else event.start_mark.line
    return kind, line, *(getattr(event, name, None) for name in ("anchor", "tag", "value", "style"))


def tree(node: Node | None, above: tuple[int, ...]) -> Any:
    """What users of nodes look at."""
    if node is None or id(node) in above:
        return None
    if isinstance(node, ScalarNode):
        return node.tag, node.value, node.style, node.start_mark.line if node.value else None
    inside = (*above, id(node))
    parts = [part for one in node.value for part in (one if isinstance(one, tuple) else (one,))]
    return node.tag, node.start_mark.line, [tree(part, inside) for part in parts]


def test_files_are_read_alike() -> None:
    alone = 0
    for path in FILES:
        text = path.read_text("utf-8")
        quick = quickly(text)
        alone += quick is None
        assert quick is None or quick == slowly(text), path
    assert alone <= LEFT_ALONE * len(FILES)


PIECES = st.sampled_from([
    "a", "b: ", "c:", ": ", ":", "- ", "-", "? ", "?", "{", "}", "[", "]", ", ", ",", "\n", "\n  ", "\n    ", " ", "  ",
    "'x y'", '"x\\n"', '"\\/"', "'", '"', "|\n  t\n", ">-\n  t\n  u\n", "|2", "# c", " # c", "#", "&k ", "*k",
    "!t ", "!", "!!int ", "%YAML 1.1\n", "---\n", "...\n", "~", "null", "off", "on", "yes", "12:30", "0o7", "0x1F",
    "1e3", "1_000", ".5", ".inf", "007", "2026-01-01", "<<", "=", "month(from: 26)", "a:b", "x > 3 and y != 'z'",
    "中文", "：", "\u00a0", "\u2028", "\t", "\r\n", "@", "`", "\ufeff", "\x85", "\x07",
])  # fmt: skip


@given(st.lists(PIECES, max_size=14).map("".join))
@example("a: {b:1}")
@example("a: [x:y, {z}]")
@example("k: &a [*a]")
@example("a: &x 1\nb: &x 2\nc: *x")
@example("{" * 70 + "}" * 70)
@example("? [a, b]\n: c")
def test_a_text_is_read_alike_or_left_alone(text: str) -> None:
    quick = quickly(text)
    assert quick is None or quick == slowly(text)


@pytest.mark.parametrize(
    "text", ["", "a\tb: 1", "a: !x 1", "%YAML 1.1\n---\na: on", "a: 1\n---\nb: 2", "a: *b", "a: ]", "a: '\u2028'"]
)
def test_what_is_left_alone(text: str) -> None:
    assert quick_yaml.compose(text, 64) is None


def test_without_libyaml_ruamel_reads_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_yaml, "_LOADER", None)
    assert quick_yaml.events("a: 1") is None
    assert quick_yaml.compose("a: 1", 64) is None
