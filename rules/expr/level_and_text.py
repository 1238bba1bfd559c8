"""Expressions that answer with a level or a text: `then.order.level`, `then.order.skill`, `identity`."""

from collections.abc import Callable
from functools import partial

from gateway.domain.alarm import Level
from gateway.domain.device import PointKind
from rules.compiled import TextOf
from rules.expr import text_comparisons
from rules.expr.compile import Checked, finish
from rules.expr.constant_folding import folded
from rules.expr.expression_error import ExpressionError, fail, gather
from rules.expr.expression_type import TRUTH
from rules.expr.name_scope import NameScope, nearest
from rules.expr.parse import parse
from rules.expr.syntax_tree import CallNode, ChoiceNode, Name, Syntax, TextNode, render
from rules.expr.type_check import Checker
from rules.expr.typed_tree import Choice, Literal, Node, Numeric, signature


def level(text: str, scope: NameScope) -> Checked:
    """A level as a number 1-4 (0 = the code is no fault): `code.level`, `x > 3 kW ? 'critical' : 'major'`.

    Raises ExpressionError with all flaws.
    """
    checker = Checker(scope)
    node = _level(checker, parse(text))
    if isinstance(node, Literal):
        raise fail("rules.expr.constant_level", 0, text=text)
    return finish(text, checker, node), node


def text_of(text: str, scope: NameScope) -> tuple[TextOf, str]:
    """A text that depends on readings, and its meaning: a state point, `code.name`, `a > 1 V ? 'x' : 'y'`.

    Raises ExpressionError with all flaws.
    """
    tree, checker = parse(text), Checker(scope)
    if isinstance(tree, Name) and not _is_code(checker, tree) and tree.name not in scope.signals:
        spec = checker.point(tree.name, tree.at)
        if spec.kind is not PointKind.STATE:
            raise _no_text(tree)
        return TextOf(render(tree), point=spec.name), f"text:{spec.name}"
    texts = tuple(sorted(set(_known(checker, tree))))
    node = _text(checker, tree, texts)
    if isinstance(node, Literal):
        raise fail("rules.expr.constant_text", 0, text=text)
    expression = finish(text, checker, node)
    return TextOf(render(tree), expression=expression, texts=texts), f"{signature(node, expression.slots)} of {texts}"


def _is_code(checker: Checker, node: Name) -> bool:
    return node.name.partition(".")[0] in checker.scope.codes


def _level(checker: Checker, node: Syntax) -> Node:
    match node:
        case TextNode(text, at):
            words = [one.word for one in Level]
            if text not in words:
                write = nearest(text, words) or words[1]
                raise fail("rules.expr.level_text", at, text=text, name="level", known=", ".join(words), write=write)
            return Literal(text_comparisons.LEVELS[text])
        case Name(name, at) if _is_code(checker, node):
            if text_comparisons.field_of(checker, name, at)[1] == "level":
                return text_comparisons.field(checker, name, at)[0]
        case ChoiceNode():
            return _choice(checker, node, partial(_level, checker))
        case CallNode("min" | "max" as function, parts, at) if len(parts) > 1:
            levels = tuple(gather([partial(_level, checker, part) for part in parts]))
            return folded(Numeric(function, levels), TRUTH, at)[0]
    raise fail("rules.expr.not_level", node.at, text=render(node))


def _known(checker: Checker, node: Syntax) -> list[str]:
    """All texts that can come out."""
    match node:
        case TextNode(text):
            return [text]
        case Name(name, at) if _is_code(checker, node):
            return list(text_comparisons.texts_of(*text_comparisons.field_of(checker, name, at)))
        case ChoiceNode(_, then, otherwise):
            first, second = gather([partial(_known, checker, then), partial(_known, checker, otherwise)])
            return [*first, *second]
    raise _no_text(node)


def _text(checker: Checker, node: Syntax, texts: tuple[str, ...]) -> Node:
    """The number of the text in `texts`."""
    match node:
        case TextNode(text):
            return Literal(float(texts.index(text)))
        case Name(name, at):
            return text_comparisons.field(checker, name, at, texts)[0]
        case ChoiceNode():
            return _choice(checker, node, partial(_text, checker, texts=texts))
    raise _no_text(node)


def _choice(checker: Checker, node: ChoiceNode, value: Callable[[Syntax], Node]) -> Node:
    """`condition ? then : otherwise`, with both sides compiled by `value`."""
    jobs = [partial(checker.truth, node.condition), partial(value, node.then), partial(value, node.otherwise)]
    condition, then, otherwise = gather(jobs)
    return folded(Choice(condition, then, otherwise, False), TRUTH, node.at)[0]


def _no_text(node: Syntax) -> ExpressionError:
    return fail("rules.expr.no_text_answer", node.at, text=render(node))
