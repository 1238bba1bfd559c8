"""Each of the situations S01 to S42 is a test by name: its id stands in the words of a case or in a test function."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent.parent
SITUATIONS = frozenset(f"S{number:02}" for number in range(1, 43))
_ID = re.compile(r"(?:^|[^0-9A-Za-z])S([0-9]{2})(?![0-9])", re.IGNORECASE)
_SAY = re.compile(r"\bsay: *(.*)")


def names() -> Iterator[str]:
    """The names of tests: of cases as people write them, and of functions."""
    for file in sorted(TESTS.rglob("*.yaml")):
        yield from _SAY.findall(file.read_text("utf-8"))
    for file in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield node.name


def situations(name: str) -> set[str]:
    """`test_s07_and_s09_..` -> S07, S09."""
    return {f"S{number}" for number in _ID.findall(name.replace("_", " "))} & SITUATIONS


def test_each_situation_is_a_test_by_name() -> None:
    found = {situation for name in names() for situation in situations(name)}
    assert not sorted(SITUATIONS - found)


def test_ids_are_told_from_what_only_looks_like_them() -> None:
    assert situations("S07 a clock a day ahead") == {"S07"}
    assert situations("test_s07_s09_clocks") == {"S07", "S09"}
    assert situations("site S12345, RS18, S99 and s4") == set()
