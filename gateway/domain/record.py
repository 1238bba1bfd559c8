"""Journal records: the only input of the engine, so that a replay gives the same result (DESIGN section 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import msgspec
from msgspec import Struct

from gateway.domain.counter import NewMeter
from gateway.domain.device import Customer, Device, Point, Site
from gateway.domain.reading import Batch, decode_batch, encode_batch


class RecordKind(IntEnum):
    """Class of a record, for retention (records behind alarms are kept longest) and for finding it without decoding."""

    BATCH = 1
    TICK = 2
    FACT = 3
    DEFINE = 4
    DOWN = 5
    RAW = 6
    RERUN = 7


class Tick(Struct, frozen=True, tag="tick"):
    """Engine time moves to `at` (µs). `suspect`: the gateway's clock ran behind its journal, no timer may fire."""

    at: int
    suspect: bool = False


class Down(Struct, frozen=True, tag="down"):
    """The process was down from `last` (last tick) to `start`, both µs."""

    last: int
    start: int


class Raw(Struct, frozen=True, tag="raw"):
    """A message that could not become readings: a dead letter. `reason` is a short counted label."""

    source: str
    address: str
    reason: str
    payload: bytes
    received: int
    detail: str = ""
    tenant: str = ""
    """Tenant of its source; "" in journals of the first release."""


# Facts: journaled changes needed by the rules.
class SiteSet(Struct, frozen=True, tag="site"):
    """A site was added or changed."""

    site: Site


class CustomerSet(Struct, frozen=True, tag="customer"):
    """A customer was added or changed."""

    customer: Customer


class DeviceSet(Struct, frozen=True, tag="device"):
    """A device was added, changed, moved or retired (`life`)."""

    device: Device


class RuleSet(Struct, frozen=True, tag="rule"):
    """A rule revision takes effect. `source` is the rule as normalised JSON, `zone` the installation's time zone."""

    id: str
    revision: str
    source: bytes
    zone: str
    actor: str = ""


class RuleRemoved(Struct, frozen=True, tag="rule_gone"):
    """A rule was deleted; its open orders stay, with a note."""

    id: str
    actor: str = ""


class PolicySet(Struct, frozen=True, tag="policy"):
    """`quiet` and `limits` of all rule files take effect. `source` is normalised JSON."""

    source: bytes
    zone: str
    actor: str = ""


class Unlatch(Struct, frozen=True, tag="unlatch"):
    """The desk lets a latched alarm (`auto_clear: false`) clear."""

    rule: str
    device: int
    component: int
    actor: str = ""
    group: str = ""
    identity: tuple[str, ...] = ()


class Closed(Struct, frozen=True, tag="closed"):
    """The work order of an episode was closed by a person."""

    rule: str
    device: int
    component: int
    order: str
    actor: str = ""
    group: str = ""
    identity: tuple[str, ...] = ()


class CycleDone(Struct, frozen=True, tag="cycle"):
    """The work of a plan was done at `at` µs (0 = time of the record), at counter `reading` (canonical unit; None = its
    value at that time). `order` is the work order of it."""

    rule: str
    device: int
    component: int
    reading: float | None = None
    actor: str = ""
    at: int = 0
    order: str = ""


class MeterExchanged(Struct, frozen=True, tag="exchanged"):
    """The counter `point` of `device` starts a new baseline at `at` (µs) with `start` (canonical unit).

    `final`: the last value of the old meter, None = not read. Values of the new meter are multiplied by `factor`
    before they are journaled. A fact of the same point and moment replaces the one before; `undone`: there was no
    exchange.
    """

    device: int
    point: int
    at: int
    start: float
    actor: str = ""
    final: float | None = None
    factor: float = 1.0
    undone: bool = False

    @property
    def meter(self) -> NewMeter:
        """The new meter."""
        return NewMeter(self.start, self.at, float("nan") if self.final is None else self.final)


class ReadingsCorrected(Struct, frozen=True, tag="corrected"):
    """A person corrected readings, or took correction `id` back (`undone`). The readings follow as a batch record:
    `batch` (encoded) is empty in the journal."""

    id: str
    batch: bytes = b""
    undone: bool = False
    actor: str = ""


class Rerun(Struct, frozen=True, tag="rerun"):
    """Stored history for a request of the engine: late readings of `device`, or of members of `group` for `rule`, or
    the warm-up of `rule` (no device, no group).

    `wanted` is the sequence number of the record that caused the request. `history` is an encoded batch sorted by time
    (a device), `image` the state of the rule after the history (a group, a warm-up), which holds the readings up to
    record `upto`; both empty = no history is available.
    """

    wanted: int
    device: int = 0
    rule: str = ""
    since: int = 0
    history: bytes = b""
    image: bytes = b""
    group: str = ""
    upto: int = 0


class ImportMark(Struct, frozen=True, tag="import"):
    """History comes in between a mark with `done=False` and one with `done=True` of the same id."""

    id: str
    file: str
    done: bool
    actor: str = ""


class ClockStep(Struct, frozen=True, tag="clock"):
    """The gateway's clock was set from `frm` to `to`, both µs.

    On a step back engine time follows, unless `waits`: then engine time stops until the clock has caught up.
    """

    frm: int
    to: int
    waits: bool = False

    @property
    def goes_back(self) -> bool:
        """True if engine time goes back to `to`."""
        return self.to < self.frm and not self.waits


class DeviceDefined(Struct, frozen=True, tag="define_device"):
    """Integer `id` stands for this device of this tenant from here on."""

    id: int
    tenant: str
    code: str
    profile: str


class PointDefined(Struct, frozen=True, tag="define_point"):
    """Integer `point.id` stands for this point. Written again when its state texts grew."""

    tenant: str
    point: Point


Fact = (
    SiteSet
    | CustomerSet
    | DeviceSet
    | RuleSet
    | RuleRemoved
    | PolicySet
    | Unlatch
    | Closed
    | CycleDone
    | MeterExchanged
    | ReadingsCorrected
    | Rerun
    | ImportMark
    | ClockStep
)
Define = DeviceDefined | PointDefined
Body = Batch | Tick | Fact | Define | Down | Raw
_Plain = Tick | Fact | Define | Down | Raw

_KINDS: dict[type[Any], RecordKind] = {
    Batch: RecordKind.BATCH, Tick: RecordKind.TICK, Down: RecordKind.DOWN, Raw: RecordKind.RAW, Rerun: RecordKind.RERUN,
    DeviceDefined: RecordKind.DEFINE, PointDefined: RecordKind.DEFINE,
}  # fmt: skip
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[_Plain] = msgspec.msgpack.Decoder(_Plain)


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One journal record. `seq` rises by one within a partition; `at` (µs) is the gateway's clock at the append."""

    seq: int
    at: int
    body: Body

    @property
    def kind(self) -> RecordKind:
        """The class of the body."""
        return kind_of(self.body)


def kind_of(body: Body) -> RecordKind:
    """Class of a body."""
    return _KINDS.get(type(body), RecordKind.FACT)


def encode_body(body: Body) -> bytes:
    """Batch as columns, everything else as MessagePack with a tag."""
    return encode_batch(body) if isinstance(body, Batch) else _encoder.encode(body)


def decode_body(kind: int, blob: bytes) -> Body:
    """The inverse of `encode_body`. Raises ValueError (msgspec.ValidationError is one) for a damaged blob."""
    return decode_batch(blob) if kind == RecordKind.BATCH else _decoder.decode(blob)


@dataclass(frozen=True, slots=True)
class Receipts:
    """QoS 1 messages of one MQTT session in a parcel: packet ids u16 and payload hashes u64, in order."""

    session: str
    packets: Sequence[int]
    digests: Sequence[int]


@dataclass(frozen=True, slots=True)
class Parcel:
    """Input of intake from a source: readings, dead letters and the receipts of both.

    `messages` counts messages (or poll cycles) in it, `duplicates` those left out because the journal had them already;
    so messages = journaled + duplicates + len(rejected). `partial`: dead letters of journaled messages with an unusable
    part.
    """

    source: str
    batch: Batch
    rejected: tuple[Raw, ...] = ()
    messages: int = 0
    duplicates: int = 0
    receipts: Receipts | None = None
    partial: tuple[Raw, ...] = ()
