"""Names and docstrings state what is returned or kept: no idioms, and no data that speaks, hears or knows."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from house.source_files import FILES, ROOT, wrong

IDIOMS = {
    "ask", "asked", "asking", "asks", "dressed", "hear", "heard", "hears", "knows", "misled", "news", "nobody",
    "said", "say", "says", "somebody", "someone", "tell", "tells", "told", "unheard", "unsaid",
}  # fmt: skip
"""Words of a name that treat data as a person. `known` and `unknown` are terms."""
SPOKEN = re.compile(
    r"\b(hears?|heard|knows|says?|said|tells?|told|dressed|nobody's|news|what (?:be)?came of|who(?:ever)? asks?)\b",
    re.IGNORECASE,
)
"""The same in docstrings, and results that are only asked for."""
QUESTION = re.compile(r"\w\?(?:\s|$)")
ALLOWED = {
    "tell_after": "a key of the settings",
    "told_cleared": "a column of orders",
    "say": "a key of test cases",
}
"""Names that users meet stay, each with the reason."""
TO_DO = ("rules/compiled/", "rules/engine/")
"""Folders that are not clean yet; a clean one leaves the list, and none comes back."""


def defined_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, name) of every class, function, argument, variable and attribute that is set."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, text without code) of every docstring, those of attributes included."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for one in body if isinstance(body, list) else ():
            if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) and isinstance(one.value.value, str):
                text = one.value.value.partition("\b")[0]  # before an example of a command
                yield one.lineno, re.sub(r"`[^`]*`|\"[^\"]*\"", "", text)


def found_in(source: str) -> list[str]:
    """`line: what is wrong` for a file."""
    tree = ast.parse(source)
    found = [
        f"{line}: the name {name}"
        for line, name in defined_names(tree)
        if name not in ALLOWED and {one.lower() for one in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)} & IDIOMS
    ]
    for line, text in docstrings(tree):
        found += [f"{line}: {match[0]!r} in a docstring" for match in SPOKEN.finditer(text)]
        found += [f"{line}: a question in a docstring" for _ in QUESTION.finditer(text)]
    return found


def is_to_do(path: Path) -> bool:
    return path.relative_to(ROOT).as_posix().startswith(TO_DO)


def test_names_and_docstrings_use_plain_words() -> None:
    assert wrong(found_in, [path for path in FILES if not is_to_do(path)]) == {}


@pytest.mark.parametrize("folder", TO_DO)
def test_a_clean_folder_leaves_the_list(folder: str) -> None:
    files = [path for path in FILES if path.relative_to(ROOT).as_posix().startswith(folder)]
    assert any(found_in(path.read_text("utf-8")) for path in files)


def test_idioms_are_found() -> None:
    source = """def told_by(asker: int) -> None:
    '''What came of it. Does it fit?'''
    tell_after = known = 1
"""
    expected = ["1: the name told_by", "2: 'What came of' in a docstring", "2: a question in a docstring"]
    assert found_in(source) == expected
