"""Texts that are compared: the fields of a `code_of` signal, and attributes that are texts."""

from gateway.domain.alarm import Level
from gateway.domain.code_table import CodeEntry
from rules.compiled import Slot, SlotKind
from rules.expr.checker import ExpressionChecker
from rules.expr.expression_error import ExpressionError, Flaw, fail
from rules.expr.expression_type import TRUTH, Choices, Measure, Typed
from rules.expr.name_scope import Coded, nearest
from rules.expr.operators import SWAPPED
from rules.expr.syntax_tree import CallNode, Compare, Syntax, TextNode, render
from rules.expr.typed_tree import Choice, IsKnown, Literal, Node, Not, Relation

FIELDS = ("level", "name", "skill")
NO_LEVEL = "none"  # a code that is no fault
LEVELS = {NO_LEVEL: 0.0, **{level.word: float(level) for level in Level}}
WEEKDAYS = {word: float(k + 1) for k, word in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))}
_DAYS = dict(zip("一二三四五六日天", (*WEEKDAYS, "sun"), strict=True))


def texts_of(coded: Coded, wanted: str) -> tuple[str, ...]:
    """The texts of a field of a code, sorted; of `level` in their order."""
    if wanted == "level":
        return tuple(LEVELS)
    return tuple(sorted({_written(entry, wanted) for entry in coded.table.entries.values()}))


def field_of(checker: ExpressionChecker, name: str, at: int) -> tuple[Coded, str]:
    """`code.level` -> the code and the field. Raises ExpressionError for a field there is not, or for a lone `code`."""
    prefix, _, wanted = name.partition(".")
    coded = checker.scope.codes[prefix]
    if wanted not in FIELDS:
        known = ", ".join(f"{prefix}.{one}" for one in FIELDS)
        raise fail("rules.expr.code_field", at, name=name, known=known)
    if isinstance(found := checker.scope.point(coded.point, at), Flaw):
        raise ExpressionError([found])
    return coded, wanted


def field(checker: ExpressionChecker, name: str, at: int, texts: tuple[str, ...] = ()) -> Typed:
    """The input that reads a field of a code; `texts` when the numbers are to be places in a list of them."""
    coded, wanted = field_of(checker, name, at)
    numbers = LEVELS if wanted == "level" else {}
    if texts or not numbers:
        numbers = {text: float(index) for index, text in enumerate(texts or texts_of(coded, wanted))}
    entries = sorted(coded.table.entries.items())
    mapping = tuple((code, numbers[_written(entry, wanted)]) for code, entry in entries)
    slot = Slot(SlotKind.FIELD, coded.point, f"{coded.table.name}.{wanted}", mapping=mapping)
    return checker.slot(slot), Measure("choice", choices=Choices(name, numbers, wanted == "level"))


def contains(checker: ExpressionChecker, name: str, at: int, text: str) -> Typed:
    """Test whether this field of the code contains the text."""
    coded, wanted = field_of(checker, name, at)
    written = {code: _written(entry, wanted) for code, entry in sorted(coded.table.entries.items())}
    mapping = tuple((code, float(text in one)) for code, one in written.items())
    return checker.slot(Slot(SlotKind.FIELD, coded.point, f"{name} contains {text}", mapping=mapping)), TRUTH


def _written(entry: CodeEntry, wanted: str) -> str:
    if wanted == "level":
        return entry.level.word if entry.level else NO_LEVEL
    return str(getattr(entry, wanted))


def weekday(node: Compare, text: TextNode, found: Node) -> Typed:
    """`weekday() == 'fri'`: a number for the text."""
    number = WEEKDAYS.get(text.value.casefold())
    if number is None:
        near = _DAYS.get(text.value[-1:]) or nearest(text.value.casefold()[:3], list(WEEKDAYS)) or "fri"
        known = ", ".join(WEEKDAYS)
        raise fail("rules.expr.weekday_text", text.at, text=text.value, write=near, known=known)
    operator = node.operator if text is node.right else SWAPPED[node.operator]
    return Relation(operator, found, Literal(number)), TRUTH


def compare(node: Compare, text: TextNode, typed: Typed) -> Typed:
    """A field of a code and a text."""
    choices = typed[1].choices
    if choices is None:
        raise ValueError("no field of a code")
    operator = node.operator if text is node.right else SWAPPED[node.operator]
    if operator not in {"==", "!="} and not choices.ordered:
        raise fail("rules.expr.state_order", node.at, operator=node.operator, name=choices.name)
    number = choices.numbers.get(text.value)
    if number is None:
        known = [one for one in choices.numbers if one]
        near = nearest(text.value, known) or ("minor" if choices.ordered else next(iter(known), ""))
        fields = {"text": text.value, "name": choices.name, "known": ", ".join(known[:12]), "write": near}
        key = "rules.expr.level_text" if choices.ordered else "rules.expr.code_text"
        raise fail(key, text.at, **fields)
    return Relation(operator, typed[0], Literal(number)), TRUTH


def refuse(node: Syntax, choices: Choices) -> ExpressionError:
    """A field of a code where a number or a truth value belongs."""
    write = "minor" if choices.ordered else next((text for text in choices.numbers if text), "ok")
    operator = ">=" if choices.ordered else "=="
    text = render(node)
    return fail("rules.expr.code_alone", node.at, text=text, write=f"{text} {operator} '{write}'")


def attribute(checker: ExpressionChecker, node: Compare, text: TextNode, call: CallNode) -> Typed:
    """`attr('class') == 'household'`; a default is a text too."""
    if node.operator not in {"==", "!="}:
        raise fail("rules.expr.state_order", node.at, operator=node.operator, name=render(call))
    name, *default = call.arguments or (TextNode("", call.at),)
    if not isinstance(name, TextNode) or not name.value or len(default) > 1:
        raise fail("rules.expr.quoted", name.at, text=render(name), write="attr('class', 'household')")
    found: Node = checker.slot(Slot(SlotKind.ATTR_TEXT, name.value, text.value))
    if default:
        other = default[0]
        if not isinstance(other, TextNode):
            raise fail("rules.expr.attr_text", other.at, text=render(other), name=name.value)
        found = Choice(IsKnown(found), found, Literal(float(other.value == text.value)), True)
    return (Not(found) if node.operator == "!=" else found), TRUTH


def is_text_attribute(node: Syntax) -> bool:
    """`attr('x')`, which may be a text, or `attr('x', 'text')`, which is one."""
    match node:
        case CallNode("attr", (TextNode(),)) | CallNode("attr", (_, TextNode())):
            return True
        case _:
            return False
