"""The house rules that a linter does not know: size budgets on the maximum, no stubs, every part in a layer, one
catalogue."""

import ast
import tomllib
from pathlib import Path

import pytest

from gateway.domain.text import catalogue

ROOT = Path(__file__).parents[2]
PACKAGES = ("gateway", "protocols", "rules", "sinks", "simulators")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_size_budget(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("\n") <= 400, "a file has at most 400 lines"
    for node in ast.walk(ast.parse(text)):
        size = (getattr(node, "end_lineno", 0) or 0) - getattr(node, "lineno", 0) + 1
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert size <= 60, f"{node.name}: a function has at most 60 lines"
        if isinstance(node, ast.ClassDef):
            assert size <= 250, f"{node.name}: a class has at most 250 lines"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_function_is_a_stub(path: Path) -> None:
    """Each does something, or its docstring describes why it does nothing. A Protocol has no bodies."""
    tree = ast.parse(path.read_text("utf-8"))
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    ports = [node for node in classes if any("Protocol" in ast.unparse(base) for base in node.bases)]
    promised = {id(part) for port in ports for part in ast.walk(port)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and id(node) not in promised:
            body = [ast.unparse(one) for one in node.body]
            assert body not in (["pass"], ["..."]), f"{node.name} does nothing and has no docstring"
            assert not any("NotImplementedError" in one for one in body), f"{node.name} is not written yet"


def test_every_part_of_the_gateway_stands_in_a_layer() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["name"] == "One direction")
    placed = {name.strip(" ()") for layer in layers for name in layer.split("|")}
    parts = {f"gateway.{path.stem}" for path in (ROOT / "gateway").iterdir() if path.suffix == ".py"}
    parts |= {f"gateway.{path.parent.name}" for path in (ROOT / "gateway").glob("*/__init__.py")}
    assert parts - {"gateway.__init__"} <= placed


def _own_classes() -> dict[str, tuple[int, list[str]]]:
    """Class -> its own lines, and its bases among our own; names are `module.Class`, imports followed."""
    trees = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): ast.parse(
            path.read_text("utf-8")
        )
        for path in FILES
    }
    parts = [(module, node) for module, tree in trees.items() for node in ast.walk(tree)]
    nodes = {f"{module}.{node.name}": node for module, node in parts if isinstance(node, ast.ClassDef)}
    imported = {
        f"{module}.{one.asname or one.name}": f"{node.module}.{one.name}"
        for module, node in parts
        if isinstance(node, ast.ImportFrom)
        for one in node.names
    }

    def resolved(module: str, base: str) -> str:
        name = module
        for part in base.partition("[")[0].split("."):
            name = f"{name}.{part}"
            while imported.get(name, name) != name:
                name = imported[name]
        return name

    found = {}
    for name, node in nodes.items():
        bases = [resolved(name.rpartition(".")[0], ast.unparse(base)) for base in node.bases]
        found[name] = (node.end_lineno or 0) - node.lineno + 1, [base for base in bases if base in nodes]
    return found


def test_a_class_is_small_with_what_it_inherits_and_not_deep() -> None:
    """Evaluators of the engine have a larger budget: a condition, a window or a group is read as one."""
    classes = _own_classes()

    def family(name: str) -> set[str]:
        return {name}.union(*(family(base) for base in classes[name][1]))

    def depth(name: str) -> int:
        return 1 + max((depth(base) for base in classes[name][1]), default=0)

    lines = {name: sum(classes[one][0] for one in family(name)) for name in classes}
    assert "rules.engine.conditions.alarm_form.AlarmForm" in family("rules.conditions.streak.evaluator.StreakForm")
    assert {
        name: n
        for name, n in lines.items()
        if n > (400 if name.startswith(("rules.engine.", "rules.conditions.")) else 250)
    } == {}
    assert {name: deep for name in classes if (deep := depth(name)) > 3} == {}


def test_every_text_is_in_both_languages_with_the_same_fields() -> None:
    import string

    for key, (english, chinese) in catalogue().items():
        fields = [sorted({f for _, f, _, _ in string.Formatter().parse(text) if f}) for text in (english, chinese)]
        assert fields[0] == fields[1], key


def test_every_module_of_the_gateway_stands_in_a_layer() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["name"] == "One direction"]
    standing = {name.strip(" ()") for layer in layers for name in layer.split("|")}
    modules = {
        path.relative_to(ROOT / "gateway").parts[0].removesuffix(".py")
        for path in FILES
        if path.is_relative_to(ROOT / "gateway")
    }
    assert {f"gateway.{name}" for name in modules - {"__init__"}} - standing == set()


def test_a_public_class_name_occurs_once() -> None:
    """One word, one meaning: a reader who searches for a name finds one class."""
    where: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where.setdefault(node.name, []).append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert {name: places for name, places in where.items() if len(places) > 1} == {}
