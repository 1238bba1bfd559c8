"""The texts of state points: which were learned, from whom, and which were refused.

A code once given never moves, so a table only grows. What a profile, a code table or a rule names is in it from the
start; what devices bring besides is bounded per device, so that none of them can use up the room of the others.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from gateway.domain.device import Point
from gateway.domain.refused_text import RefusedText

UNKNOWN_DEVICE = -1
"""Device number of texts from an unknown device."""
MOST_REFUSED = 1_000
"""Most (device, point) pairs whose refusals are kept apart."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """Limits for learned texts of a point: per device, in total, and their length in characters."""

    per_device: int = 64
    learned: int = 1024
    longest: int = 64

    def grown(self, point: Point, text: str, device: int) -> Point | str:
        """`point` with one text more, or why it is refused: `long`, `device`, `full`."""
        device = device or UNKNOWN_DEVICE
        brought = point.brought
        if len(text) > self.longest:
            return "long"
        if device != UNKNOWN_DEVICE and brought.count(device) >= self.per_device:
            return "device"
        if len(brought) - brought.count(0) >= self.learned:
            return "full"
        padded = brought + (0,) * (len(point.values) - len(brought))
        return replace(point, values=(*point.values, text), brought=(*padded, device))


def named(point: Point, texts: Iterable[str]) -> Point:
    """`point` with these texts, which do not count as learned from now on. Codes stay as they are."""
    declared = dict.fromkeys(texts)
    values = point.values + tuple(text for text in declared if text not in point.values)
    brought = [0 if text in declared else device for text, device in zip(point.values, point.brought, strict=False)]
    return replace(point, values=values, brought=_short(brought))


def cleared(point: Point, device: int | None = None) -> Point:
    """`point` with the learned texts (or those of this device) no longer counted: codes stay."""
    return replace(point, brought=_short([0 if device in (None, source) else source for source in point.brought]))


def _short(brought: list[int]) -> tuple[int, ...]:
    while brought and not brought[-1]:
        brought.pop()
    return tuple(brought)


class Refusals:
    """`total` since the start; the rest until it is cleared. Not thread-safe."""

    def __init__(self) -> None:
        self.total = 0
        self._of: dict[tuple[str, str, int], RefusedText] = {}

    def __iter__(self) -> Iterator[RefusedText]:
        return iter(tuple(self._of.values()))

    def __len__(self) -> int:
        return len(self._of)

    def add(self, point: Point, device: int, text: str, why: str, at: int) -> bool:
        """Count one; True for the first of this device and point."""
        self.total += 1
        key = (point.profile, point.name, device)
        before = self._of.get(key)
        if before is None and len(self._of) >= MOST_REFUSED:
            return False
        count = 1 if before is None else before.count + 1
        self._of[key] = RefusedText(*key, count, text[:64], why, at)
        return before is None

    def clear(self, profile: str, point: str, device: int | None = None) -> None:
        """Remove the refusals of this point (and device)."""
        self._of = {
            key: one for key, one in self._of.items() if key[:2] != (profile, point) or device not in (None, key[2])
        }
