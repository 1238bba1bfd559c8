"""Reads the part of PromQL that our alert rules and dashboard use; whatever else is an error."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"]*")|(?P<range>\[(?:\d+[smhd]|\$__rate_interval)\])|(?P<number>\d+(?:\.\d+)?)
    |(?P<name>[A-Za-z_]\w*)|(?P<sign>==|!=|<=|>=|=~|[-+*/<>(){},=]))""",
    re.VERBOSE,
)
RANGED = {"rate": 1, "increase": 1, "changes": 1, "predict_linear": 2}
"""Functions of a range, and how many arguments they take."""
PLAIN = {"abs": 1, "time": 0}
COMPARED = {"==", "!=", "<=", ">=", "<", ">"}


class NotPromql(ValueError):
    """What is wrong, and where."""


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric with its matchers (label, sign, value)."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]
    ranged: bool


class Parser:
    """One expression. Raises NotPromql; after `parse`, `selectors` and `by` hold what it names."""

    def __init__(self, text: str) -> None:
        self._tokens, self.selectors, self.by = [*_tokens(text)], list[Selector](), set[str]()

    def parse(self) -> "Parser":
        self._either()
        if self._tokens:
            raise NotPromql(f"what is this: {self._tokens[0]}")
        return self

    def _next(self, *wanted: str) -> str:
        token = self._tokens.pop(0) if self._tokens else "the end"
        if wanted and token not in wanted:
            raise NotPromql(f"{token} where {' or '.join(wanted)} is wanted")
        return token

    def _at(self, *tokens: str) -> bool:
        return bool(self._tokens) and self._tokens[0] in tokens

    def _either(self) -> None:
        self._compared()
        while self._at("or", "and"):
            self._next()
            self._compared()

    def _compared(self) -> None:
        self._sum()
        if self._at(*COMPARED):
            self._next()
            self._sum()

    def _sum(self) -> None:
        self._one()
        while self._at("+", "-", "*", "/"):
            self._next()
            self._one()

    def _one(self) -> None:
        token = self._next()
        if token == "(":
            self._either()
            self._next(")")
        elif token == "sum":
            if self._at("by"):
                self._next()
                self.by.update(self._names())
            self._next("(")
            self._either()
            self._next(")")
        elif token in RANGED or token in PLAIN:
            self._call(token)
        elif token.startswith(("fieldgate_", "up")):
            self._selector(token)
        elif not token[0].isdigit():
            raise NotPromql(f"unknown: {token}")

    def _names(self) -> Iterator[str]:
        self._next("(")
        yield self._next()
        while self._next(",", ")") == ",":
            yield self._next()

    def _call(self, name: str) -> None:
        self._next("(")
        first = len(self.selectors)
        for number in range(RANGED.get(name, PLAIN.get(name, 0))):
            if number:
                self._next(",")
            self._sum()
        self._next(")")
        if name in RANGED and [one.ranged for one in self.selectors[first:]] != [True]:
            raise NotPromql(f"{name} takes a range")

    def _selector(self, metric: str) -> None:
        matchers = []
        if self._at("{"):
            self._next()
            while not self._at("}"):
                matchers.append((self._next(), self._next("=", "!=", "=~"), self._next().strip('"')))
                if not self._at("}"):
                    self._next(",")
            self._next("}")
        ranged = bool(self._tokens) and self._tokens[0].startswith("[")
        if ranged:
            self._next()
        self.selectors.append(Selector(metric, tuple(matchers), ranged))


def _tokens(text: str) -> Iterator[str]:
    at, text = 0, text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise NotPromql(f"not PromQL: {text[at:]}")
        yield match[0].strip()
        at = match.end()
