"""The words for an expression, as the words for its parts use them."""

from collections.abc import Mapping
from typing import Any, Protocol, Self

from gateway.domain.device import PointSpec
from gateway.domain.text import Lang
from rules.expr.parse import parse
from rules.expr.syntax_tree import Syntax


class Wording(Protocol):
    """See `rules.sentence.phrases.Phrases`, which is the only one."""

    @property
    def lang(self) -> Lang: ...
    @property
    def points(self) -> Mapping[str, PointSpec]: ...
    @property
    def lets(self) -> Mapping[str, Mapping[str, Any]]: ...
    @property
    def titles(self) -> Mapping[str, Mapping[str, Mapping[str, str]]]: ...
    @property
    def valued(self) -> bool: ...

    def localize(self, key: str, **fields: object) -> str:
        """A text of the catalogue about sentences."""

    def inside(self) -> Self:
        """The same for a part of a signal: without what was read."""

    def number(self, node: Syntax, strength: int = 0) -> str:
        """A number in words."""

    def clause(self, node: Syntax, yes: bool = True) -> str:
        """A condition in words."""


def read(text: str, durations: bool = False) -> Syntax:
    """The tree of an expression that is known to parse."""
    return parse(text, durations)
