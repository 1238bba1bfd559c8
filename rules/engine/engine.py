"""The engine: journal records in, transitions out. No clock, no randomness, no I/O; the journal is all it obeys."""

from collections.abc import Callable, Iterator, Mapping

from gateway.domain.alarm import Transition
from gateway.domain.duration import HOUR, SECOND
from gateway.domain.engine_status import EngineStatus, ReadingCounts
from gateway.domain.errors import ConfigError
from gateway.domain.history_request import HistoryRequest
from gateway.domain.reading import Batch, decode_batch
from gateway.domain.record import ClockStep, ImportMark, PolicySet, Record, Rerun, RuleGone, RuleSet, Tick
from rules.compiled import Rule
from rules.engine.alarms import AlarmPipeline
from rules.engine.alarms.quiet_and_limits import CompilePolicy
from rules.engine.clock_step import stepped
from rules.engine.conditions.base import EngineContext, Observe
from rules.engine.edits import Edit
from rules.engine.evaluator import Evaluator
from rules.engine.late.episode_log import EpisodeLog
from rules.engine.rerun.lateness_buffer import LatenessBuffer
from rules.engine.rerun.open_requests import open_requests
from rules.engine.rerun.reevaluate import Reevaluation, extend_requests, reevaluate_group
from rules.engine.rerun.warmup import take_over_warmup, warmup_job
from rules.engine.rerun.warmup_job import WarmupJob
from rules.engine.snapshot import decode, encode, image_of, load_core, without_rules
from rules.engine.snapshot_image import EngineImage, LatenessImage
from rules.engine.state.snapshot_codec import SnapshotError
from rules.engine.state.thing_table import NEVER
from rules.engine.status import PublishedGlitches, PublishedRules
from rules.engine.transitions import Emitter
from rules.engine.windows.counter_glitches import Glitches, together

__all__ = ["ACCEPT_LATE", "Compile", "Engine", "SnapshotError"]
ACCEPT_LATE = 72 * HOUR
Compile = Callable[[bytes], Rule]


class Engine:
    """All rules of one partition of one tenant.

    `compile` turns the source of a RuleSet fact into a Rule; `observe` gets every closed calendar window; `scalar`
    judges by the scalar back ends (the reference); readings older than `accept_late` µs change nothing any more;
    `compile_policy` turns the source of a PolicySet fact into a RulePolicy; `glitches`: of the counters of all rules.
    """

    def __init__(
        self, partition: int, compile: Compile, tenant: str, *, observe: Observe | None = None,  # noqa: A002
        scalar: bool = False, accept_late: int = ACCEPT_LATE, compile_policy: CompilePolicy | None = None,
        glitches: Glitches | None = None,
    ) -> None:  # fmt: skip
        self.partition, self.tenant, self.seq, self.now = partition, tenant, 0, 0
        self._compile, self._accept, self._glitches = compile, accept_late, glitches
        known = glitches or Glitches()
        self._field = EngineContext(Emitter(partition, tenant), glitches=known, scalar=scalar, observe=observe)
        self._after = self._field.after = AlarmPipeline(self._field.emitter, self._field.world, compile_policy)
        self._core = Evaluator(self._field, accept_late)
        self._after.runners.append(self._core.book.runners)
        self._lanes: dict[int, LatenessBuffer] = {}
        self._home, self._broken = dict[str, Evaluator](), dict[str, str]()
        self._ledger, self._imports = EpisodeLog(accept_late), list[str]()
        self._shown_rules, self._shown_glitches = PublishedRules(), PublishedGlitches()

    @property
    def rules(self) -> Mapping[str, tuple[RuleSet, Rule]]:
        """Rule id -> the fact in force and its rule."""
        if not self._lanes:
            return self._core.book.rules
        return {rule: core.book.rules[rule] for rule, core in self._home.items()}

    @property
    def policy(self) -> PolicySet | None:
        """The fact about `quiet` and `limits` in force."""
        return self._after.policies.fact

    @property
    def broken(self) -> Mapping[str, str]:
        """Rules whose newest source did not compile, with the reason; the revision before stays in force."""
        return self._broken

    @property
    def counts(self) -> ReadingCounts:
        """Readings by fate. Of rules with `lateness` only what is late for them, and second looks, count apart."""
        return self._core.counts.with_looks([lane.core.counts for lane in self._lanes.values()])

    def glitches(self, device: int | None = None) -> dict[str, int]:
        """Point -> falls of its counter that were taken back: of a device as known now, None = all so far."""
        return together(core.field.glitches.counts(device) for core in self._cores())

    def status(self) -> EngineStatus:
        """All that others may read of the engine, as of now."""
        self._shown_rules.update((fact for fact, _ in self.rules.values()), self._broken)
        return EngineStatus(
            self.seq, self._shown_rules.rules, self._shown_rules.broken, self.policy, self.counts,
            self._shown_glitches.update([core.field.glitches for core in self._cores()]), self.wanted, self.next_due(),
        )  # fmt: skip

    def memory(self) -> int:
        """Bytes of state of all rules."""
        return sum(runner.memory() for core in self._cores() for runner in core.book.all())

    def _cores(self) -> Iterator[Evaluator]:
        yield self._core
        yield from (lane.core for lane in self._lanes.values())

    # --- the one entrance
    def step(self, record: Record) -> list[Transition]:
        """What this record changes, in order. A record at or below the last sequence number changes nothing."""
        if record.seq <= self.seq:
            return []
        self.seq = record.seq
        for core in self._cores():
            core.seq = record.seq
        match record.body:
            case Batch():
                self._core.field.downs.wait(record.body, record.at)
                self._batch(record.body)
            case Tick():
                self._tick(record.body)
            case RuleSet():
                self._install(record.body, record.at)
            case RuleGone(id=rule):
                self._gone(rule, record.at)
            case PolicySet():
                self._after.policy(record.body)
            case Rerun():
                self._rerun(record.body, record.at)
            case ClockStep():
                self.now = stepped(record.body, self.now, self._core, self._lanes, self._ledger, self._after)
            case ImportMark():
                self._imports = [one for one in self._imports if one != record.body.id]
                self._imports += [] if record.body.done else [record.body.id]
            case body:
                for core in self._cores():
                    core.moment(body, record.at)
        for core in self._cores():
            extend_requests(core, self._ledger)
        self._ledger.log(self._field.emitter.made)
        self._after.settle(self.now, record.at)
        return self._field.emitter.finish(record.seq, max(self.now, record.at), importing=bool(self._imports))

    def _batch(self, batch: Batch) -> None:
        self._core.batch(batch)
        for lane in self._lanes.values():
            lane.batch(batch, self.now)

    def _tick(self, tick: Tick) -> None:
        self.now = max(self.now, self.now if tick.suspect else tick.at)
        if tick.suspect or self.now < self._core.field.downs.settled:
            return
        self._core.tick(self.now)
        for lane in self._lanes.values():
            lane.tick(self.now)
        self._ledger.sweep(self.now)

    def next_due(self) -> int | None:
        """When the next timer may be due, µs: a tick then or later fires it. None when nothing waits."""
        due = min([self._core.due(), self._after.next_due(), *(lane.due() for lane in self._lanes.values())])
        return None if due >= NEVER // 4 else max(due, self._core.field.downs.settled, self.now + SECOND // 10)

    # --- rules
    def _install(self, fact: RuleSet, at: int) -> None:
        self._shown_rules.changed()
        try:
            rule = self._compile(fact.source)
        except (ConfigError, ValueError) as flaw:
            self._broken[fact.id] = str(flaw)  # the revision in force stays in force
            return
        self._broken.pop(fact.id, None)
        home, before = self._lane(rule.lateness), self._home.get(fact.id)
        if before is not None and before is not home:
            before.drop(fact.id, at, ends=before.book.rules[fact.id][1].mode == rule.mode)
        self._home[fact.id] = home
        if home.install(fact, rule, at) is Edit.SILENTLY:
            self._ledger.forget(fact.id)
        self._after.install(rule)
        self._close_lanes()

    def _lane(self, lateness: int) -> Evaluator:
        """Where rules of this lateness live. A new lane begins with the values of now."""
        if not lateness:
            return self._core
        if lateness not in self._lanes:
            self._core.admit()
            core = self._empty()
            image = image_of(self._core)
            load_core(without_rules(image, self.now - lateness), core, self._compile)
            core.requests.facts = {device: list(facts) for device, facts in self._core.requests.facts.items()}
            self._lanes[lateness] = LatenessBuffer(lateness, core)
        return self._lanes[lateness].core

    def _empty(self) -> Evaluator:
        like = self._field
        known = self._glitches or Glitches()
        field = EngineContext(like.emitter, glitches=known, scalar=like.scalar, observe=like.observe)
        field.after, field.completions = self._after, like.completions
        core = Evaluator(field, self._accept)
        self._after.runners.append(core.book.runners)
        return core

    def _close_lanes(self) -> None:
        for lateness in [lateness for lateness, lane in self._lanes.items() if not lane.core.book.rules]:
            gone = self._lanes.pop(lateness).core.book.runners
            self._after.runners = [runners for runners in self._after.runners if runners is not gone]

    def _gone(self, rule: str, at: int) -> None:
        self._shown_rules.changed()
        self._broken.pop(rule, None)
        home = self._home.pop(rule, None)
        if home is not None:
            home.drop(rule, at)
            self._ledger.forget(rule)
            self._after.drop(rule)
            self._close_lanes()

    # --- the past
    @property
    def wanted(self) -> tuple[HistoryRequest, ...]:
        """What history is asked for, oldest request first; each until a Rerun answers it."""
        return open_requests(self._cores())

    def warmup_job(self, wanted: HistoryRequest) -> WarmupJob:
        """What to feed with the history of a rule, or of a group of it. Raises KeyError when the rule is gone."""
        return warmup_job(self._home[wanted.rule], wanted, self._compile)

    def _rerun(self, fact: Rerun, at: int) -> None:
        if fact.rule:
            core = self._home.get(fact.rule)
            if core is not None and fact.group:
                reevaluate_group(core, self._ledger, fact)
            elif core is not None and core.book.waiting.get(fact.rule) == fact.wanted:
                take_over_warmup(core, fact, at)
            return
        for core in self._cores():
            found = core.requests.answered(fact.device, fact.wanted)
            if found is None:
                continue
            if not fact.history:
                core.counts.given_up += 1
                continue
            core.admit()
            Reevaluation(core, self._ledger, fact.device).run(found, decode_batch(fact.history))

    # --- snapshot
    def snapshot(self) -> bytes:
        """Everything at `seq`: restoring it and replaying what came later equals never having stopped."""
        late = [LatenessImage(one, lane.state(), image_of(lane.core)) for one, lane in self._lanes.items()]
        return encode(EngineImage(
            self.partition, self.tenant, self.seq, self.now, image_of(self._core), late, self._after.state(),
            self._ledger.state(), self._field.completions.state(), self._imports,
        ))  # fmt: skip

    @classmethod
    def restore(
        cls, blob: bytes, compile: Compile, *, observe: Observe | None = None, scalar: bool = False,  # noqa: A002
        accept_late: int = ACCEPT_LATE, compile_policy: CompilePolicy | None = None,
    ) -> "Engine":  # fmt: skip
        """The engine of a snapshot. Raises SnapshotError, and ConfigError when a rule in it no longer compiles."""
        image = decode(blob)
        engine = cls(
            image.partition, compile, image.tenant, observe=observe, scalar=scalar, accept_late=accept_late,
            compile_policy=compile_policy,
        )  # fmt: skip
        engine._load(image)
        return engine

    def _load(self, image: EngineImage) -> None:
        self.seq, self.now, self._imports = image.seq, image.now, image.imports
        self._field.completions.load(image.completions)
        load_core(image.evaluator, self._core, self._compile)
        for held in image.late:
            lane = self._lanes[held.lateness] = LatenessBuffer(held.lateness, self._empty())
            load_core(held.evaluator, lane.core, self._compile)
            lane.load(held.readings)
        self._home = {rule: core for core in self._cores() for rule in core.book.rules}
        self._ledger.load(image.episodes)
        for rule in sorted(self._home):
            self._after.install(self._home[rule].book.rules[rule][1])
        self._after.load(image.alarms)
