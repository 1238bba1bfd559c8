"""The ports of the gateway: structural Protocols without bodies. Adapters do not inherit from them.

All times are µs since 1970 UTC; sequence numbers rise by one within a partition.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from gateway.domain.alarm import Transition
from gateway.domain.delivery import Delivery, Receipt
from gateway.domain.device import Customer, Device, Point, Site
from gateway.domain.engine_status import EngineStatus
from gateway.domain.history_request import HistoryJob, HistoryRequest
from gateway.domain.language_values import Phrase
from gateway.domain.metric import MetricSample
from gateway.domain.notice import Recipient
from gateway.domain.plausible import PointLookup
from gateway.domain.reading import I64, Batch, Reading
from gateway.domain.record import Body, Define, Fact, Parcel, Receipts, Record
from gateway.domain.refused_text import RefusedText
from gateway.domain.series import Buckets, Series, SeriesStats, Written

Blocking = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a blocking call in the one thread of a store, one after another, and returns its result or raises its error."""


class Clock(Protocol):
    """Wall clock, never used by rules."""

    def now(self) -> int:
        """µs since 1970 UTC."""


Emit = Callable[[Parcel], Awaitable[None]]
"""Returns when the parcel is on disk: only then may a source acknowledge. Waiting here is the back-pressure.
Several calls may be under way at once. Raises StoreError when the parcel could not be kept (acknowledge nothing)."""


class Source(Protocol):
    """One configured input."""

    @property
    def name(self) -> str:
        """Its key in the configuration."""

    async def run(self, emit: Emit) -> None:
        """Read and emit until cancelled. Raises SourceError only when it needs a restart."""

    def trouble(self) -> Phrase | None:
        """The problem that keeps it from its devices, without addresses or paths; None = none."""

    def samples(self) -> Iterable[MetricSample]:
        """Its present counts: values of `SOURCE_METRICS` and of the metric families of its adapter."""


class Directory(Protocol):
    """The registry as sources and intake use it: names of devices and points -> integers of the columns."""

    @property
    def version(self) -> int:
        """Rises with every change; cached look-ups are then invalid."""

    def device(self, code: str) -> Device | None:
        """The device in service called `code`; None = unknown (quarantine it) or retired."""

    def points(self, profile: str) -> Mapping[tuple[str, int], Point]:
        """(name, component) -> point of a profile; component 0 = the device itself. Empty for an unknown profile."""

    def state_code(self, point: int, text: str, device: int = 0) -> int | None:
        """Code of a state text; unknown texts get the next code, until `device` has sent too many: then None
        (counted)."""

    def pending(self, batch: Batch) -> Sequence[Define]:
        """Definitions that must be journaled before `batch`: ids never written, state tables that grew."""

    def journaled(self, defines: Sequence[Define]) -> None:
        """Record that these definitions are on disk."""


class RegistryView(Directory, PointLookup, Protocol):
    """The registry for display: everything ever known, with retired devices and former revisions. From any thread."""

    def device_by_id(self, device: int) -> Device | None:
        """Any device ever known."""

    def site(self, code: str) -> Site | None:
        """The site called `code`."""

    def contents(self) -> "RegistryContents":
        """All rows."""

    def refused(self) -> Sequence[RefusedText]:
        """State texts refused since they were last cleared, by device and point."""

    def clear_texts(self, profile: str, name: str, device: int | None = None) -> int:
        """Make room for new texts of all devices or of one; returns how many learned texts no longer count. Blocking
        (the desk's thread). Raises KeyError for an unknown state point, StoreError."""

    def remove_customer(self, code: str) -> None:
        """Remove a customer that the store has erased."""


class ReceiptLedger(Protocol):
    """Receipts of the QoS 1 messages of the last receive-maximum, to distinguish a redelivery from a new message."""

    def claim(self, session: str, packet: int, digest: int) -> bool:
        """True, once, when the journal holds this very message: acknowledge it, do not journal it again."""


@dataclass(frozen=True, slots=True)
class Append:
    """One commit: the bodies get consecutive sequence numbers; the receipts are kept with them."""

    bodies: tuple[Body, ...]
    receipts: tuple[Receipts, ...] = ()


class PartitionedLog(Protocol):
    """The journal. Embedded: one partition in a SQLite file; at scale: JetStream, PostgreSQL (DESIGN section 9)."""

    async def append(self, partition: int, entry: Append, at: int) -> tuple[Record, ...]:
        """Durable (fsync) when it returns. Calls made while a commit runs share the next one.

        Raises StoreFull (the class's policy refuses it) or StoreUnavailable; then nothing was kept.
        """

    def read(self, partition: int, after: int, limit: int) -> Sequence[Record]:
        """Records with seq > after, in order, gap-checked, at most `limit`; [] when there are none. Blocking.

        Raises StoreError when `after` is older than what retention kept, and InvariantBroken on a gap or bad checksum.
        """

    async def wait(self, partition: int, after: int) -> Sequence[Record]:
        """Records after `after`, from memory if they are still there; waits for the first one."""

    def head(self, partition: int) -> int:
        """The newest sequence number on disk; 0 when empty."""

    def lease(self, partition: int, owner: str) -> int:
        """Take the partition: a strictly rising epoch. Raises StoreUnavailable while another process holds it."""


class JournalView(Protocol):
    """The journal for display. `wait` runs on the ingest loop, the rest on any thread."""

    def head(self, partition: int) -> int:
        """The newest sequence number on disk; 0 when empty."""

    def last(self, partition: int) -> Record | None:
        """The newest record; None when there is none. Blocking. Raises StoreError."""

    async def wait(self, partition: int, after: int) -> Sequence[Record]:
        """The records after `after`; waits for the first."""

    def dead_letters(self, limit: int, before_seq: int | None = None, tenant: str = "") -> list[Record]:
        """Messages that could not become readings, newest first, below `before_seq`. Blocking."""


class SeriesStore(Protocol):
    """Time-series store. Blocking; called from its own thread. Identity of a row is (device, point, at)."""

    def cursor(self, partition: int) -> int:
        """The last sequence number written. It goes back when acknowledged rows may be lost: they are written again."""

    def secured(self, partition: int) -> int:
        """Up to here nothing is lost any more, so the journal may delete it: `cursor`, if a write ends on a disk."""

    def learn(self, kept: Callable[[], Iterable[Record]]) -> None:
        """Before the first write: `kept` gives the journal's definitions and facts to a store that writes names."""

    def write(self, partition: int, records: Sequence[Record]) -> Written:
        """Store all batches of `records` and move the cursor to the last seq. Idempotent: at or below the cursor
        nothing happens. Raises StoreUnavailable, StoreFull."""

    def range(self, device: int, point: int, start: int, end: int, limit: int = 100_000) -> Series:
        """Readings with start <= at < end, the first `limit`."""

    def aggregate(self, device: int, point: int, start: int, end: int, every: int) -> Buckets:
        """Buckets aligned to `start`, `every` µs wide."""

    def latest(self, device: int) -> Sequence[Reading]:
        """The newest reading of each point of a device."""

    def scan(self, start: int, end: int, devices: Sequence[int] | None = None) -> Iterator[Batch]:
        """All readings of [start, end) in order of `at`, each identity once, in batches. For backtest and rerun."""

    def before(self, moment: int, devices: Sequence[int]) -> Batch:
        """For each of these points of these devices: the newest reading with at < moment, and the newest one with a
        value."""

    def held(self) -> "HeldReadings | None":
        """Readings that no other process can read while this one has the store open; None = other processes read
        everything themselves."""

    def retain(self, before: int) -> int:
        """Delete readings older than `before` and free their space; returns the number of rows deleted."""

    def expire(self, moments: Mapping[int, int]) -> bool:
        """Delete readings of each of these points that are older than its moment (µs), and refuse such readings from
        now on. Every call lists all of them: a point that is not listed is kept like the rest. Works for a short
        while; True: call again."""

    def stats(self) -> SeriesStats:
        """Present size."""

    def close(self) -> None:
        """Flush and close."""


class HeldReadings(Protocol):
    """Readings that only the process that writes the store can read; its API returns them. Blocking, in the thread
    of the store."""

    def rows(self, start: int, end: int, devices: Sequence[int] | None, points: Sequence[int] | None) -> Batch:
        """Readings of [start, end) of these devices and points (None = all), in any order, each identity once."""

    def counts(self, start: int, end: int, width: int) -> I64:
        """Number of these readings in each bucket of `width` µs of [start, end)."""

    def before(self, moment: int, devices: Sequence[int]) -> Batch:
        """As `SeriesStore.before`, for the whole store."""


class Sink(Protocol):
    """One configured endpoint: an OA system or a notice channel."""

    @property
    def name(self) -> str:
        """Its key in the configuration."""

    async def check(self) -> None:
        """Check the configuration at start and in `fieldgate check`, without sending. Raises DeliveryRefused."""

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Send once. Overall at least once: the receiver detects repeats by `delivery.id`.

        Raises DeliveryDeferred (try again) or DeliveryRefused (dead letter).
        """

    async def close(self) -> None:
        """Close its connections."""


@dataclass(frozen=True, slots=True)
class RegistryContents:
    """All rows of the registry: ids are never renumbered, retired devices stay."""

    sites: Sequence[Site]
    customers: Sequence[Customer]
    devices: Sequence[Device]
    points: Sequence[Point]
    revision: int = field(default=0, compare=False)
    """Number of the newest change these rows include, over all tenants; 0 = none."""


@dataclass(frozen=True, slots=True)
class LastIds:
    """The highest ids ever given, over all tenants."""

    device: int = 0
    point: int = 0

    def after(self, rows: RegistryContents) -> "LastIds":
        """The highest ids after `rows` were written."""
        return LastIds(
            max([self.device, *(row.id for row in rows.devices)]),
            max([self.point, *(row.id for row in rows.points)]),
        )


@dataclass(frozen=True, slots=True)
class RegistryChange:
    """Rows to insert or update (complete, with their final ids) and facts for the rules."""

    rows: RegistryContents
    facts: Sequence[Fact]

    def __bool__(self) -> bool:
        return bool(self.facts or self.rows.points or self.rows.customers)


class RegistryStore(Protocol):
    """The registry's rows in the relational store. Blocking; called in the desk's thread."""

    def load(self) -> RegistryContents:
        """All rows of this tenant."""

    def change(
        self, revision: int, decide: Callable[[RegistryContents | None, LastIds], RegistryChange]
    ) -> tuple[RegistryChange, int]:
        """One transaction, and no other writer of the registry meanwhile, in any process.

        `decide` is given all rows when somebody changed them after `revision` (None = nobody did), and the highest ids
        given: new rows take the numbers after them. Its rows are inserted or updated, its facts queued in the control
        outbox. Returns the change and the revision now. `decide` may be called again. Raises StoreError.
        """


class ControlOutbox(Protocol):
    """Facts decided in SQL that must be journaled, in order. Blocking; called in the desk's thread."""

    def pending(self, limit: int) -> Sequence[tuple[int, Fact]]:
        """(row id, fact), oldest first, not yet journaled."""

    def journaled(self, rows: Mapping[int, int]) -> None:
        """Row id -> sequence number of its record. Facts are idempotent: a repeat after a crash changes nothing."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Result of one attempt. `state`: delivered, retry (not before `next_at`) or dead.

    `charge` False: the attempt does not count (the endpoint does not work for anything). `tried` False: nothing was
    sent, the delivery is returned unchanged. `status` is the HTTP status, 0 = none. `excerpt` is a redacted excerpt of
    the response, `latency` µs.
    """

    state: Literal["delivered", "retry", "dead"]
    reason: str = ""
    status: int = 0
    next_at: int = 0
    charge: bool = True
    reference: str = ""
    excerpt: str = ""
    latency: int = 0
    tried: bool = True


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """At most `room` deliveries of one endpoint: those of the highest level first. `longest`: those that wait
    longest, for a probe of an endpoint that does not work, so that no message blocks all others."""

    room: int
    longest: bool = False


class DeliveryQueue(Protocol):
    """The outbox as the relay uses it. Blocking; called in the desk's thread."""

    def exchange(
        self,
        owner: str,
        now: int,
        until: int,
        done: Sequence[tuple[Delivery, Settled]],
        requests: Mapping[str, LeaseRequest],
    ) -> Mapping[str, Sequence[Delivery]]:
        """One transaction: record the results `done`, then lease what is due of each endpoint until `until`. At most
        one per (endpoint, subject), the oldest unsettled, so that events of one work order arrive in order. An
        expired lease is due again. What was settled before stays as it is."""

    def disable(self, endpoint: str, reason: str, now: int) -> None:
        """The endpoint answered 410 Gone: its deliveries wait until a person enables it."""

    def next_due(self, now: int, endpoints: Collection[str]) -> int | None:
        """The earliest time after `now`, µs, at which a delivery of these endpoints may become due; None = there is
        none. What is due already is leased, or blocked by one that is."""


class RuleEngine(Protocol):
    """The rule engine as the pipeline uses it: deterministic, without a clock."""

    def step(self, record: Record) -> Sequence[Transition]:
        """Transitions caused by this record. Records come in order, each once."""

    def snapshot(self) -> bytes:
        """The complete state after the last record stepped."""

    def status(self) -> EngineStatus:
        """Immutable status for other threads, as of now."""

    def warmup_job(self, wanted: HistoryRequest) -> HistoryJob:
        """Evaluator to feed with the history that a rule, or a group of it, requests. Raises KeyError when it no
        longer exists."""


class AlarmDesk(Protocol):
    """Alarms and work orders. Blocking; called in the desk's thread."""

    def cursor(self) -> int:
        """The last sequence number whose transitions are committed."""

    def apply(
        self, transitions: Sequence[Transition], cursor: int, facts: Sequence[tuple[int, Fact]], now: int
    ) -> object:
        """One transaction: alarms, orders, audit, outbox, cursor. What is at or below the cursor is dropped."""

    def tick(self, now: int) -> object:
        """Fire the deadlines that are due."""


class Audience(Protocol):
    """Recipients of notices. Blocking and quick; called inside the desk's transaction."""

    def resolve(self, audience: str, device: int, group: str = "") -> Sequence[Recipient]:
        """The customers behind the name `audience` for a device, or a group (device 0); empty when there is none."""
