"""What one rule needs while it is compiled: where its problems go, what its names mean, what its expressions meant."""

from dataclasses import dataclass, field

from gateway.domain.alarm import Level
from rules.compiled import AttrTest, Expression, Vocabulary
from rules.expr.check import Checker
from rules.expr.compile import condition_of, duration, meaning
from rules.expr.flaw import ExpressionError
from rules.expr.ir import Node
from rules.expr.parse import parse
from rules.expr.scope import Scope
from rules.expr.syntax import Logic, Syntax
from rules.expr.where import where
from rules.format.tree import Items, Notes, Scalar, Table, Tree, join, show

LEVELS = tuple(level.word for level in Level)
Condition = tuple[Expression, Node]


@dataclass(slots=True)
class Build:
    """`scope` is None when the watched kinds are unknown: then expressions are only parsed, their names not judged."""

    notes: Notes
    vocabulary: Vocabulary
    scope: Scope | None = None
    meanings: dict[str, str] = field(default_factory=dict)

    def condition(self, tree: Tree, path: str, line: int) -> Condition | None:
        """A condition: a text, `{all: [..]}` or `{any: [..]}`; None after its problems were noted."""
        joined = self._joined(tree, path, line)
        if joined is None or self.scope is None:
            return None
        try:
            expression, node = condition_of(joined[0], joined[1], self.scope)
        except ExpressionError as error:
            self._note(error, path, line)
            return None
        self.meanings[expression.text] = meaning(expression, node)
        return expression, node

    def time(self, text: str, path: str, line: int) -> Expression | None:
        """A length of time that hangs on readings or attributes."""
        if self.scope is None:
            return None
        try:
            expression, node = duration(text, self.scope)
        except ExpressionError as error:
            self._note(error, path, line)
            return None
        self.meanings[text] = meaning(expression, node)
        return expression

    def where(self, text: str, path: str, line: int) -> tuple[AttrTest, str] | None:
        """A test of attributes and its printed text."""
        try:
            return where(text)
        except ExpressionError as error:
            self._note(error, path, line)
            return None

    def _joined(self, tree: Tree, path: str, line: int) -> tuple[Syntax, str] | None:
        """The syntax tree of a condition, and its text."""
        if isinstance(tree, Scalar) and isinstance(tree.value, str) and tree.value.strip():
            try:
                node = parse(tree.value)
                if self.scope is not None:
                    Checker(self.scope).truth(node)  # here, so that an item of a list is named by its own path
                return node, tree.value.strip()
            except ExpressionError as error:
                self._note(error, path, line)
                return None
        if not isinstance(tree, Table) or len(tree.entries) != 1 or not {"all", "any"} & set(tree.entries):
            self.notes.add(line, path, "rules.value.condition", value=show(tree))
            return None
        word, items = next(iter(tree.entries.items()))
        place, line = join(path, word), tree.lines.get(word, line)
        if not isinstance(items, Items) or not items.items:
            self.notes.add(line, place, "rules.value.conditions", value=show(items), name=word)
            return None
        found = [self._joined(item, join(place, index), item.line or line) for index, item in enumerate(items.items)]
        good = [pair for pair in found if pair is not None]
        if len(good) < len(found):
            return None
        if len(good) == 1:
            return good[0]
        operator = "and" if word == "all" else "or"
        return Logic(operator, tuple(node for node, _ in good)), f" {operator} ".join(f"({text})" for _, text in good)

    def _note(self, error: ExpressionError, path: str, line: int) -> None:
        for flaw in error.flaws:
            self.notes.add(line, path, flaw.key, **{**flaw.fields, "at": flaw.at + 1})
