"""`identity`: the names that are added to the alarm key of a rule."""

from rules.compiled import TextOf
from rules.format.mapping_reader import MappingReader
from rules.format.rule_compiler import RuleCompiler
from rules.format.yaml_tree import Items, Scalar, show


def identity(fields: MappingReader, compiler: RuleCompiler) -> tuple[TextOf, ...]:
    """`identity: [code.name]`: texts from tables, never a measured value."""
    tree = fields.get("identity")
    if tree is None:
        return ()
    items = tree.items if isinstance(tree, Items) else (tree,)
    out: list[TextOf] = []
    for item in items:
        line = item.line or fields.line("identity")
        if not isinstance(item, Scalar) or not isinstance(item.value, str) or not item.value.strip():
            fields.notes.add(line, fields.at("identity"), "rules.value.names", value=show(item))
            continue
        found = compiler.text(item.value.strip(), fields.at("identity"), line)
        if found is not None and found in out:
            fields.notes.add(line, fields.at("identity"), "rules.value.twice", value=item.value)
        elif found is not None:
            out.append(found)
    if not items:
        fields.wrong("identity", "rules.value.names", value="[]")
    return tuple(out)
