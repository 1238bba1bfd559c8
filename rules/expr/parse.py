"""Tokens -> syntax tree by operator precedence (RULES section 3)."""

from rules.expr.expression_error import fail
from rules.expr.syntax_tree import (
    CHOICE,
    COMPARE,
    NEGATIVE,
    NOT,
    STRENGTH,
    SUM,
    Arithmetic,
    CallNode,
    ChoiceNode,
    Compare,
    LogicNode,
    MemberNode,
    Name,
    Negative,
    NotNode,
    Number,
    Syntax,
    TextNode,
    Truth,
    children,
)
from rules.expr.tokens import Kind, Token, tokens

MAX_DEPTH = 32


def parse(text: str, durations: bool = False) -> Syntax:
    """The syntax tree of `text`. Raises ExpressionError with the first thing that does not fit.

    With `durations` a lone `15m` means minutes (the `longer_than` of a silence), elsewhere metres.
    """
    parser = _Parser(tokens(text, durations))
    node = parser.expression(CHOICE)
    parser.end()
    deep(node)
    return node


def deep(node: Syntax) -> int:
    """The depth of a tree; raises ExpressionError above 32."""
    deepest, stack = 0, [(node, 1)]
    while stack:
        item, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise fail("rules.expr.too_deep", item.at, most=MAX_DEPTH)
        deepest = max(deepest, depth)
        stack += [(part, depth + 1) for part in children(item)]
    return deepest


def _flat(operator: str, node: Syntax) -> tuple[Syntax, ...]:
    return node.items if isinstance(node, LogicNode) and node.operator == operator else (node,)


class _Parser:
    """One pass over the tokens; `_nesting` bounds the recursion, whatever the text is."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._index = 0
        self._nesting = 0
        self._closed: Syntax | None = None  # the node that came out of the last pair of parentheses

    @property
    def _now(self) -> Token:
        return self._tokens[self._index]

    def _take(self) -> Token:
        token = self._now
        self._index += token.kind is not Kind.END
        return token

    def _sees(self, word: str) -> bool:
        return self._now.kind is Kind.OPERATOR and self._now.word == word

    def _expect(self, word: str) -> Token:
        if not self._sees(word):
            raise self._unexpected(word)
        return self._take()

    def _unexpected(self, wanted: str) -> ValueError:
        if self._now.kind is Kind.END:
            return fail("rules.expr.ends", self._now.at, wanted=wanted)
        found = f"'{self._now.word}'" if self._now.kind is Kind.TEXT else self._now.word
        return fail("rules.expr.unexpected", self._now.at, found=found, wanted=wanted)

    def end(self) -> None:
        """Nothing may follow."""
        if self._now.kind is not Kind.END:
            raise self._unexpected("and, or, +, >= …")

    def expression(self, least: int) -> Syntax:
        """Everything that binds at least as strongly as `least`."""
        self._nesting += 1
        if self._nesting > 3 * MAX_DEPTH:
            raise fail("rules.expr.too_deep", self._now.at, most=MAX_DEPTH)
        left = self._prefix()
        while self._now.kind is Kind.OPERATOR and STRENGTH.get(self._now.word, 0) >= least:
            left = self._infix(left, self._take())
        self._nesting -= 1
        return left

    def _prefix(self) -> Syntax:
        token = self._now
        if token.kind is Kind.NUMBER:
            self._take()
            return Number(token.value, token.unit, token.at)
        if token.kind is Kind.TEXT:
            self._take()
            return TextNode(token.word, token.at)
        if token.kind is Kind.NAME:
            self._take()
            return self._call(token) if self._sees("(") else Name(token.word, token.at)
        match token.word if token.kind is Kind.OPERATOR else "":
            case "true" | "false":
                return Truth(self._take().word == "true", token.at)
            case "not":
                self._take()
                return NotNode(self.expression(NOT), token.at)
            case "-":
                self._take()
                item = self.expression(NEGATIVE)
                return (
                    Number(-item.value, item.unit, token.at) if isinstance(item, Number) else Negative(item, token.at)
                )
            case "(":
                self._take()
                inner = self.expression(CHOICE)
                self._expect(")")
                self._closed = inner
                return inner
            case "[":
                raise fail("rules.expr.list_alone", token.at)
        raise self._unexpected("a point, a number or (")

    def _infix(self, left: Syntax, token: Token) -> Syntax:
        word = token.word
        strength = STRENGTH[word]
        if word == "?":
            then = self.expression(CHOICE)
            self._expect(":")
            return ChoiceNode(left, then, self.expression(CHOICE), token.at)
        if word in {"and", "or"}:
            right = self.expression(strength + 1)
            return LogicNode(word, (*_flat(word, left), *_flat(word, right)), token.at)
        if strength == COMPARE:
            return self._comparison(left, token)
        return Arithmetic(word, left, self.expression(strength + 1), token.at)

    def _comparison(self, left: Syntax, token: Token) -> Syntax:
        if isinstance(left, Compare | MemberNode) and left is not self._closed:
            raise fail("rules.expr.chain", token.at, operator=token.word)
        if token.word == "not":
            self._expect("in")
            return NotNode(self._member(left, token), token.at)
        if token.word == "in":
            return self._member(left, token)
        return Compare(token.word, left, self.expression(SUM), token.at)

    def _member(self, item: Syntax, token: Token) -> MemberNode:
        self._expect("[")
        return MemberNode(item, self._arguments("]"), token.at)

    def _call(self, name: Token) -> CallNode:
        self._expect("(")
        if self._sees(")"):
            self._take()
            return CallNode(name.word, (), name.at)
        return CallNode(name.word, self._arguments(")"), name.at)

    def _arguments(self, close: str) -> tuple[Syntax, ...]:
        out = [self.expression(CHOICE)]
        while self._sees(","):
            self._take()
            out.append(self.expression(CHOICE))
        self._expect(close)
        return tuple(out)
