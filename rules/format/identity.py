"""`identity`: the names that are added to the alarm key of a rule."""

from rules.compiled import TextOf
from rules.format.mapping_reader import MappingReader
from rules.format.rule_compiler import RuleCompiler
from rules.format.yaml_tree import show, text_of


def identity(fields: MappingReader, compiler: RuleCompiler) -> tuple[TextOf, ...]:
    """`identity: [code.name]`: texts from tables, never a measured value."""
    out: list[TextOf] = []
    for line, item in fields.several("identity"):
        text = text_of(item)
        if not text:
            fields.notes.add(line, fields.at("identity"), "rules.value.names", value=show(item))
            continue
        found = compiler.text(text, fields.at("identity"), line)
        if found is not None and found in out:
            fields.notes.add(line, fields.at("identity"), "rules.value.twice", value=text)
        elif found is not None:
            out.append(found)
    return tuple(out)
