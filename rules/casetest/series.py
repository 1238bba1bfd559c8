"""The series mini-language: `84 86*14 80+0.5*10 _*3 bad 'text'` -> one item per reading."""

import re
from dataclasses import dataclass

_NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_STEPS = re.compile(rf"({_NUMBER})([-+](?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))\*([0-9]+)")
_PLAIN = re.compile(rf"({_NUMBER}|_|bad|'[^']*')(?:\*([0-9]+))?")
_SPLIT = re.compile(r"(?:'[^']*'|\S)+")
LIMIT = 200_000


@dataclass(frozen=True, slots=True)
class StateText:
    """A state text."""

    text: str


Item = float | StateText | None
"""A number (NaN = bad quality), a state text, or no reading."""


def parse_series(text: str) -> list[Item]:
    """v*n = n times v, a+d*n = a, a+d, … n values, _ = no reading, bad = bad quality. Raises ValueError.

    >>> parse_series("84 86*2 1+0.5*3 _ 'idle'")
    [84.0, 86.0, 86.0, 1.0, 1.5, 2.0, None, StateText(text='idle')]
    """
    items: list[Item] = []
    for word in _SPLIT.findall(text):
        if steps := _STEPS.fullmatch(word):
            first, step, count = float(steps[1]), float(steps[2]), int(steps[3])
            new: list[Item] = [first + step * k for k in range(min(count, LIMIT + 1))]
        elif plain := _PLAIN.fullmatch(word):
            new = [parse_item(plain[1])] * min(int(plain[2] or 1), LIMIT + 1)
        else:
            raise ValueError(word)
        items += new
        if len(items) > LIMIT:
            raise OverflowError(word)
    return items


def parse_item(word: str) -> Item:
    """One value as written."""
    if word == "_":
        return None
    if word == "bad":
        return float("nan")
    return StateText(word[1:-1]) if word.startswith("'") else float(word)
