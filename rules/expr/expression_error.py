"""A mistake in an expression: the key of its message, the fields of the message, and the place."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong. `at` counts characters from 0; `key` is a text of the catalogue."""

    key: str
    fields: Mapping[str, object] = field(default_factory=dict)
    at: int = 0


class ExpressionError(ValueError):
    """An expression that does not load; `flaws` holds all that was found, at least one."""

    def __init__(self, flaws: Sequence[Flaw]) -> None:
        self.flaws = tuple(flaws)
        super().__init__("; ".join(f"{flaw.key} at {flaw.at}" for flaw in self.flaws))


def fail(key: str, at: int, /, **fields: object) -> ExpressionError:
    """One flaw, ready to raise."""
    return ExpressionError([Flaw(key, fields, at)])


def gather(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """All results; when some jobs fail, one ExpressionError with the flaws of all of them, each once."""
    out: list[T] = []
    flaws: list[Flaw] = []
    for job in jobs:
        try:
            out.append(job())
        except ExpressionError as error:
            flaws += [flaw for flaw in error.flaws if flaw not in flaws]
    if flaws:
        raise ExpressionError(flaws)
    return out
