"""Comparisons with a table's field of a vendor code (`code.name == 'overtemp'`), as the codes that make them true."""

from collections.abc import Mapping

from gateway.domain.code_table import CodeEntry
from rules.expr.operators import COMPARE
from rules.expr.syntax_tree import TextNode
from rules.expr.text_comparisons import LEVELS, NO_LEVEL
from rules.lint.comparisons import Atom
from rules.lint.subject import Subject


def codes(one: Atom, subject: Subject) -> tuple[str, frozenset[str]] | None:
    """(point, the matching codes of the table); None when it does not compare a field of a code."""
    signal, _, field = one.name.partition(".")
    let = subject.get(f"let.{signal}")
    table = subject.names.codes.get(str(let.get("table"))) if isinstance(let, Mapping) and "code_of" in let else None
    if table is None or (not one.texts and not isinstance(one.limit, TextNode)):
        return None
    fitting = {code for code, entry in table.entries.items() if _fits(one, field, entry)}
    return str(let["code_of"]), frozenset(fitting - {"*"})


def _fits(one: Atom, field: str, entry: CodeEntry) -> bool:
    if field == "level":
        level = entry.level.word if entry.level is not None else NO_LEVEL
        if one.texts:
            return level in one.texts
        limit = one.limit.value if isinstance(one.limit, TextNode) else ""
        return limit in LEVELS and COMPARE[one.operator](LEVELS[level], LEVELS[limit])
    named = str(getattr(entry, field, ""))
    return named in one.texts if one.texts else isinstance(one.limit, TextNode) and named != one.limit.value
