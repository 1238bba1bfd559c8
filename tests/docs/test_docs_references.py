"""What the pages name exists: links, files, commands and their options."""

import ast
import re
import shlex
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from gateway.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_PATH = re.compile(r"`((?:gateway|protocols|rules|sinks|simulators|config|docs|benchmarks|tests)/[\w./-]*\w/?)`")
_NAME = re.compile(r"`((?:gateway|protocols|rules|sinks|simulators|tests)/[\w./-]+\.py)::([\w.]+)`")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def _commands(text: str) -> list[list[str]]:
    """Words behind `fieldgate` inside code: [["rules", "test"], ["check", "-c"]]; values of options are left out."""
    found: list[list[str]] = []
    for code in _CODE.findall(text):
        for line in code.strip("`").splitlines():
            match = re.match(r"\s*(?:\S*/)?fieldgate\s+(?!-)(.*)", line)
            if match is None:
                continue
            try:
                words = shlex.split(match[1], comments=True)
            except ValueError:
                words = match[1].split()
            found.append(words)
    return [words for words in found if words]


def _resolve(words: list[str]) -> str:
    """ "" when command and options exist, else what does not."""
    command: click.Command | None = main
    context = click.Context(main)
    rest = list(words)
    while isinstance(command, click.Group):
        if not rest:
            return ""
        name = rest.pop(0)
        command = command.get_command(context, name)
        if command is None:
            return name
    assert command is not None
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
    return next((word for word in rest if re.fullmatch(r"--?[a-z][a-z-]*", word) and word not in known), "")


@every_page
def test_relative_links_resolve(page: Path) -> None:
    targets = [unquote(target.split("#")[0]) for target in _LINK.findall(page.read_text("utf-8"))]
    local = [target for target in targets if target and not re.match(r"[a-z]+:", target)]
    assert [target for target in local if not (page.parent / target).exists()] == []


@every_page
def test_files_that_are_named_exist(page: Path) -> None:
    names = _PATH.findall(page.read_text("utf-8"))
    assert sorted({name for name in names if not (ROOT / name).exists()}) == []


def _defined(path: Path) -> set[str]:
    """Functions, classes with their methods, and constants of a file: `Class.method`."""
    found: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body if path.exists() else []:
        if isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}.{one.name}"
                for one in node.body
                if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
            }
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {one.id for one in targets if isinstance(one, ast.Name)}
    return found


@every_page
def test_what_is_named_in_a_file_is_there(page: Path) -> None:
    """`path.py::name`: tests of the threat model, answers of the table of ten tasks."""
    named = _NAME.findall(page.read_text("utf-8"))
    assert sorted(f"{path}::{name}" for path, name in named if name not in _defined(ROOT / path)) == []


@every_page
def test_commands_exist(page: Path) -> None:
    wrong = {" ".join(words): what for words in _commands(page.read_text("utf-8")) if (what := _resolve(words))}
    assert wrong == {}


def test_a_command_that_does_not_exist_is_noticed() -> None:
    text = "```\nfieldgate check -c x.yaml\nfieldgate chekc\n```\n`fieldgate rules tset`, `fieldgate check --congif x`"
    assert [_resolve(words) for words in _commands(text)] == ["", "chekc", "tset", "--congif"]


def test_the_readme_names_every_command() -> None:
    named = {words[0] for words in _commands((ROOT / "README.md").read_text("utf-8"))}
    assert set(main.list_commands(click.Context(main))) <= named


def test_every_decision_is_linked_from_the_architecture() -> None:
    linked = set(_LINK.findall((ROOT / "docs" / "architecture.md").read_text("utf-8")))
    pages = {f"decisions/{path.name}" for path in (ROOT / "docs" / "decisions").glob("*.md")}
    assert pages <= linked


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda page: page.stem)
def test_a_decision_says_context_choice_and_cost(page: Path) -> None:
    parts = re.findall(r"^\*\*(\w+)\.\*\*", page.read_text("utf-8"), re.MULTILINE)
    assert parts == ["Context", "Choice", "Cost"]
