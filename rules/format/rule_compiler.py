"""State while one rule is compiled: its problems, the names in scope, the meanings of its expressions."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from gateway.domain.alarm import Level
from gateway.domain.device import PointSpec
from rules.compiled import AttrTest, Expression, Names, Quorum, TextOf, Vocabulary
from rules.expr.attribute_test import where
from rules.expr.compile import condition_of, duration, finish, meaning
from rules.expr.expression_error import ExpressionError, Flaw
from rules.expr.level_and_text import level
from rules.expr.level_and_text import text_of as text_of_readings
from rules.expr.name_scope import NameScope, near_or_known
from rules.expr.parse import parse
from rules.expr.syntax_tree import LogicNode, Syntax
from rules.expr.syntax_tree import QuorumNode as Vote
from rules.expr.type_check import Checker
from rules.expr.typed_tree import Node
from rules.format.mapping_reader import MappingReader
from rules.format.quorum import KEYS, MEMBERS, quorum_of
from rules.format.yaml_tree import Items, Notes, Tree, YamlMapping, join, plain, show, text_of

T = TypeVar("T")
LEVELS = tuple(level.word for level in Level)
_WORDS = frozenset({"all", "any", "members"})


@dataclass(frozen=True, slots=True)
class CompiledCondition:
    """A compiled condition, its typed form, and the tree it was written as."""

    expression: Expression
    node: Node
    tree: Syntax


@dataclass(slots=True)
class RuleCompiler:
    """`scope` is None when the watched kinds are unknown: then expressions are parsed, but names are not checked."""

    notes: Notes
    names: Names
    scope: NameScope | None = None
    quorums: list[Quorum] = field(default_factory=list)
    meanings: dict[str, str] = field(default_factory=dict)

    @property
    def vocabulary(self) -> Vocabulary:
        """Points of every kind."""
        return self.names.points

    def condition_at(self, fields: MappingReader, key: str) -> CompiledCondition | None:
        """The condition below `key`; None when there is none, or after its problems were noted."""
        tree = fields.get(key)
        if tree is None:
            return None
        if key == "members":  # at the top of a rule it replaces `when`
            tree, path = fields.table, fields.path
            return self.condition(
                YamlMapping({key: tree.entries[key]}, tree.lines, fields.line(key)), path, fields.line(key)
            )
        return self.condition(tree, fields.at(key), fields.line(key))

    def condition(self, tree: Tree, path: str, line: int) -> CompiledCondition | None:
        """A text, `{all: [..]}`, `{any: [..]}` or `{members: {..}}`; None after its problems were noted."""
        return self._judged(tree, path, line, self.scope)

    def _judged(self, tree: Tree, path: str, line: int, scope: NameScope | None) -> CompiledCondition | None:
        joined = self._joined(tree, path, line, scope)
        if joined is None or scope is None:
            return None
        return self.attempt(lambda: self._compiled(*joined, scope), path, line)

    def _compiled(self, tree: Syntax, text: str, scope: NameScope) -> CompiledCondition:
        expression, node = condition_of(tree, text, scope)
        return CompiledCondition(self.keep(text, expression, node), node, tree)

    def veto(self, fields: MappingReader) -> CompiledCondition | None:
        """`unless`: a condition that may also depend on attributes and tags alone."""
        tree, path, line, scope = fields.get("unless"), fields.at("unless"), fields.line("unless"), self.scope
        joined = None if tree is None else self._joined(tree, path, line, scope)
        if joined is None or scope is None:
            return None
        return self.attempt(lambda: self._veto(*joined, scope), path, line)

    def _veto(self, tree: Syntax, text: str, scope: NameScope) -> CompiledCondition:
        checker = Checker(scope)
        node = checker.truth(tree)
        if not checker.slots:
            return self._compiled(tree, text, scope)  # notes that it never changes
        expression = finish(text, checker, node, boolean=True)
        return CompiledCondition(self.keep(text, expression, node), node, tree)

    def level(self, text: str, path: str, line: int) -> Expression | None:
        """A level that depends on readings: 1 to 4."""
        return self._value(level, text, path, line)

    def text(self, text: str, path: str, line: int) -> TextOf | None:
        """A text that depends on readings."""
        scope = self.scope
        made = None if scope is None else self.attempt(lambda: text_of_readings(text, scope), path, line)
        if made is None:
            return None
        found, self.meanings[made[0].name] = made
        return found

    def _joined(self, tree: Tree, path: str, line: int, scope: NameScope | None) -> tuple[Syntax, str] | None:
        """The syntax tree of a condition, and its text."""
        if text := text_of(tree):
            node = self.attempt(lambda: _parsed(str(plain(tree)), scope), path, line)
            return None if node is None else (node, text)
        if not isinstance(tree, YamlMapping) or len(tree.entries) != 1 or not _WORDS & set(tree.entries):
            self.notes.add(line, path, "rules.value.condition", value=show(tree))
            return None
        word, items = next(iter(tree.entries.items()))
        place, line = join(path, word), tree.lines.get(word, line)
        if word == "members":
            return self._quorum(items, place, line, scope)
        if not isinstance(items, Items) or not items.items:
            self.notes.add(line, place, "rules.value.conditions", value=show(items), name=word)
            return None
        found = [
            self._joined(item, join(place, index), item.line or line, scope) for index, item in enumerate(items.items)
        ]
        good = [pair for pair in found if pair is not None]
        if len(good) < len(found):
            return None
        if len(good) == 1:
            return good[0]
        operator = "and" if word == "all" else "or"
        joined = f" {operator} ".join(f"({text})" for _, text in good)
        return LogicNode(operator, tuple(node for node, _ in good)), joined

    def _quorum(self, tree: Tree, path: str, line: int, scope: NameScope | None) -> tuple[Syntax, str] | None:
        """`members: {of, at_least, ..}`."""
        if scope is not None and not scope.group:
            self.notes.add(line, path, "rules.members.group")
            return None
        if not isinstance(tree, YamlMapping):
            self.notes.add(line, path, "rules.value.mapping", value=show(tree), write=MEMBERS)
            return None
        fields = MappingReader(tree, path, self.notes, KEYS)
        found = quorum_of(fields, lambda: self._of_member(fields, scope), scope and scope.members())
        if found is None:
            return None
        self.quorums.append(found[0])
        return Vote(len(self.quorums) - 1), found[1]

    def _of_member(self, fields: MappingReader, scope: NameScope | None) -> Expression | None:
        """The condition over one member of a group."""
        tree, own = fields.get("of"), None if scope is None else scope.members()
        found = None if tree is None else self._judged(tree, fields.at("of"), fields.line("of"), own)
        return found.expression if found else None

    def time(self, text: str, path: str, line: int) -> Expression | None:
        """A length of time that depends on readings or attributes."""
        return self._value(duration, text, path, line)

    def _value(
        self, make: Callable[[str, NameScope], tuple[Expression, Node]], text: str, path: str, line: int
    ) -> Expression | None:
        """An expression that is no condition; None after its problems were noted."""
        scope = self.scope
        made = None if scope is None else self.attempt(lambda: make(text, scope), path, line)
        return None if made is None else self.keep(text, *made)

    def keep(self, text: str, expression: Expression, node: Node) -> Expression:
        """The expression, after what `text` means was kept for the revision."""
        self.meanings[text] = meaning(expression, node)
        return expression

    def where(self, fields: MappingReader) -> tuple[AttrTest | None, str] | None:
        """`where`: a test of attributes and its printed text, (None, "") when it is not written; None after its
        problems were noted."""
        text = fields.text("where", most=2_000)
        if not text:
            return None, ""
        return self.attempt(lambda: where(text, self.names.fences), fields.at("where"), fields.line("where"))

    def kinds(self, fields: MappingReader) -> tuple[str, ...] | None:
        """`kind`: kinds of device, () when it is not written; None after its problems were noted."""
        found = fields.names("kind")
        unknown = [kind for kind in found if kind not in self.vocabulary]
        for kind in unknown:
            key, more = near_or_known("rules.watch.kind", kind, sorted(self.vocabulary))
            fields.wrong("kind", key, kind=kind, **more)
        return None if unknown or (fields.has("kind") and not found) else found

    def point(self, fields: MappingReader, key: str, name: str, scope: NameScope | None = None) -> PointSpec | None:
        """The point `name`, written below `key`, as all kinds of the scope declare it; None after a problem."""
        scope = scope or self.scope
        found = scope.point(name) if scope else None
        if isinstance(found, Flaw):
            fields.wrong(key, found.key, **{**found.fields, "at": 1})
            return None
        return found

    def attempt(self, make: Callable[[], T], path: str, line: int) -> T | None:
        """Result of `make`; None after the flaws of an expression were noted, each with its place in the text."""
        try:
            return make()
        except ExpressionError as error:
            for flaw in error.flaws:
                self.notes.add(line, path, flaw.key, **{**flaw.fields, "at": flaw.at + 1})
            return None


def _parsed(text: str, scope: NameScope | None) -> Syntax:
    """The tree, checked here so that an item of a list is named by its own path."""
    node = parse(text)
    if scope is not None:
        Checker(scope).truth(node)
    return node
