"""Every line of the log has a sentence in both languages, and the fields that fill it (C2)."""

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.domain.text import catalogue
from gateway.logs import LocalizedMessage, key_of, sentence

ROOT = Path(__file__).parents[2]
BOUND = {"source", "link"}
"""Fields that a logger was given before (`log.bind`)."""


TAKEN = {"level", "event", "timestamp", "message"}


def lines() -> Iterator[tuple[str, str, set[str] | None]]:
    """(place, event, its fields; None = some come from a mapping) of every call in the packages."""
    for package in ("gateway", "protocols", "rules", "sinks"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
                    continue
                if node.func.attr not in ("info", "warning", "error", "critical", "exception"):
                    continue
                if not ast.unparse(node.func.value).endswith("log"):
                    continue
                fields = {word.arg for word in node.keywords if word.arg}
                whole = all(word.arg for word in node.keywords)
                for part in ast.walk(node.args[0]):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", part.value, fields if whole else None


def test_every_line_has_a_sentence_and_its_fields() -> None:
    found = list(lines())
    assert len(found) > 60, "the search still finds them"
    for place, event, fields in found:
        key = key_of(event)
        assert key in catalogue(), f"{place}: add {key!r} to gateway/domain/texts/log.py, in English and Chinese"
        assert not TAKEN & (fields or set()), f"{place}: a field of that name is overwritten by the line's own"
        wanted = {name for _, name, _, _ in string.Formatter().parse(catalogue()[key][0]) if name}
        assert fields is None or wanted <= fields | BOUND, f"{place}: {key} needs {sorted(wanted - fields)}"


def test_no_sentence_is_left_over() -> None:
    used = {key_of(event) for _, event, _ in lines()}
    known = {key for key in catalogue() if key.startswith("log.")}
    # `trouble` writes through a variable; the summary's pieces are phrases inside of it
    assert known - used == {"log.trouble", "log.summary_silent", "log.summary_none"}


@pytest.mark.parametrize(("lang", "message"), [("en", "link hall is connected"), ("zh", "链路 hall 已连接")])
def test_the_sentence_stands_beside_the_event(lang: str, message: str) -> None:
    line = LocalizedMessage(lang)(None, "info", {"event": "link up", "source": "m", "link": "hall"})  # type: ignore[arg-type]
    assert line["event"] == "link up"
    assert str(line["message"]).endswith(message)
    shown = sentence(None, "info", dict(line))
    assert "link" not in shown
    assert str(shown["event"]).endswith(message)


def test_a_line_of_a_library_stays_as_it_is() -> None:
    line = LocalizedMessage("zh")(None, "info", {"event": "Uvicorn: {x}", "link": 3})
    assert line == {"event": "Uvicorn: {x}", "link": 3}
    assert sentence(None, "info", line) == {"event": "Uvicorn: {x}", "link": 3}
