"""The house rules that a linter does not know: size budgets on the maximum, no stubs, every part in a layer, one
catalogue."""

import ast
import tomllib

from house.source_files import FILES, ROOT, functions_and_classes, wrong

from gateway.domain.text import catalogue


def over_budget(source: str) -> list[str]:
    found = ["a file has at most 400 lines"] if source.count("\n") > 400 else []
    for node in functions_and_classes(source):
        size = (node.end_lineno or 0) - node.lineno + 1
        kind, most = ("class", 250) if isinstance(node, ast.ClassDef) else ("function", 60)
        if size > most:
            found.append(f"{node.name}: a {kind} has at most {most} lines")
    return found


def stubs(source: str) -> list[str]:
    """Functions that do nothing, and whose docstring does not describe why. A Protocol has no bodies."""
    nodes = functions_and_classes(source)
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    ports = [node for node in classes if any("Protocol" in ast.unparse(base) for base in node.bases)]
    promised = {id(part) for port in ports for part in ast.walk(port)}
    found = []
    for node in nodes:
        if isinstance(node, ast.ClassDef) or id(node) in promised:
            continue
        if [ast.unparse(one) for one in node.body[:2]] in (["pass"], ["..."]):
            found.append(f"{node.name} does nothing and has no docstring")
        if any(isinstance(one, ast.Raise) and "NotImplementedError" in ast.unparse(one) for one in ast.walk(node)):
            found.append(f"{node.name} is not written yet")
    return found


def test_size_budget() -> None:
    assert wrong(over_budget) == {}
    long = "\n".join(["def f():", *["    x = 1"] * 60, "class C:", *["    x = 1"] * 250, *["x = 1"] * 90])
    assert len(over_budget(long)) == 3


def test_no_function_is_a_stub() -> None:
    assert wrong(stubs) == {}
    assert len(stubs("def a(): pass\nasync def b(): ...\ndef c():\n    raise NotImplementedError('later')\n")) == 3


def test_every_part_of_the_gateway_stands_in_a_layer() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["name"] == "One direction")
    placed = {name.strip(" ()") for layer in layers for name in layer.split("|")}
    parts = {f"gateway.{path.stem}" for path in (ROOT / "gateway").iterdir() if path.suffix == ".py"}
    parts |= {f"gateway.{path.parent.name}" for path in (ROOT / "gateway").glob("*/__init__.py")}
    assert parts - {"gateway.__init__"} <= placed


def _own_classes() -> dict[str, tuple[int, list[str]]]:
    """Class -> its own lines, and its bases among our own; names are `module.Class`, imports followed."""
    nodes: dict[str, tuple[str, int, list[str]]] = {}
    imported: dict[str, str] = {}
    for path in FILES:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                nodes[f"{module}.{node.name}"] = module, lines, [ast.unparse(base) for base in node.bases]
            elif isinstance(node, ast.ImportFrom):
                for one in node.names:
                    imported[f"{module}.{one.asname or one.name}"] = f"{node.module}.{one.name}"

    def resolved(module: str, base: str) -> str:
        name = module
        for part in base.partition("[")[0].split("."):
            name = f"{name}.{part}"
            while imported.get(name, name) != name:
                name = imported[name]
        return name

    return {
        name: (lines, [known for base in bases if (known := resolved(module, base)) in nodes])
        for name, (module, lines, bases) in nodes.items()
    }


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
