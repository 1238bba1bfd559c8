"""The syntax tree of an expression, before names and units are known, and its printer."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Number:
    """`85 degC`: the value as written and its unit ("" = none)."""

    value: float
    unit: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class TextNode:
    """`'charging'`."""

    value: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Truth:
    """`true`, `false`."""

    value: bool
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Name:
    """A point, signal or attribute."""

    name: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class CallNode:
    """`before(rate, 12)`."""

    name: str
    arguments: "tuple[Syntax, ...]"
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Negative:
    """`-x`."""

    item: "Syntax"
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class NotNode:
    """`not x`."""

    item: "Syntax"
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`x + y`; operator is one of + - * /."""

    operator: str
    left: "Syntax"
    right: "Syntax"
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """`x >= y`; operator is one of == != < <= > >=."""

    operator: str
    left: "Syntax"
    right: "Syntax"
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class LogicNode:
    """`x and y and z`: at least two items."""

    operator: str
    items: "tuple[Syntax, ...]"
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class MemberNode:
    """`x in [a, b]`: at least one option."""

    item: "Syntax"
    options: "tuple[Syntax, ...]"
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class ChoiceNode:
    """`condition ? then : otherwise`."""

    condition: "Syntax"
    then: "Syntax"
    otherwise: "Syntax"
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class QuorumNode:
    """Quorum `n` of a rule for groups. Written as `members: {..}` in the file, never inside a text."""

    n: int
    at: int = field(default=0, compare=False)


Syntax = (
    Number
    | TextNode
    | Truth
    | Name
    | CallNode
    | Negative
    | NotNode
    | Arithmetic
    | Compare
    | LogicNode
    | MemberNode
    | ChoiceNode
    | QuorumNode
)

# Binding strength: the parser climbs by it, the printer sets parentheses by it.
CHOICE, OR, AND, NOT, COMPARE, SUM, PRODUCT, NEGATIVE, PRIMARY = range(1, 10)
STRENGTH = {
    "?": CHOICE, "or": OR, "and": AND, "==": COMPARE, "!=": COMPARE, "<": COMPARE, "<=": COMPARE, ">": COMPARE,
    ">=": COMPARE, "in": COMPARE, "not": COMPARE, "+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT,
}  # fmt: skip


def children(node: Syntax) -> tuple[Syntax, ...]:
    """The direct parts of a node."""
    match node:
        case CallNode(arguments=parts) | LogicNode(items=parts):
            return parts
        case Negative(item=item) | NotNode(item=item):
            return (item,)
        case Arithmetic(left=left, right=right) | Compare(left=left, right=right):
            return (left, right)
        case MemberNode(item=item, options=options):
            return (item, *options)
        case ChoiceNode(condition=condition, then=then, otherwise=otherwise):
            return (condition, then, otherwise)
        case _:
            return ()


def number_text(value: float, unit: str = "") -> str:
    """85.0, degC -> `85 degC`; the shortest text that reads back as the same number."""
    text = repr(value).removesuffix(".0")
    return f"{text}{unit[1:]}" if unit.startswith("1/") else f"{text} {unit}".rstrip()


def render(node: Syntax) -> str:
    """The node as text: parsing it again gives an equal node."""
    return _render(node)[0]


def _inside(node: Syntax, least: int) -> str:
    text, strength = _render(node)
    return text if strength >= least else f"({text})"


def _quote(text: str) -> str:
    return f'"{text}"' if "'" in text else f"'{text}'"


def _leaf(node: TextNode | Truth | Name | QuorumNode) -> str:
    match node:
        case TextNode(value):
            return _quote(value)
        case Truth(value):
            return "true" if value else "false"
        case Name(name):
            return name
        case QuorumNode(n):
            return f"members #{n + 1}"


def _render(node: Syntax) -> tuple[str, int]:
    match node:
        case Number(value, unit):
            return number_text(value, unit), NEGATIVE if value < 0 or repr(value).startswith("-") else PRIMARY
        case TextNode() | Truth() | Name() | QuorumNode():
            return _leaf(node), PRIMARY
        case CallNode(name, arguments):
            return f"{name}({', '.join(_inside(item, CHOICE) for item in arguments)})", PRIMARY
        case Negative(item):
            return f"-{_inside(item, PRIMARY)}", NEGATIVE
        case NotNode(item):
            return f"not {_inside(item, NOT)}", NOT
        case Arithmetic(operator, left, right):
            strength = STRENGTH[operator]
            return f"{_inside(left, strength)} {operator} {_inside(right, strength + 1)}", strength
        case Compare(operator, left, right):
            return f"{_inside(left, SUM)} {operator} {_inside(right, SUM)}", COMPARE
        case LogicNode(operator, items):
            strength = STRENGTH[operator]
            return f" {operator} ".join(_inside(item, strength + 1) for item in items), strength
        case MemberNode(item, options):
            return f"{_inside(item, SUM)} in [{', '.join(_inside(option, CHOICE) for option in options)}]", COMPARE
        case ChoiceNode(condition, then, otherwise):
            return f"{_inside(condition, OR)} ? {_inside(then, CHOICE)} : {_inside(otherwise, CHOICE)}", CHOICE
