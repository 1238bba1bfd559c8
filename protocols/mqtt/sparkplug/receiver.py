"""Sparkplug messages -> readings, dead letters, signs of presence, and what is to be asked again. Pure but for the
registry: times come with the messages."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from gateway.domain.clocks import older_than_retention
from gateway.domain.device import Device
from gateway.domain.duration import iso
from gateway.domain.errors import DecodeError
from gateway.domain.reading import I64
from gateway.domain.record import Raw
from gateway.ports import Directory
from protocols.mapping.binding import LONGEST, SentBy
from protocols.mapping.column import BAD, DROPPED, UNCERTAIN
from protocols.mapping.joined_batch import joined_batch
from protocols.mapping.mapper import Mapped
from protocols.mapping.row_shape import RowBlock
from protocols.mapping.unused_fields import NO_COMPONENT, NO_POINT, UNREAD
from protocols.mapping.unused_log import KEPT, Unused
from protocols.mapping.work import Message, dead_letter
from protocols.mqtt.presence_sign import PresenceSign
from protocols.mqtt.sparkplug.binding import ON_PURPOSE, BoundMetric, MetricBindings
from protocols.mqtt.sparkplug.datatypes import UNUSED, DataType, Value, WrongType, value_of
from protocols.mqtt.sparkplug.node import MOST_NODES, Births, DeclaredMetric, NodeName, NodeSessions
from protocols.mqtt.sparkplug.payload import Metric, Payload, decode_payload
from protocols.mqtt.sparkplug.sparkplug_config import NAMESPACE, SparkplugConfig

_MS: Final = 1_000
_LAST: Final = 253_402_300_799_000  # ms, end of the year 9999
_QUALITY_GOOD: Final = 192
_QUALITY_BAD: Final = 0
BIRTHS: Final = ("NBIRTH", "DBIRTH")
KINDS: Final = (*BIRTHS, "NDATA", "DDATA", "NDEATH", "DDEATH")


class _Address(NamedTuple):
    kind: str
    name: NodeName
    device: str
    """"" = the node itself."""


@dataclass(slots=True)
class _Work:
    """One call of `map`. Rows are (ordinal, device, point, at, value, quality)."""

    rows: list[tuple[int, int, int, int, float, int]] = field(default_factory=list)
    errors: dict[int, DecodeError] = field(default_factory=dict)
    unused: list[tuple[int, str, str, str]] = field(default_factory=list)
    """(ordinal, reason, metric, detail)"""
    dropped: Counter[int] = field(default_factory=Counter)

    def failed(self, ordinal: int, error: DecodeError) -> None:
        """The first flaw of a message counts."""
        self.errors.setdefault(ordinal, error)


class SparkplugReceiver:
    """All nodes of a source. `longest` bytes of a payload; `route`: the number under which what nobody used is
    counted."""

    def __init__(
        self,
        source: str,
        config: SparkplugConfig,
        directory: Directory,
        sent: SentBy,
        *,
        nodes: NodeSessions,
        longest: int,
        retention: int = 0,
        route: int = 0,
    ) -> None:
        self.bindings = MetricBindings(config, directory, sent)
        self.nodes = nodes
        self.signs: list[PresenceSign] = []
        """Of the last call of `map`, by place in the call."""
        self._source, self._directory = source, directory
        self._groups = frozenset(config.groups)
        self._longest, self._retention, self._route = longest, retention, route

    def takes(self, topic: str) -> bool:
        """Whether a message is for this receiver: below the namespace, and of a group of the configuration."""
        return is_sparkplug(topic) and (not self._groups or topic.split("/", 2)[1] in self._groups)

    def map(self, messages: Sequence[Message], received: I64) -> Mapped:
        """As `Mapper.map`, of messages below `spBv1.0/`."""
        self.bindings.refresh()
        self.signs = []
        work = _Work()
        for ordinal, message in enumerate(messages):
            try:
                self._take(ordinal, message, int(received[ordinal]), work)
            except _Passed:
                continue
            except DecodeError as error:
                work.failed(ordinal, error)
        return self._assembled(messages, received, work)

    # ---- one message ------------------------------------------------------------------------------------------
    def _take(self, ordinal: int, message: Message, now: int, work: _Work) -> None:
        if damaged := getattr(message, "damaged", ""):
            raise DecodeError("bad_packet", damaged)
        address = _address(message.topic)
        if address is None or message.retain:  # births and data are never retained (section 5): of what time is it?
            return
        if len(message.payload) > self._longest:
            raise DecodeError("too_large", f"{len(message.payload)} bytes, at most {self._longest}")
        payload = decode_payload(message.payload)
        kind, name, code = address.kind, address.name, self.bindings.code(address.name, address.device)
        device = None if code is None else self._directory.device(code)
        if device is not None and len(self.nodes.ours) < MOST_NODES:
            self.nodes.ours.add(name)
        births = self._session(address, payload, now, ordinal, known=device is not None)
        dead = kind.endswith("DEATH")
        if device is not None:
            self.signs.append(PresenceSign(ordinal, device.id, online=not dead))
        if address.device:
            self._node_lives(ordinal, name)
        if dead:
            return
        if device is not None:
            self._metrics(ordinal, device, address, payload, births, now, work)
        elif code is not None:
            raise DecodeError("unknown_device", code[:120])

    def _session(self, address: _Address, payload: Payload, now: int, ordinal: int, *, known: bool) -> Births:
        """What the message does to the session of its node -> what its aliases mean. Births are kept of devices of the
        list (`known`) alone."""
        kind, name, device = address
        if kind == "NDEATH":
            gone = self.nodes.node_death(name, _bd_seq(payload))
            if gone is None:  # of a session of before: the node is there
                raise _Passed
            self._gone(ordinal, name, gone)
            return Births()
        if kind in BIRTHS:
            births = _births(payload) if known else Births()
            if kind == "NBIRTH":
                self._gone(ordinal, name, self.nodes.node_birth(name, payload.seq, _bd_seq(payload), births))
            else:
                self.nodes.follows(name, payload.seq, now)
                if known:
                    self.nodes.device_birth(name, device, births)
            return births
        self.nodes.follows(name, payload.seq, now)
        session = self.nodes.session(name)
        if kind == "DDEATH":
            self.nodes.device_death(name, device)
        elif known and session.born and device not in session.devices:
            self.nodes.unknown(name, now)
        return session.devices.get(device, Births()) if session.born else Births()

    def _node_lives(self, ordinal: int, name: NodeName) -> None:
        """Whatever a node publishes for a device shows that the node itself is there."""
        code = self.bindings.code(name, "")
        node = None if code is None else self._directory.device(code)
        if node is not None:
            self.signs.append(PresenceSign(ordinal, node.id, online=True))

    def _gone(self, ordinal: int, name: NodeName, devices: Sequence[str]) -> None:
        for one in devices:
            code = self.bindings.code(name, one)
            device = None if code is None else self._directory.device(code)
            if device is not None:
                self.signs.append(PresenceSign(ordinal, device.id, online=False))

    # ---- metrics ----------------------------------------------------------------------------------------------
    def _metrics(
        self, ordinal: int, device: Device, address: _Address, payload: Payload, births: Births, now: int, work: _Work
    ) -> None:
        before, rows = len(work.unused), len(work.rows)
        for metric in payload.metrics:
            declared = births.by_alias.get(metric.alias) if metric.alias is not None else None
            if metric.name is not None:  # a name is certain, whatever is known of the alias
                declared = births.by_name.get(metric.name) or DeclaredMetric(metric.name, metric.datatype, metric.unit)
            if declared is None:
                if self.nodes.session(address.name).born:
                    self.nodes.unknown(address.name, now)
                work.failed(ordinal, DecodeError("no_birth", f"alias {metric.alias}"))
                continue
            try:
                self._metric(ordinal, device, metric, declared, _moment(metric, payload, now), work)
            except WrongType as error:
                if metric.name is None:  # the alias may mean something else by now
                    self.nodes.unknown(address.name, now)
                work.failed(ordinal, DecodeError("bad_payload", f"{declared.name}: {error}"))
        nowhere = [detail for _, reason, _, detail in work.unused[before:] if reason == NO_POINT]
        if nowhere and len(work.rows) == rows:
            work.failed(ordinal, DecodeError("no_points", nowhere[0]))

    def _metric(
        self, ordinal: int, device: Device, metric: Metric, declared: DeclaredMetric, at: int, work: _Work
    ) -> None:
        datatype = metric.datatype or declared.datatype
        if declared.datatype and datatype != declared.datatype:
            raise WrongType(f"type {datatype}, its birth had {declared.datatype}")
        unit = metric.unit or declared.unit
        if datatype in UNUSED:
            if self.bindings.bound(device, declared.name, unit) is not ON_PURPOSE:
                work.unused.append((ordinal, UNREAD, declared.name, UNUSED[datatype]))
            return
        empty = metric.null or not metric.field or metric.quality == _QUALITY_BAD
        value = None if empty else value_of(datatype, metric.field, metric.raw)
        if datatype >= DataType.INT8_ARRAY and value is None:
            return  # how many elements there would be is not known
        parts: list[tuple[str, Value | None]] = [(declared.name, value)]
        if isinstance(value, tuple):
            parts = [(f"{declared.name}[{index}]", one) for index, one in enumerate(value)]
        for name, one in parts:
            bound = self.bindings.bound(device, name, unit)
            if isinstance(bound, BoundMetric):
                self._reading(ordinal, device, bound, one, metric, at, work)
            elif bound.reason:
                work.unused.append((ordinal, bound.reason, name, bound.detail))
                if bound.reason == NO_COMPONENT:
                    work.failed(ordinal, DecodeError(NO_COMPONENT, bound.detail))

    def _reading(
        self,
        ordinal: int,
        device: Device,
        bound: BoundMetric,
        value: Value | None,
        metric: Metric,
        at: int,
        work: _Work,
    ) -> None:
        found, quality = bound.column.one(value, device.id)
        if quality == DROPPED:
            work.dropped[ordinal] += 1
            work.failed(ordinal, DecodeError("state_overflow"))
            return
        if metric.quality is not None and not _QUALITY_GOOD <= metric.quality < 256:
            quality = min(quality, UNCERTAIN)
        work.rows.append((ordinal, device.id, bound.point, at, found, quality))

    # ---- all of them ------------------------------------------------------------------------------------------
    def _assembled(self, messages: Sequence[Message], received: I64, work: _Work) -> Mapped:
        block = self._kept(_block(work.rows), received, work)
        accepted = np.zeros(len(messages), np.bool_)
        accepted[block.ordinal] = True
        rejected, rejected_at, partial = list[Raw](), list[int](), list[Raw]()
        for ordinal, error in sorted(work.errors.items()):
            letter = dead_letter(self._source, messages[ordinal], int(received[ordinal]), error)
            if accepted[ordinal]:
                partial.append(letter)
            else:
                rejected.append(letter)
                rejected_at.append(ordinal)
        unused = tuple(
            Unused(
                self._route,
                reason,
                place,
                detail,
                1,
                messages[ordinal].topic[:LONGEST],
                bytes(messages[ordinal].payload[:KEPT]),
                int(received[ordinal]),
            )
            for ordinal, reason, place, detail in work.unused
        )
        batch = joined_batch([block], accepted, received)
        return Mapped(
            batch,
            tuple(rejected),
            len(messages) - batch.frames - len(rejected),
            bad=int(np.count_nonzero(batch.quality == BAD)),
            uncertain=int(np.count_nonzero(batch.quality == UNCERTAIN)),
            state_overflow=work.dropped.total(),
            partial=tuple(partial),
            unused=unused,
            rejected_at=tuple(rejected_at),
            accepted_at=np.flatnonzero(accepted),
        )

    def _kept(self, block: RowBlock, received: I64, work: _Work) -> RowBlock:
        """Without what is older than the store keeps."""
        old = older_than_retention(block.at, received[block.ordinal], self._retention)
        if old is None:
            return block
        for ordinal, at in zip(block.ordinal[old].tolist(), block.at[old].tolist(), strict=True):
            work.failed(ordinal, DecodeError("older_than_retention", f"of {iso(at)}"))
        return block.select(~old)


class _Passed(Exception):
    """The message is understood, and nothing follows from it."""


def is_sparkplug(topic: str) -> bool:
    """Whether a topic belongs to the namespace."""
    return topic.startswith(f"{NAMESPACE}/")


def _address(topic: str) -> _Address | None:
    """None: another kind of message (a command, the state of a host)."""
    _, *levels = topic.split("/")
    if len(levels) < 3 or levels[1] not in KINDS or len(levels) != (3 if levels[1][0] == "N" else 4):
        return None
    group, kind, node, *device = levels
    return _Address(kind, NodeName(group, node), device[0] if device else "")


def _births(payload: Payload) -> Births:
    """An alias that stands for two names stands for none."""
    found, twice = Births(), set[int]()
    for metric in payload.metrics:
        if metric.name is None:
            continue
        declared = found.by_name[metric.name] = DeclaredMetric(metric.name, metric.datatype, metric.unit)
        if metric.alias is not None:
            if metric.alias in found.by_alias:
                twice.add(metric.alias)
            found.by_alias[metric.alias] = declared
    for alias in twice:
        del found.by_alias[alias]
    return found


def _bd_seq(payload: Payload) -> int | None:
    raw = next((metric.raw for metric in payload.metrics if metric.name == "bdSeq" and metric.field), None)
    return raw if type(raw) is int else None


def _moment(metric: Metric, payload: Payload, now: int) -> int:
    """µs: of the metric, else of the message, else of its receipt."""
    stamp = metric.timestamp or payload.timestamp
    return stamp * _MS if stamp and stamp <= _LAST else now


def _block(rows: Sequence[tuple[int, int, int, int, float, int]]) -> RowBlock:
    columns = list(zip(*rows, strict=True)) or [()] * 6
    kinds = (np.int32, np.int32, np.int32, np.int64, np.float64, np.uint8)
    return RowBlock(*(np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)))  # type: ignore[arg-type]
