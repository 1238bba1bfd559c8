"""The desk: alarms to orders, exactly once (DESIGN sections 6 and 7).

Blocking; used from the desk's thread. One SQL transaction per 500 transitions carries alarms, orders, audit, outbox,
deliveries, notices and the cursor, so a crash anywhere leaves either all of it or none, and a replay drops what is
there.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from gateway.desk.apply_transitions import TransitionApplier, preload
from gateway.desk.commands import Commands
from gateway.desk.deadlines import DeskDeadlines
from gateway.desk.event_publisher import EventPublisher
from gateway.desk.events import endpoint_test
from gateway.desk.keys import Origin
from gateway.desk.notice_templates import Templates
from gateway.desk.offline_commands import OFFLINE_CHUNK, OfflineCommands
from gateway.desk.order_requests import OrderRequests
from gateway.desk.order_writer import OrderWriter
from gateway.desk.plans.schedule import PlanSchedule
from gateway.desk.policy import DeskPolicy
from gateway.desk.ports import DeskStore, DeskTransaction
from gateway.desk.storms_and_batches import StormsAndBatches
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.alarm import Transition
from gateway.domain.desk_changes import Applied, Position
from gateway.domain.errors import InvariantBroken
from gateway.domain.notice import EndpointRoute, OutboxEvent
from gateway.domain.offline_command import CommandResult, in_order
from gateway.domain.record import Fact, ImportMark
from gateway.domain.workorder import Actor, Alarm, Command, DeadlineReason, FaultReport, WorkOrder
from gateway.ports import Audience

CHUNK = 500
_WHOLE_RECORD = 2**31 - 1  # ordinal of a record that is applied whole
_FACT = _WHOLE_RECORD - 1  # a fact comes after the transitions of its record
_Step = tuple[int, int, Transition | Fact]
T = TypeVar("T")


class Desk:
    """One partition's desk. `tenant` owns facts, reports and commands; transitions name their own."""

    def __init__(
        self,
        store: DeskStore,
        policy: DeskPolicy | None = None,
        *,
        routes: Sequence[EndpointRoute] = (),
        templates: Templates | None = None,
        audience: Audience | None = None,
        tenant: str = "default",
        partition: int,
        epoch: int = 0,
    ) -> None:
        """`epoch` is the lease under which this process holds the partition: an older holder is fenced off."""
        self._tenant, self._partition, self._epoch = tenant, partition, epoch
        self._releasing = True
        self.use(store, policy, routes=routes, templates=templates, audience=audience)

    def use(
        self,
        store: DeskStore,
        policy: DeskPolicy | None = None,
        *,
        routes: Sequence[EndpointRoute] = (),
        templates: Templates | None = None,
        audience: Audience | None = None,
    ) -> None:
        """Replace policy, routes, templates and audience from the next transaction on. In the desk's thread."""
        publisher = EventPublisher(policy or DeskPolicy(), routes, templates or Templates({}), audience)
        writer = OrderWriter(publisher)
        parents = StormsAndBatches(writer)
        requests = OrderRequests(writer, parents)
        self._store, self._writer, self._recounted = store, writer, False
        self._applier = TransitionApplier(writer, requests, self._tenant)
        self._commands = Commands(writer, self._tenant)
        self._offline = OfflineCommands(self._commands, self._tenant)
        self._deadlines = DeskDeadlines(writer, requests, parents, self._commands)
        self._plans = PlanSchedule(writer, self._tenant)

    @property
    def writer(self) -> OrderWriter:
        """Makes and changes orders by the policy in force. In the desk's thread."""
        return self._writer

    def endpoint_test(self, endpoint: str, actor: Actor, now: int) -> OutboxEvent:
        """The event of a test; nothing is queued."""
        return endpoint_test(self._writer.policy, self._tenant, endpoint, actor, now)

    def cursor(self) -> int:
        """The last sequence number that is applied whole: where the engine's replay of this desk begins."""
        position = self._store.transact(lambda transaction: transaction.position(self._partition))
        if position is None:
            return 0
        return position.seq if position.ordinal == _WHOLE_RECORD else position.seq - 1

    def apply(
        self, transitions: Sequence[Transition], cursor: int, facts: Sequence[tuple[int, Fact]] = (), now: int = 0
    ) -> Applied:
        """Apply everything up to journal sequence `cursor`; `facts` are (sequence, fact); `now` µs is the wall clock.

        What lies at or below the committed position is dropped, so any repeat is harmless. Raises StoreError (nothing
        of the unfinished transaction is kept, call again), InvariantBroken for a transition above `cursor` or of
        another partition, or when a newer epoch holds the partition.
        """
        steps = self._ordered(transitions, facts, cursor)
        total = Applied()
        for chunk in _chunks(steps) or [[]]:
            last = not steps or chunk[-1] is steps[-1]
            goal = (
                Position(cursor, _WHOLE_RECORD, self._epoch)
                if last
                else Position(chunk[-1][0], chunk[-1][1], self._epoch)
            )
            self._release(total, now)
            self._releasing = _ends_import(chunk)
            total.add(self._transact(now, partial(self._apply_steps, steps=chunk, goal=goal)))
        self._release(total, now)
        total.dropped = len(transitions) - total.fresh
        self._recounted = self._recounted and not total.clock_steps
        return total

    def _ordered(
        self, transitions: Sequence[Transition], facts: Sequence[tuple[int, Fact]], cursor: int
    ) -> list[_Step]:
        unique = {(t.seq, t.ordinal): t for t in transitions}
        for t in transitions:
            if t.seq > cursor or t.partition != self._partition:
                raise InvariantBroken(
                    f"transition {t.id} does not belong to partition {self._partition} up to {cursor}"
                )
        steps: list[_Step] = [(seq, ordinal, t) for (seq, ordinal), t in unique.items()]
        steps += [(seq, _FACT, fact) for seq, fact in facts if seq <= cursor]
        return sorted(steps, key=lambda step: step[:2])

    def _apply_steps(self, work: UnitOfWork, steps: Sequence[_Step], goal: Position) -> Applied:
        committed = self._committed_position(work.transaction)
        at = (committed.seq, committed.ordinal)
        fresh = [step for step in steps if step[:2] > at]
        preload(work, [body for _, _, body in fresh if isinstance(body, Transition)])
        for seq, _, body in fresh:
            if isinstance(body, Transition):
                self._applier.transition(work, body)
            else:
                self._applier.fact(work, body, Origin(f"{self._partition}-{seq}-fact", work.now))
        if (goal.seq, goal.ordinal) > at or goal.epoch > committed.epoch:
            forward = max((goal.seq, goal.ordinal), at)
            work.transaction.advance(self._partition, Position(*forward, self._epoch))
        return work.write()

    def tick(self, now: int) -> Applied:
        """Fire up to CHUNK of the deadlines that are due, each once; then open planned orders. Call it after the replay
        at start, then every few seconds, and again at once when `fired` is CHUNK or more: commands and transitions
        come between."""
        if not self._recounted:  # policies or hours may differ from those that the clocks were counted by
            recounted = self.execute(now, lambda work: self._writer.sla.recount(work, CHUNK))
            self._recounted = recounted < CHUNK
            if not self._recounted:
                return Applied(fired=recounted)
        if (differing := self.execute(now, lambda work: self._plans.keep_in_step(work, CHUNK))) == CHUNK:
            return Applied(fired=differing)
        applied = self._fire(now, tuple(DeadlineReason))
        if applied.fired < CHUNK:
            applied.add(self._open_planned(now))
        return applied

    def _open_planned(self, now: int) -> Applied:
        def action(work: UnitOfWork) -> Applied:
            work.applied.fired += self._plans.open_due(work, CHUNK)
            return work.write()

        return self._transact(now, action)

    def _release(self, total: Applied, now: int) -> None:
        """After a done mark, and first of all after a start: a crash may have come between the mark and its orders."""
        if self._releasing:
            while (applied := self._fire(now, (DeadlineReason.IMPORT,))).fired == CHUNK:
                total.add(applied)
            total.add(applied)
            self._releasing = False

    def _fire(self, now: int, reasons: Sequence[DeadlineReason]) -> Applied:
        def action(work: UnitOfWork) -> Applied:
            work.applied.fired += self._deadlines.fire(work, CHUNK, reasons)
            return work.write()

        return self._transact(now, action)

    def command(self, command: Command, now: int) -> WorkOrder:
        """One act on one order; the same command id again returns the order as it is. Raises CommandError."""
        return self.execute(now, lambda work: self._commands.order(work, command))

    def commands(self, commands: Sequence[Command], now: int) -> list[CommandResult]:
        """Commands that were made offline, each carried out or refused by itself, by the time at which they happened;
        the results are in the order of `commands`. Again, they have the same results. Raises StoreError: send all
        again."""
        contents = [self._commands.content(command) for command in commands]
        order = in_order(commands, contents, now)
        found: dict[int, CommandResult] = {}
        for start in range(0, len(order), OFFLINE_CHUNK):
            part = order[start : start + OFFLINE_CHUNK]
            results = self._transact(now, partial(self._offline.run, commands=[commands[index] for index in part]))
            found.update(zip(part, results, strict=True))
        return [found[index] for index in range(len(commands))]

    def report(self, report: FaultReport, now: int) -> WorkOrder:
        """A fault reported by a person: joins the open order of its key or makes one. Raises CommandError."""
        return self.execute(now, lambda work: self._commands.report(work, report))

    def unlatch(self, alarm: str, actor: Actor, command_id: str, now: int) -> Alarm:
        """Let a latched alarm clear. Raises CommandError."""
        return self.execute(now, lambda work: self._commands.unlatch(work, alarm, actor, command_id))

    def _transact(self, now: int, action: Callable[[UnitOfWork], T]) -> T:
        def inside(transaction: DeskTransaction) -> T:
            self._committed_position(transaction)
            return action(UnitOfWork(transaction, now))

        return self._store.transact(inside)

    def _committed_position(self, transaction: DeskTransaction) -> Position:
        """The committed position of the partition. Raises InvariantBroken when a newer epoch holds the partition."""
        committed = transaction.position(self._partition) or Position(0, _WHOLE_RECORD, 0)
        if committed.epoch > self._epoch:
            raise InvariantBroken(f"partition {self._partition} belongs to epoch {committed.epoch}, not {self._epoch}")
        return committed

    def execute(self, now: int, action: Callable[[UnitOfWork], T]) -> T:
        """Call `action` in one transaction and write what it changed: for the parts of the desk beside `command`."""

        def inside(work: UnitOfWork) -> T:
            result = action(work)
            work.write()
            return result

        return self._transact(now, inside)


def _chunks(steps: Sequence[_Step]) -> list[list[_Step]]:
    """At most CHUNK steps each; the end of an import ends a chunk, so that its orders come before what follows."""
    chunks: list[list[_Step]] = []
    for step in steps:
        if not chunks or len(chunks[-1]) >= CHUNK or _ends_import(chunks[-1]):
            chunks.append([])
        chunks[-1].append(step)
    return chunks


def _ends_import(chunk: Sequence[_Step]) -> bool:
    body = chunk[-1][2] if chunk else None
    return isinstance(body, ImportMark) and body.done
