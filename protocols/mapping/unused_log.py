"""What was received and not used: counted by route, reason and place, with an example each; bounded."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog

from gateway.domain.language_values import Phrase
from gateway.domain.text import catalogue
from protocols.mapping.unused_fields import UNREAD

log = structlog.get_logger()

PLACES = 64
"""Places counted one by one per route and reason; those beyond are counted together, as `…`."""
KEPT = 2048
"""Bytes of an example's payload."""
OTHERS = "…"


@dataclass(frozen=True, slots=True)
class Unused:
    """`count` messages (or elements) of a parcel had something at `place` that nobody used; one of them as example.

    `route` counts from 0. `reason`: unread, no_point, no_component, or why an element was left out.
    """

    route: int
    reason: str
    place: str
    detail: str
    count: int
    topic: str
    payload: bytes
    received: int


@dataclass(slots=True)
class UnusedEntry:
    """Counted since the start, at `place` (`…` = places beyond those counted one by one). `first`: the example; `last`:
    µs."""

    place: str
    first: Unused
    count: int
    last: int


class UnusedLog:
    """One source's. Written by the source; others read `entries()`."""

    def __init__(self) -> None:
        self._entries: dict[tuple[int, str, str], UnusedEntry] = {}
        self._places: Counter[tuple[int, str]] = Counter()
        self.totals: Counter[tuple[int, str]] = Counter()
        """By route and reason."""

    def add(self, found: Iterable[Unused]) -> list[Unused]:
        """Count; returns the first of each route and reason."""
        first: list[Unused] = []
        for one in found:
            kind = (one.route, one.reason)
            if kind not in self.totals:
                first.append(one)
            self.totals[kind] += one.count
            key = (*kind, one.place)
            entry = self._entries.get(key)
            if entry is None and self._places[kind] >= PLACES:
                key = (*kind, OTHERS)
                entry = self._entries.get(key)
            if entry is None:
                self._places[kind] += 1
                self._entries[key] = UnusedEntry(key[2], one, one.count, one.received)
            else:
                entry.count += one.count
                entry.last = one.received
        return first

    def by_filter(self, filters: Sequence[str]) -> list[tuple[str, UnusedEntry]]:
        """(the route's filter, what was counted); `filters` are those of the routes, in their order."""
        return [(filters[route], entry) for (route, _, _), entry in self._entries.items() if route < len(filters)]

    def entries(self) -> list[tuple[tuple[int, str, str], UnusedEntry]]:
        """(route, reason, place) and what was counted, in the order they were met."""
        return list(self._entries.items())


def log_unused(source: str, first: Unused) -> None:
    """The first of its kind: what comes after it is counted (`GET /v1/unused`)."""
    key = f"trial.why.{first.reason}"
    fields = {
        "source": source,
        "route": first.route,
        "place": first.place,
        "reason": first.reason,
        "why": Phrase(key) if key in catalogue() else first.reason,
        "detail": first.detail,
        "topic": first.topic,
    }
    if first.reason == UNREAD:
        log.info("part of a message is not used", **fields)
    else:
        log.warning("part of a message is not used", **fields)
