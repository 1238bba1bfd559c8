"""The engine: journal records in, transitions out. No clock, no randomness, no I/O; the journal is all it obeys."""

from collections.abc import Mapping, Sequence

from gateway.domain.alarm import Transition
from gateway.domain.device import Life
from gateway.domain.duration import SECOND
from gateway.domain.reading import Batch
from gateway.domain.record import (
    Closed,
    CustomerSet,
    CycleDone,
    DeviceSet,
    Down,
    MeterExchanged,
    PointDefined,
    PolicySet,
    Record,
    RuleGone,
    RuleSet,
    SiteSet,
    Tick,
    Unlatch,
)  # fmt: skip
from rules.compiled import Rule
from rules.engine import snapshot
from rules.engine.book import Compile, RuleBook
from rules.engine.emit import Emitter
from rules.engine.frames import Counts, single, views
from rules.engine.fused import Fused
from rules.engine.image import image_of, load_world
from rules.engine.runner import Field, Observe
from rules.engine.signalled import Signalled
from rules.engine.snapshot import SnapshotError
from rules.engine.space import NEVER

__all__ = ["Compile", "Engine", "SnapshotError"]


class Engine:
    """All rules of one partition of one tenant.

    `compile` turns the source of a RuleSet fact into a Rule; `observe` hears of every closed calendar window;
    `scalar` judges reading by reading through the scalar back ends: slow, the reference for the columns.
    """

    def __init__(
        self, partition: int, compile: Compile, tenant: str, *, observe: Observe | None = None, scalar: bool = False  # noqa: A002
    ) -> None:  # fmt: skip
        self.partition, self.tenant, self.seq, self.now = partition, tenant, 0, 0
        self.counts = Counts()
        self._field = Field(Emitter(partition, tenant), scalar=scalar, observe=observe)
        self._world = self._field.world
        self._book = RuleBook(compile, self._field)
        self._fused: dict[str, Fused] = {}
        self._fresh: dict[int, None] = {}

    @property
    def rules(self) -> Mapping[str, tuple[RuleSet, Rule]]:
        """Rule id -> the fact in force and its rule."""
        return self._book.rules

    @property
    def broken(self) -> Mapping[str, str]:
        """Rules whose newest source did not compile, with the reason; the revision before stays in force."""
        return self._book.broken

    # --- the one entrance
    def step(self, record: Record) -> list[Transition]:
        """What this record changes, in order. A record at or below the last sequence number changes nothing."""
        if record.seq <= self.seq:
            return []
        self.seq = record.seq
        body = record.body
        if isinstance(body, Batch):
            self._batch(body)
        elif isinstance(body, Tick):
            self._tick(body)
        elif isinstance(body, Down):
            self._field.downs.add(body.last, body.start)
        else:
            self._fact(record)
        self._field.after.settle(self.now)
        return self._field.emitter.finish(record.seq, max(self.now, record.at))

    def next_due(self) -> int | None:
        """When the next timer may be due, µs: a tick then or later fires it. None when nothing waits."""
        due = min((runner.next_due() for runner in self._book.all()), default=NEVER)
        due = min(due, self._field.after.next_due())
        return None if due >= NEVER // 4 else max(due, self.now + SECOND // 10)

    # --- readings and time
    def _batch(self, batch: Batch) -> None:
        self._admit()
        for view in views(self._world, batch, self.counts):
            if self._field.scalar:
                for unit in range(len(view)):
                    alone = single(view, unit)
                    alone.find_spans(self._field.downs)
                    for runner in self._book.of(view.space.kind):
                        runner.frames(alone)
                    alone.commit()
                view.space.newest[view.head] = view.head_t
                continue
            view.find_spans(self._field.downs)
            self._judges(view.space.kind, view.space.capacity).frames(view)
            view.commit()

    def _judges(self, kind: str, capacity: int) -> Fused:
        found = self._fused.get(kind)
        if found is None or found.capacity != capacity or found.version != self._book.version:
            found = self._fused[kind] = Fused(self._book.of(kind), capacity, self._book.version)
        return found

    def _tick(self, tick: Tick) -> None:
        if tick.suspect:
            return
        self._admit()
        self.now = max(self.now, tick.at)
        for runner in self._book.all():
            runner.tick(self.now)

    # --- facts
    def _fact(self, record: Record) -> None:
        match record.body:
            case PointDefined(point=point):
                self._world.set_point(point)
            case DeviceSet():
                self._device(record.body, record.at)
            case SiteSet(site=site):
                changed = self._world.sites.get(site.code) != site
                self._world.sites[site.code] = site
                if changed:
                    self._touch([d.id for d in self._world.devices.values() if d.site == site.code], record.at)
            case CustomerSet(customer=customer):
                changed = self._world.customers.get(customer.code) != customer
                self._world.customers[customer.code] = customer
                if changed:
                    mine = [d.id for d in self._world.devices.values() if d.customer == customer.code]
                    self._touch(mine, record.at)
            case RuleSet():
                self._admit()
                self._book.install(record.body, record.at)
            case RuleGone(id=rule):
                self._admit()
                self._book.drop(rule)
            case PolicySet():
                self._field.after.policy(record.body)
            case Unlatch():
                self._unlatch(record.body, record.at)
            case Closed() | CycleDone():
                self._ended(record.body, record.at)
            case MeterExchanged():
                self._exchange(record.body)
            case _:
                pass  # raw messages, marks and facts of the desk that no rule of this build asks for

    def _device(self, fact: DeviceSet, at: int) -> None:
        before = self._world.devices.get(fact.device.id)
        if before == fact.device:
            return
        _, left = self._world.set_device(fact.device)
        if before is None:
            self._fresh[fact.device.id] = None
            return
        if left is not None:
            for runner in self._book.of(left.space.kind):
                runner.refresh(left.things, at, "out_of_scope")
        self._touch([fact.device.id], at)

    def _admit(self) -> None:
        """Devices that were added since: they have no readings yet, so nobody has to be asked now."""
        if not self._fresh:
            return
        fresh, self._fresh = list(self._fresh), {}
        by_kind: dict[str, list[int]] = {}
        for device in fresh:
            row = self._world.rows[device]
            by_kind.setdefault(row.space.kind, []).extend(row.things)
        for kind, things in by_kind.items():
            for runner in self._book.of(kind):
                runner.refresh(things, self.now, "")

    def _touch(self, devices: Sequence[int], at: int) -> None:
        """Attributes of these devices changed at `at` µs."""
        self._admit()
        for device in devices:
            row = self._world.rows[device]
            retired = self._world.devices[device].life is Life.RETIRED
            for runner in self._book.of(row.space.kind):
                runner.refresh(row.things, at, "retired" if retired else "out_of_scope")
                runner.revalue(row.things, at)

    def _unlatch(self, fact: Unlatch, at: int) -> None:
        row = self._world.rows.get(fact.device)
        if row is None or fact.component >= len(row.things):
            return
        for runner in self._book.runners.get(fact.rule, ()):
            thing = row.things[fact.component]
            if runner.space is row.space and runner.watched[thing]:
                runner.unlatch(thing, at)

    def _ended(self, fact: Closed | CycleDone, at: int) -> None:
        row = self._world.rows.get(fact.device)
        if row is None or fact.component >= len(row.things):
            return
        thing = row.things[fact.component]
        for runner in self._book.runners.get(fact.rule, ()):
            if runner.space is row.space and runner.watched[thing]:
                if isinstance(fact, CycleDone):
                    runner.cycle(thing, fact.reading, at)
                else:
                    runner.closed(thing, at)

    def _exchange(self, fact: MeterExchanged) -> None:
        row, point = self._world.rows.get(fact.device), self._world.points.get(fact.point)
        if row is None or point is None:
            return
        self._admit()
        for runner in self._book.of(row.space.kind):
            if isinstance(runner, Signalled):
                for thing in row.things:
                    if row.space.things[thing].component in {0, point.component} or point.component == 0:
                        runner.exchange(thing, point.name, fact.start, fact.at)

    # --- snapshot
    def snapshot(self) -> bytes:
        """Everything at `seq`: restoring it and replaying what came later equals never having stopped."""
        self._admit()
        facts = [fact for fact, _ in self.rules.values()]
        return snapshot.encode(image_of(self, self._field, facts, self._book.runners))

    @classmethod
    def restore(
        cls, blob: bytes, compile: Compile, *, observe: Observe | None = None, scalar: bool = False  # noqa: A002
    ) -> "Engine":  # fmt: skip
        """The engine of a snapshot. Raises SnapshotError, and ConfigError when a rule in it no longer compiles."""
        image = snapshot.decode(blob)
        engine = cls(image.partition, compile, image.tenant, observe=observe, scalar=scalar)
        engine.seq, engine.now, engine.counts = image.seq, image.now, Counts(**image.counts)
        load_world(image, engine._field)
        engine._book.restore(image.rules)
        for held in image.runners:
            for runner in engine._book.runners[held.rule]:
                if runner.space.kind == held.kind:
                    runner.refresh(range(len(runner.space)), image.now, "")
                    runner.load({name: snapshot.array(table) for name, table in held.tables.items()})
                    runner.load_extra(held.extra)
        engine._field.after.load(image.after)
        return engine
