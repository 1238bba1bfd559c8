"""Titles of values of state points and of names of fault codes."""

from collections.abc import Mapping

from gateway.domain.text import localize
from rules.expr.syntax_tree import CallNode, Name, Syntax, TextNode
from rules.sentence.wording import Wording


def texts_of(words: Wording) -> Mapping[tuple[str, str], str]:
    """(point, value) -> title."""
    at = 2 if words.lang == "zh" else 1
    return {(name, one[0]): one[at] for name, spec in words.points.items() for one in spec.texts}


def title_of(words: Wording, node: Syntax, left: Syntax) -> str:
    """Title of the text on the right side of a comparison with `left`, "" = none."""
    if isinstance(node, TextNode) and isinstance(left, CallNode) and left.name == "weekday":
        return localize(f"handbook.day.{node.value.casefold()[:3]}", words.lang)
    if isinstance(node, TextNode) and isinstance(left, Name):
        first, _, field = left.name.partition(".")
        if field == "name":
            table = words.titles.get(str(words.lets.get(first, {}).get("table")), {})
            return table.get(node.value, {}).get(words.lang, "")
        return texts_of(words).get((left.name, node.value), "")
    return ""
