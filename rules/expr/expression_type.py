"""The type of an expression: truth, a number with its dimension, a state point, or a field of a code."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.domain.device import PointSpec
from gateway.domain.units import Unit, divide, multiply, parse_unit
from rules.expr.name_scope import Dimension, symbol_of
from rules.expr.syntax_tree import Number, Syntax, children
from rules.expr.typed_tree import Node

TEMPERATURE: Dimension = (("temperature", 1),)
TIME: Dimension = (("time", 1),)
ANGLE: Dimension = (("angle", 1),)
RATIO: Dimension = (("ratio", 1),)
VOLUME: Dimension = (("volume", 1),)


@dataclass(frozen=True, slots=True)
class Choices:
    """The texts a field of a code can have, as numbers; `ordered`: < and > mean something."""

    name: str
    numbers: Mapping[str, float]
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """`dimension` belongs to a number, `state` to a state point, `choices` to a field of a code.

    `delta` marks a difference of two temperatures: what it is compared with is converted without the offset (9 degF
    are 5 degC there, not -12.8).
    """

    kind: Literal["truth", "number", "state", "choice"]
    dimension: Dimension = ()
    delta: bool = False
    state: PointSpec | None = None
    choices: Choices | None = None

    @property
    def unit(self) -> str:
        """The canonical unit, "" for none."""
        return symbol_of(self.dimension)

    @property
    def example(self) -> str:
        """The unit for examples in messages: min for times, else the canonical one."""
        return "min" if self.dimension == TIME else self.unit


Typed = tuple[Node, Measure]
"""A node of the typed form, and what it is."""


TRUTH = Measure("truth")


def number(dimension: Dimension, delta: bool = False) -> Measure:
    """The type of a number."""
    return Measure("number", dimension, delta)


def product(left: Dimension, right: Dimension, divided: bool = False) -> Dimension:
    """The dimension of a product or quotient."""
    return (divide if divided else multiply)(Unit("", left), Unit("", right)).dimension


def without_offset(node: Number) -> float:
    """A temperature literal as a difference, canonical."""
    return node.value * parse_unit(node.unit).factor


def offset_literal(node: Syntax) -> Number | None:
    """The first literal in degF or K inside `node`: it means one thing as a temperature, another as a difference."""
    if isinstance(node, Number):
        return node if parse_unit(node.unit).offset else None
    return next((found for part in children(node) if (found := offset_literal(part))), None)
