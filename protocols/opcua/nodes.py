"""Nodes bound to the points of devices: what a server sends in, (value, quality) out. Pure."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gateway.domain.device import Device, Point, PointKind
from gateway.domain.errors import ConfigError, DecodeError, Problem
from gateway.domain.linear import Linear, conversion
from gateway.domain.no_data_texts import is_no_data
from gateway.domain.reading import Quality
from protocols.mapping.number import parse_number
from protocols.opcua.profile import NODE, NodeConfig, OpcUaMap, misfits

BAD = (math.nan, Quality.BAD)
_SEVERITY = 0xC000_0000
_UNCERTAIN = 0x4000_0000
_OVERFLOW = 0x0400 | 0x0080
_NO_SUCH_NODE = (0x8033_0000, 0x8034_0000)
"""BadNodeIdInvalid, BadNodeIdUnknown (OPC 10000-6, annex A)."""
_LONGEST = 200
"""Characters of a text that becomes a state."""


@dataclass(frozen=True, slots=True)
class SentValue:
    """A DataValue (OPC 10000-4, 7.11) in plain Python: number, bool, str, bytes, list of these, or None; the status
    code; the times of source and server, µs, None = not sent. `other`: the type of a value that is none of these."""

    value: object
    status: int = 0
    source: int | None = None
    server: int | None = None
    other: str = ""

    @property
    def quality(self) -> Quality:
        """Severity of the status code (OPC 10000-4, 7.39.1): its two highest bits."""
        severity = self.status & _SEVERITY
        return Quality.GOOD if severity == 0 else Quality.UNCERTAIN if severity == _UNCERTAIN else Quality.BAD

    @property
    def overflow(self) -> bool:
        """The server had to drop values before this one: its queue was full (info type DataValue, bit Overflow)."""
        return self.status & _OVERFLOW == _OVERFLOW

    @property
    def no_such_node(self) -> bool:
        """The server no longer has the node; it may have made it anew, with another id."""
        return self.status & 0xFFFF_0000 in _NO_SUCH_NODE

    def moment(self, received: int) -> int:
        """The time of the value: of its source, else of the server, else `received` µs."""
        return next((one for one in (self.source, self.server) if one is not None), received)


@dataclass(frozen=True, slots=True)
class BoundNode:
    """A point of a device and its node: the text of a NodeId, and `steps` of a browse path from it. `linear` leads to
    the unit of the point; `sampling` µs, None = that of the source."""

    device: int
    code: str
    point: int
    name: str
    component: int
    kind: PointKind
    node: str
    steps: tuple[tuple[str, int | None, str], ...]
    index: int | None
    bit: int | None
    linear: Linear
    states: Mapping[int | str, str]
    missing: frozenset[float | str]
    deadband: float
    sampling: int | None
    stale_after: int = 0

    @property
    def place(self) -> str:
        """For people: `CH-1 power`, `CH-1 power #2`."""
        return f"{self.code} {self.name}" + (f" #{self.component}" if self.component else "")

    def value(self, sent: object) -> float | str | None:
        """A number in the unit of the point, the text of a state, or None = no data.

        A number without a text in `states` is the text `raw:<n>`. Raises DecodeError.
        """
        raw = sent if self.index is None else self._element(sent)
        if raw is None or (isinstance(raw, float) and not math.isfinite(raw)):
            return None
        if isinstance(raw, bool):
            raw = int(raw)
        if self.bit is not None:
            raw = self._bit(raw)
        if not isinstance(raw, int | float | str):
            raise DecodeError("type", f"{self.place}: {type(raw).__name__} is no value of a point")
        if raw in self.missing:
            return None
        return self._state(raw) if self.kind is PointKind.STATE else self._number(raw)

    def row(self, sent: SentValue, now: int, code: Callable[[int, str, int], int | None]) -> tuple[float, Quality]:
        """The value as a row of a batch. `now` µs is the time of the server, `code` Directory.state_code. No data is
        bad, an old value (`stale_after`) uncertain. Raises DecodeError."""
        if sent.quality is Quality.BAD:
            return BAD
        if sent.other:
            raise DecodeError("type", f"{self.place}: {sent.other} is no value of a point")
        value, quality = self.value(sent.value), self._quality(sent, now)
        if isinstance(value, str):
            known = code(self.point, value, self.device)
            return BAD if known is None else (float(known), quality)
        return BAD if value is None or not math.isfinite(value) else (value, quality)

    def _quality(self, sent: SentValue, now: int) -> Quality:
        stale = self.stale_after and sent.source is not None and now - sent.source > self.stale_after
        return Quality.UNCERTAIN if stale else sent.quality

    def _element(self, sent: object) -> object:
        assert self.index is not None
        if not isinstance(sent, list):
            raise DecodeError("no_array", f"{self.place}: no array, so it has no element {self.index}")
        if self.index >= len(sent):
            raise DecodeError("index", f"{self.place}: {len(sent)} elements, none with index {self.index}")
        return sent[self.index]

    def _bit(self, raw: object) -> int:
        if not isinstance(raw, int):
            raise DecodeError("bit", f"{self.place}: {type(raw).__name__} has no bits")
        assert self.bit is not None
        return raw >> self.bit & 1

    def _state(self, raw: float | str) -> str | None:
        if isinstance(raw, float):
            if not raw.is_integer():
                raise DecodeError("state", f"{self.place}: {raw} is no state")
            raw = int(raw)
        if isinstance(raw, int):
            return self.states.get(raw, f"raw:{raw}")
        text = raw.strip()
        return self.states.get(text, None if is_no_data(text) else text[:_LONGEST])

    def _number(self, raw: float | str) -> float | None:
        if isinstance(raw, str):
            if is_no_data(raw):
                return None
            try:
                number = parse_number(raw)
            except ValueError:
                raise DecodeError("number", f"{self.place}: {raw[:_LONGEST]!r} is not a number") from None
            return None if number in self.missing else self.linear.value(number)
        return self.linear.value(raw)


def bind(found: OpcUaMap, points: Mapping[tuple[str, int], Point], device: Device, root: str) -> tuple[BoundNode, ...]:
    """The nodes of a device, in the order of the map, component by component. `points` is Directory.points(profile).

    Raises ConfigError with every node that fits no point, no unit, or has no place.
    """
    bound: list[BoundNode] = []
    wrong: list[Problem] = []
    names = {name for name, _ in points}
    for name, node in found.points.items():
        path = f"opcua.points.{name}"
        if name not in names:
            fields: dict[str, object] = {"name": name, "known": ", ".join(sorted(names))}
            wrong.append(Problem(device.profile, path, "opcua.unknown_point", fields))
        for number in range(device.components + 1):
            point = points.get((name, number))
            if point is None:
                continue
            problems = list(_problems(node, point, device, root, number))
            wrong += [Problem(device.profile, path, key, fields) for key, fields in problems]
            if not problems:
                bound.append(_bind(node, point, device, root, number))
    if wrong:
        raise ConfigError(wrong)
    return tuple(bound)


def _problems(
    node: NodeConfig, point: Point, device: Device, root: str, component: int
) -> Iterator[tuple[str, dict[str, object]]]:
    yield from misfits(node, point)
    if node.needs_root and not root:
        yield "opcua.no_root", {"device": device.code}
    elif not NODE.fullmatch(text := node.node_of(root, device.code, component)):
        yield "opcua.node", {"got": text}


def _bind(node: NodeConfig, point: Point, device: Device, root: str, component: int) -> BoundNode:
    factor, offset = (1.0, 0.0) if point.kind is PointKind.STATE else conversion(node.unit, point.unit)
    states: dict[int | str, str] = {text: text for text in point.values if is_no_data(text)}
    states.update(node.map or {})
    return BoundNode(
        device=device.id,
        code=device.code,
        point=point.id,
        name=point.name,
        component=component,
        kind=point.kind,
        node=node.node_of(root, device.code, component),
        steps=node.steps(),
        index=node.index,
        bit=node.bit,
        linear=Linear.of(node.scale * factor, node.offset * factor + offset),
        states=states,
        missing=frozenset(node.missing),
        deadband=node.deadband,
        sampling=node.sampling,
        stale_after=node.stale_after,
    )
