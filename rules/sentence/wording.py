"""Language, names and texts for the words of one rule's expressions."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from gateway.domain.device import PointSpec
from gateway.domain.text import Lang, localize
from rules.expr.parse import parse
from rules.expr.syntax_tree import Syntax
from rules.sentence.evidence_truth import Truth


@dataclass(frozen=True, slots=True)
class Wording:
    """`points` of the rule with their titles, `lets` its signals as written, `titles` the names of its code tables by
    table, name and language.

    `valued`: each name is followed by its reading; else the names alone (of members of a group, inside signals).
    `seen`: alternatives that were false are left out. `within`: inside a signal.
    """

    lang: Lang
    points: Mapping[str, PointSpec]
    lets: Mapping[str, Mapping[str, Any]]
    titles: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    valued: bool = True
    seen: Truth | None = None
    within: bool = False

    def localize(self, key: str, **fields: object) -> str:
        """A text of the catalogue about sentences."""
        return localize(f"sentence.{key}", self.lang, **fields)

    def quoted(self, text: str) -> str:
        """A state text, or a name of the configuration."""
        return self.localize("quote", text=text)

    def bare(self) -> Self:
        """The same without readings."""
        return replace(self, valued=False)

    def inside(self) -> Self:
        """The same for a part of a signal."""
        return replace(self, valued=False, within=True)


def read(text: str, durations: bool = False) -> Syntax:
    """The tree of an expression that is known to parse."""
    return parse(text, durations)
