"""The files of the product, and what a rule of the house finds in them."""

import ast
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("gateway", "protocols", "rules", "sinks", "simulators")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def wrong(find: Callable[[str], list[str]], files: list[Path] = FILES) -> dict[str, list[str]]:
    """File -> what `find` has found in its source; files where it found nothing are left out."""
    return {path.relative_to(ROOT).as_posix(): found for path in files if (found := find(path.read_text("utf-8")))}


def functions_and_classes(source: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """All of them, inner ones too."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]
