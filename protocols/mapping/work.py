"""What one call of the mapper collects on its way."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from gateway.domain.errors import DecodeError
from gateway.domain.record import Raw
from protocols.mapping.binding import LONGEST
from protocols.mapping.row_shape import RowShape
from protocols.mapping.unused_fields import Left, Unread

_KEPT_OF_TOO_LARGE: Final = 1024
"""Bytes."""


class Message(Protocol):
    """What the mapper needs of a PUBLISH. An attribute `damaged` holds why its packet could not be read."""

    topic: str
    payload: bytes
    retain: bool


@dataclass(slots=True)
class MappingWork:
    """One call of `Mapper.map`."""

    touched: list[RowShape] = field(default_factory=list)
    reasons: dict[int, DecodeError] = field(default_factory=dict)
    ignored: set[int] = field(default_factory=set)
    failures: Counter[str] = field(default_factory=Counter)
    retained: list[int] = field(default_factory=list)
    """Replays: their age is unknown unless they bring a time of their own."""
    left: list[Left] = field(default_factory=list)
    elements: list[tuple[int, int, Unread]] = field(default_factory=list)
    """(message, route, what was left out of it)"""
    routes: dict[int, int] = field(default_factory=dict)
    unnamed: dict[int, DecodeError] = field(default_factory=dict)
    """Why an element names nothing we know: no fault of a message otherwise good."""

    def leaves(self, left: Left | None, ordinal: int) -> None:
        """The message leaves this over."""
        if left is not None:
            if not left.count:
                left.ordinal = ordinal
                self.left.append(left)
            left.count += 1
            if left.lost is not None:
                self.reasons.setdefault(ordinal, left.lost)

    def note(self, watched: frozenset[int]) -> None:
        """Which of the routes took which message; before the rows are built."""
        for shape in self.touched if watched else ():
            if shape.route in watched:
                self.routes.update(dict.fromkeys(shape.ordinals, shape.route))

    def failed(self, ordinal: int, error: DecodeError) -> None:
        self.reasons.setdefault(ordinal, error)
        self.failures[error.reason] += 1

    def add(self, shape: RowShape, ordinal: int, device: int, row: tuple[Any, ...]) -> None:
        if not shape.values:
            self.touched.append(shape)
        shape.values += row
        shape.ordinals.append(ordinal)
        shape.devices.append(device)


def dead_letter(source: str, message: Message, received: int, error: DecodeError) -> Raw:
    """A message that could not become readings, with its payload; of one that is too large, the beginning."""
    payload = message.payload[:_KEPT_OF_TOO_LARGE] if error.reason == "too_large" else message.payload
    return Raw(source, message.topic[:LONGEST], error.reason, bytes(payload), received, error.detail)
