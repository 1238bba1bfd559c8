"""What of a document no route uses, place by place: worked out once per set of keys, then remembered."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from gateway.domain.errors import DecodeError
from protocols.mapping.path import Path, Pick, Step, picked

UNREAD = "unread"
"""Nothing of the route points there."""
NO_POINT = "no_point"
"""The route points there, but the device's profile has no point of that name."""
NO_COMPONENT = "no_component"
"""The point is there, but not for this connector."""

_PLANS = 256  # sets of keys remembered, and keys in one object, at most
_LONGEST = 120
_PLAIN = re.compile(r"[^.\[\]\"$*\s]+")


@dataclass(frozen=True, slots=True)
class Unread:
    """A place that holds something nobody uses."""

    reason: str
    place: str
    detail: str = ""


class Left:
    """What messages with one set of keys leave over. `count` and `ordinal` (of the first) belong to one parcel.

    `lost`: each of these messages leaves a dead letter for it, too: somebody's fault may be in there.
    """

    __slots__ = ("count", "lost", "ordinal", "places", "route")

    def __init__(self, route: int, places: tuple[Unread, ...]) -> None:
        self.route, self.places = route, places
        self.count = self.ordinal = 0
        gone = next((one for one in places if one.reason == NO_COMPONENT), None)
        self.lost = None if gone is None else DecodeError("no_component", gone.detail)


class _Node:
    """One step of the paths. `reason` None = goes on below, "" = used, else why it is not."""

    __slots__ = ("detail", "items", "keys", "peeked", "reason", "rest")

    def __init__(self) -> None:
        self.keys: dict[str, _Node] = {}
        self.items: dict[int | Pick, _Node] = {}
        self.reason: str | None = None
        self.detail = ""
        self.rest = False  # whatever else stands here is left out on purpose
        self.peeked = False  # asked whether something is there: that uses a number or a text, not what is inside of it

    def below(self, step: Step) -> "_Node":
        if isinstance(step, str):
            return self.keys.setdefault(step, _Node())
        if step not in self.items:
            self.items[step] = node = _Node()
            if isinstance(step, Pick):  # what it is chosen by is used
                for key, _ in step.wanted:
                    chosen = node
                    for part in key.split("."):
                        chosen = chosen.keys.setdefault(part, _Node())
                    chosen.reason = ""
        return self.items[step]


@dataclass(frozen=True, slots=True)
class FieldUse:
    """A path and what is done there: `reason` "" = used, None = asked whether it exists."""

    path: Path
    reason: str | None = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Ignored:
    """One entry of `ignore`: a place, or with `rest` all that is below it and not used."""

    path: Path
    rest: bool


class UnreadPlaces:
    """The places of one route in one document (or element), as one profile has them.

    `certain` are top-level keys that every document of the full shape has; when they are all there is, `width` is how
    many: a document with as many keys leaves nothing. -1 when the number of keys does not decide it.
    """

    def __init__(
        self, route: int, places: Iterable[FieldUse], ignored: Iterable[Ignored], certain: Collection[str] = ()
    ) -> None:
        self.route = route
        self._top = top = _Node()
        for place in sorted(places, key=lambda place: place.reason == ""):  # used by one point is used
            node = top
            for step in place.path.steps:
                node = node.below(step)
            if place.reason is None:
                node.peeked = True
            else:
                node.reason, node.detail = place.reason, place.detail
        for one in ignored:
            node = top
            for step in one.path.steps:
                node = node.below(step)
            if one.rest:
                node.rest = True
            elif node.reason is None:
                node.reason = ""
        self._inner: tuple[tuple[str, ...], ...] | None = tuple(_inner(top, ())) if _keys_only(top) else None
        self._plans: dict[Any, Left | None] = {}
        self._flat = self._inner == ((),)
        self.width = len(set(certain)) if self._flat else -1

    def of(self, document: Any) -> Left | None:
        """What this one leaves over; None = nothing."""
        if self._inner is None:
            return self._look(document)
        if self._flat and type(document) is dict:
            return self._planned((tuple(document),), document)
        found: list[Any] = []
        for parents in self._inner:
            node = document
            for key in parents:
                node = node.get(key) if type(node) is dict else None
            found.append(tuple(node) if type(node) is dict else None)
        return self._planned(tuple(found), document)

    def _planned(self, keys: tuple[Any, ...], document: Any) -> Left | None:
        try:
            return self._plans[keys]
        except KeyError:
            left = self._look(document)
            if len(self._plans) < _PLANS and all(part is None or len(part) <= _PLANS for part in keys):
                self._plans[keys] = left
            return left

    def _look(self, document: Any) -> Left | None:
        found: list[Unread] = []
        _walk(self._top, document, "", found)
        return Left(self.route, tuple(found)) if found else None


def _keys_only(node: _Node) -> bool:
    return not node.items and all(_keys_only(below) for below in node.keys.values())


def _inner(node: _Node, path: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    """Objects whose keys decide."""
    if node.reason is None and (node.keys or not path or node.peeked):
        yield path
        for key, below in node.keys.items():
            yield from _inner(below, (*path, key))


def _walk(node: _Node, value: Any, place: str, found: list[Unread]) -> None:
    if node.reason is not None:
        if node.reason:
            found.append(Unread(node.reason, place, node.detail))
    elif type(value) is dict and not node.items:
        for key, inside in value.items():
            below = node.keys.get(key)
            if below is not None:
                _walk(below, inside, joined(place, key), found)
            elif not node.rest:
                found.append(Unread(UNREAD, joined(place, key)))
    elif type(value) is list and node.items:
        _walk_list(node, value, place, found)
    elif not node.rest and not (
        node.peeked and type(value) not in {dict, list}
    ):  # not what the paths expect: {"error": "…"} where a list should be
        found.append(Unread(UNREAD, place or "."))


def _walk_list(node: _Node, items: list[Any], place: str, found: list[Unread]) -> None:
    met: dict[int, list[_Node]] = {}
    for step, below in node.items.items():
        index = step if isinstance(step, int) else picked(items, step)
        if index is not None and index < len(items):
            met.setdefault(index, []).append(below)
    for index, item in enumerate(items):
        here = f"{place}[{index}]"
        if index not in met:
            if not node.rest:
                found.append(Unread(UNREAD, here))
            continue
        parts: list[list[Unread]] = []
        for below in met[index]:
            parts.append([])
            _walk(below, item, here, parts[-1])
        both = set.intersection(*({one.place for one in part} for part in parts))  # used by one path is used
        found += [one for one in parts[0] if one.place in both]


def joined(place: str, key: str) -> str:
    """The path of `key` below `place`, as one writes it, at most 120 characters."""
    if _PLAIN.fullmatch(key):
        return f"{place}.{key}"[:_LONGEST] if place else key[:_LONGEST]
    return f'{place}["{key}"]'[:_LONGEST]
