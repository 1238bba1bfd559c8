"""`# fmt: skip` stands at tables alone: rows of like shape that are read in columns."""

import ast

from house.source_files import FILES, ROOT

SKIP = "# fmt: skip"
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def _is_display(value: ast.expr) -> bool:
    if isinstance(value, ast.Dict):
        return len(value.keys) >= 3
    if isinstance(value, ast.List | ast.Tuple | ast.Set):
        return len(value.elts) >= 3
    if isinstance(value, ast.Call):
        parts = [*value.args, *(keyword.value for keyword in value.keywords)]
        return any(_is_display(part) for part in parts) or ast.unparse(value.func) in {"Table", "sa.Table"}
    return isinstance(value, ast.BinOp) and (_is_display(value.left) or _is_display(value.right))


def _has_rows(node: ast.AST) -> bool:
    displays = [one for one in ast.walk(node) if isinstance(one, ast.List | ast.Tuple | ast.Set | ast.Dict)]
    rows = [one.values if isinstance(one, ast.Dict) else one.elts for one in displays]
    return any(len(row) >= 3 and all(isinstance(cell, ast.Tuple | ast.List) for cell in row) for row in rows)


def _ends_of_tables(tree: ast.Module) -> set[int | None]:
    """The last lines of statements that are tables: constants of a module or class, or three rows and more."""
    bodies = [tree.body, *(node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]
    constants = [one for body in bodies for one in body if isinstance(one, ast.Assign | ast.AnnAssign)]
    ends = {one.end_lineno for one in constants if one.value is not None and _is_display(one.value)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.Return | ast.Expr | ast.Assert) and _has_rows(node):
            ends.add(node.end_lineno)
        if isinstance(node, ast.For) and _has_rows(node.iter):
            ends.add(node.iter.end_lineno)
    return ends


def test_only_tables_keep_their_layout() -> None:
    wrong = []
    for path in (*FILES, *TESTS):
        text = path.read_text("utf-8")
        if SKIP in text and path.name != "test_tables.py" and "versions" not in path.parts:  # a migration is a list
            ends = _ends_of_tables(ast.parse(text))
            lines = [n for n, line in enumerate(text.splitlines(), 1) if SKIP in line and n not in ends]
            wrong += [f"{path.relative_to(ROOT)}:{n}" for n in lines]
    assert wrong == []
