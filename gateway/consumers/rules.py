"""Journal -> engine -> desk. The engine runs ahead of the desk by a bounded queue only."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import get_args

from gateway.consumers.snapshots import Pace, Snapshots
from gateway.domain.alarm import Transition
from gateway.domain.engine_status import EngineStatus
from gateway.domain.history_request import HistoryRequest
from gateway.domain.record import Fact, Record
from gateway.ports import AlarmDesk, Blocking, Clock, PartitionedLog, RuleEngine

FACTS = get_args(Fact)
MOST_TRANSITIONS = 500
CURSOR_EVERY = 1.0  # s


@dataclass(slots=True)
class DeskWork:
    """Work for the desk to commit: everything up to `cursor`. `snapshot` is the engine's state at exactly `cursor`."""

    cursor: int
    transitions: list[Transition] = field(default_factory=list)
    facts: list[tuple[int, Fact]] = field(default_factory=list)
    snapshot: bytes = b""


class RulesConsumer:
    """Two tasks: `judge` steps the engine in its thread, `commit` lets the desk commit in its own.

    `status`: all that other threads may read of the engine, published with each piece of work; `requested`: set while
    `status` names wanted history. `add_sentences` completes what the engine decided (its thread); `on_commit` gets what
    the desk did and the transitions, replayed ones too, after each transaction (the desk's thread); `on_due` gets the
    engine's next timer, µs. `most_work`: see `Pace`.
    """

    def __init__(
        self,
        journal: PartitionedLog,
        engine: RuleEngine,
        desk: AlarmDesk,
        snapshots: Snapshots,
        clock: Clock,
        *,
        rules_thread: Blocking,
        desk_thread: Blocking,
        start: int,
        on_commit: Callable[[object, Sequence[Transition]], None],
        on_due: Callable[[int], None],
        partition: int,
        add_sentences: Callable[[Sequence[Transition]], Sequence[Transition]] = lambda found: found,
        most_work: int = 1 << 62,
    ) -> None:
        self._journal, self._engine, self._desk = journal, engine, desk
        self._snapshots, self._clock, self._partition = snapshots, clock, partition
        self._rules_thread, self._desk_thread = rules_thread, desk_thread
        self._on_commit, self._on_due = on_commit, on_due
        self._add_sentences = add_sentences
        self.requested = asyncio.Event()
        self.status: EngineStatus = engine.status()
        self._queue: asyncio.Queue[DeskWork] = asyncio.Queue(maxsize=8)
        self._open: DeskWork | None = None
        self._pace = Pace(most_work)
        self._next_cursor = float("-inf")
        self.judged = start
        self.committed = 0
        self.transitions = 0

    @property
    def wanted(self) -> tuple[HistoryRequest, ...]:
        """Open requests for history, oldest first, as of `status`."""
        return self.status.wanted

    async def judge(self) -> None:
        """Step records as they are journaled, until cancelled. An error is fatal: half a step cannot be undone."""
        while True:
            records = await self._journal.wait(self._partition, self.judged)
            step = asyncio.ensure_future(self._judge_some(records))
            try:
                await asyncio.shield(step)
            except asyncio.CancelledError:
                await step  # its thread goes on all the same: what it decides must reach the queue
                raise

    async def _judge_some(self, records: Sequence[Record]) -> None:
        time = asyncio.get_running_loop().time
        due = self._pace.due(time())
        work = await self._rules_thread(partial(self._step, records, snapshot=due))
        if due:
            self._pace.made(time(), len(work.snapshot))
        else:
            self._pace.judged(time(), records, len(work.transitions))
        self.judged = work.cursor
        if self.wanted:
            self.requested.set()
        self.transitions += len(work.transitions)
        await self._queue.put(work)
        if (next_due := self.status.next_due) is not None:
            self._on_due(next_due)

    def _step(self, records: Sequence[Record], *, snapshot: bool) -> DeskWork:
        work = DeskWork(records[-1].seq)
        for record in records:
            if found := self._engine.step(record):
                work.transitions += self._add_sentences(found)
            if isinstance(record.body, FACTS):
                work.facts.append((record.seq, record.body))
        if snapshot:
            work.snapshot = self._engine.snapshot()
        self.status = self._engine.status()
        return work

    async def commit(self) -> None:
        """Commit the engine's decisions, until cancelled."""
        while True:
            if self._open is None:
                self._open = await self._queue.get()
            while (
                not self._queue.empty() and len(self._open.transitions) < MOST_TRANSITIONS and not self._open.snapshot
            ):
                _join(self._open, self._queue.get_nowait())
            if (early := self._early(self._open)) > 0:
                await self._more(self._open, early)
                continue
            await self._commit_one(self._open)
            self._open = None  # only now: after a failed transaction the same work is tried again

    def _early(self, work: DeskWork) -> float:
        """Seconds until work that only moves the cursor is committed: replaying such records is cheap."""
        if work.transitions or work.facts or work.snapshot:
            return 0.0
        return self._next_cursor - asyncio.get_running_loop().time()

    async def _more(self, work: DeskWork, seconds: float) -> None:
        """Wait up to `seconds` for more work to commit together."""
        try:
            async with asyncio.timeout(seconds):
                _join(work, await self._queue.get())
        except TimeoutError:
            return

    async def _commit_one(self, work: DeskWork) -> None:
        await self._desk_thread(lambda: self._apply(work, self._clock.now()))
        self._next_cursor = asyncio.get_running_loop().time() + CURSOR_EVERY
        self.committed = work.cursor

    def _apply(self, work: DeskWork, now: int) -> None:
        """In the desk's thread; the desk divides the work into transactions."""
        self._on_commit(self._desk.apply(work.transitions, work.cursor, work.facts, now), work.transitions)
        if work.snapshot:
            self._snapshots.save(work.cursor, work.snapshot)

    async def drain(self, upto: int) -> None:
        """Step and commit everything up to `upto`, then save a snapshot (shutdown; both tasks have ended)."""
        if self._open is not None:
            await self._commit_one(self._open)
        while not self._queue.empty():
            await self._commit_one(self._queue.get_nowait())
        while self.judged < upto:
            records = await self._journal.wait(self._partition, self.judged)
            work = await self._rules_thread(partial(self._step, records, snapshot=False))
            self.judged = work.cursor
            await self._commit_one(work)
        blob = await self._rules_thread(self._engine.snapshot)
        await self._desk_thread(lambda: self._apply(DeskWork(self.judged, snapshot=blob), self._clock.now()))


def _join(work: DeskWork, more: DeskWork) -> None:
    work.cursor = more.cursor
    work.transitions += more.transitions
    work.facts += more.facts
    work.snapshot = more.snapshot
