"""Where a value of a route stands when that is more than one path: a constant, a value with its unit or its time."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from protocols.mapping.path import Missed, Path, scalar_text

ABSENT: Any = object()
"""Instead of a raw time that is not there, where the receive time stands in."""


class ValuePlace(Protocol):
    """What a row takes a raw value from."""

    @property
    def text(self) -> str:
        """As the configuration writes it, for messages."""

    @property
    def parts(self) -> tuple[Path, ...]:
        """All paths that are read."""

    @property
    def steps(self) -> tuple[object, ...]:
        """Of a path; empty = the whole document."""

    @property
    def root(self) -> bool:
        """From the top of the message."""

    @property
    def keys(self) -> tuple[str, ...] | None:
        """The steps of a path when all of them are object keys."""

    def reach(self, body: Any, root: Any) -> Any:
        """The raw value. Raises KeyError, IndexError or TypeError when there is none."""


@dataclass(frozen=True, slots=True)
class _Several:
    """More than one path, or none: the hot path of the mapper does not take it."""

    @property
    def steps(self) -> tuple[object, ...]:
        return (self,)

    @property
    def root(self) -> bool:
        return False

    @property
    def keys(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Constant(_Several):
    """The same value with every message."""

    value: Any

    @property
    def text(self) -> str:
        return str(self.value)

    @property
    def parts(self) -> tuple[Path, ...]:
        return ()

    def reach(self, body: Any, root: Any) -> Any:  # noqa: ARG002 - as ValuePlace
        return self.value


@dataclass(frozen=True, slots=True)
class Joined(_Several):
    """Texts or numbers of several paths, joined by a blank: a date and a time."""

    parts: tuple[Path, ...]

    @property
    def text(self) -> str:
        return " + ".join(path.text for path in self.parts)

    def reach(self, body: Any, root: Any) -> Any:
        texts = [scalar_text(path.reach(body, root)) for path in self.parts]
        if None in texts:
            raise TypeError(self.text)
        return " ".join(str(text) for text in texts)


class Measured(NamedTuple):
    """A raw value and the text of its unit; None = the message names none."""

    value: Any
    unit: str | None


@dataclass(frozen=True, slots=True)
class WithUnit(_Several):
    """A value whose unit stands beside it."""

    value: Path
    unit: Path

    @property
    def text(self) -> str:
        return self.value.text

    @property
    def parts(self) -> tuple[Path, ...]:
        return self.value, self.unit

    def reach(self, body: Any, root: Any) -> Any:
        value = self.value.reach(body, root)
        try:
            return Measured(value, scalar_text(self.unit.reach(body, root)))
        except Missed:
            return Measured(value, None)


@dataclass(frozen=True, slots=True)
class WithTime(_Several):
    """A value whose moment stands elsewhere than that of the message: (raw value, raw time)."""

    value: ValuePlace
    time: ValuePlace
    optional: bool

    @property
    def text(self) -> str:
        return self.value.text

    @property
    def parts(self) -> tuple[Path, ...]:
        return (*self.value.parts, *self.time.parts)

    def reach(self, body: Any, root: Any) -> Any:
        value = self.value.reach(body, root)
        try:
            return value, self.time.reach(body, root)
        except Missed:
            if not self.optional:
                raise TimeMissing(self.time.text) from None
            return value, ABSENT


class TimeMissing(Exception):
    """A value is there, and its moment is not; the text is where it should be."""
