"""The engine: journal records in, transitions out. No clock, no randomness, no I/O; the journal is all it obeys."""

from collections.abc import Mapping

from gateway.domain.alarm import Transition
from gateway.domain.duration import HOUR, SECOND
from gateway.domain.engine_status import EngineStatus, ReadingCounts
from gateway.domain.errors import ConfigError
from gateway.domain.history_request import HistoryRequest
from gateway.domain.reading import Batch, decode_batch
from gateway.domain.record import ClockStep, ImportMark, PolicySet, Record, Rerun, RuleRemoved, RuleSet, Tick
from rules.compiled import Rule
from rules.compiled.edits import Edit
from rules.engine.alarms import AlarmPipeline
from rules.engine.alarms.quiet_and_limits import CompilePolicy
from rules.engine.clock_step import stepped
from rules.engine.conditions.base import EngineContext, Observe
from rules.engine.evaluator import Evaluator
from rules.engine.evaluators import Evaluators
from rules.engine.late.episode_log import EpisodeLog
from rules.engine.rerun.open_requests import open_requests
from rules.engine.rerun.reevaluate import Reevaluation, extend_requests, reevaluate_group
from rules.engine.rerun.warmup import take_over_warmup, warmup_job
from rules.engine.rerun.warmup_job import WarmupJob
from rules.engine.snapshot import CompileRule, decode, encode, image_of, load_core
from rules.engine.snapshot_image import EngineImage, LatenessImage
from rules.engine.state.snapshot_codec import SnapshotError
from rules.engine.state.thing_table import NEVER
from rules.engine.status import PublishedGlitches, PublishedRules
from rules.engine.transitions import Emitter
from rules.engine.windows.counter_glitches import Glitches, together

__all__ = ["ACCEPT_LATE", "CompileRule", "Engine", "SnapshotError"]
ACCEPT_LATE = 72 * HOUR


class Engine:
    """All rules of one partition of one tenant.

    `compile_rule` turns the source of a RuleSet fact into a Rule; `observe` gets every closed calendar window;
    readings older than `accept_late` µs change nothing any more;
    `compile_policy` turns the source of a PolicySet fact into a RulePolicy; `glitches`: of the counters of all rules.
    """

    def __init__(
        self,
        partition: int,
        compile_rule: CompileRule,
        tenant: str,
        *,
        observe: Observe | None = None,
        accept_late: int = ACCEPT_LATE,
        compile_policy: CompilePolicy | None = None,
        glitches: Glitches | None = None,
    ) -> None:
        self.partition, self.tenant, self.seq, self.now = partition, tenant, 0, 0
        self._compile_rule, known = compile_rule, glitches or Glitches()
        self._context = EngineContext(Emitter(partition, tenant), glitches=known, observe=observe)
        self._alarms = self._context.after = AlarmPipeline(self._context.emitter, self._context.world, compile_policy)
        self.evaluators = Evaluators(self._context, self._alarms, accept_late, glitches)
        self._evaluator_of, self._broken = dict[str, Evaluator](), dict[str, str]()
        self._episodes, self._imports = EpisodeLog(accept_late), list[str]()
        self._shown_rules, self._shown_glitches = PublishedRules(), PublishedGlitches()

    @property
    def rules(self) -> Mapping[str, tuple[RuleSet, Rule]]:
        """Rule id -> the fact in force and its rule."""
        if not self.evaluators.late:
            return self.evaluators.main.installed.rules
        return {rule: core.installed.rules[rule] for rule, core in self._evaluator_of.items()}

    @property
    def policy(self) -> PolicySet | None:
        """The fact about `quiet` and `limits` in force."""
        return self._alarms.policies.fact

    @property
    def broken(self) -> Mapping[str, str]:
        """Rules whose newest source did not compile, with the reason; the revision before stays in force."""
        return self._broken

    @property
    def counts(self) -> ReadingCounts:
        """Readings by fate. Of rules with `lateness` only what is late for them counts; re-evaluations apart."""
        return self.evaluators.main.counts.with_reruns(
            [late.evaluator.counts for late in self.evaluators.late.values()]
        )

    def glitches(self, device: int | None = None) -> dict[str, int]:
        """Point -> falls of its counter that were taken back: of a device as known now, None = all so far."""
        return together(core.context.glitches.counts(device) for core in self.evaluators)

    def status(self) -> EngineStatus:
        """All that others may read of the engine, as of now."""
        self._shown_rules.update((fact for fact, _ in self.rules.values()), self._broken)
        glitches = self._shown_glitches.update([core.context.glitches for core in self.evaluators])
        return EngineStatus(
            self.seq,
            self._shown_rules.rules,
            self._shown_rules.broken,
            self.policy,
            self.counts,
            glitches,
            self.wanted,
            self.next_due(),
        )

    def memory(self) -> int:
        """Bytes of state of all rules."""
        return sum(evaluator.memory() for core in self.evaluators for evaluator in core.installed.all())

    # --- the one entrance
    def step(self, record: Record) -> list[Transition]:
        """What this record changes, in order. A record at or below the last sequence number changes nothing."""
        if record.seq <= self.seq:
            return []
        self.seq = record.seq
        for core in self.evaluators:
            core.seq = record.seq
        match record.body:
            case Batch():
                self.evaluators.main.context.downs.wait(record.body, record.at)
                self.evaluators.batch(record.body, self.now)
            case Tick():
                self._tick(record.body)
            case RuleSet():
                self._install(record.body, record.at)
            case RuleRemoved(id=rule):
                self._gone(rule, record.at)
            case PolicySet():
                self._alarms.policy(record.body)
            case Rerun():
                self._rerun(record.body, record.at)
            case ClockStep():
                self.now = stepped(record.body, self.now, self.evaluators, self._episodes, self._alarms)
            case ImportMark():
                self._imports = [one for one in self._imports if one != record.body.id]
                self._imports += [] if record.body.done else [record.body.id]
            case body:
                for core in self.evaluators:
                    core.moment(body, record.at)
        for core in self.evaluators:
            extend_requests(core, self._episodes)
        self._episodes.log(self._context.emitter.made)
        self._alarms.settle(self.now, record.at)
        return self._context.emitter.finish(record.seq, max(self.now, record.at), importing=bool(self._imports))

    def _tick(self, tick: Tick) -> None:
        self.now = max(self.now, self.now if tick.suspect else tick.at)
        if tick.suspect or self.now < self.evaluators.main.context.downs.settled:
            return
        self.evaluators.tick(self.now)
        self._episodes.sweep(self.now)

    def next_due(self) -> int | None:
        """When the next timer may be due, µs: a tick then or later fires it. None when nothing waits."""
        due = min(
            [
                self.evaluators.main.due(),
                self._alarms.next_due(),
                *(late.due() for late in self.evaluators.late.values()),
            ]
        )
        return (
            None if due >= NEVER // 4 else max(due, self.evaluators.main.context.downs.settled, self.now + SECOND // 10)
        )

    # --- rules
    def _install(self, fact: RuleSet, at: int) -> None:
        self._shown_rules.changed()
        try:
            rule = self._compile_rule(fact.source)
        except (ConfigError, ValueError) as flaw:
            self._broken[fact.id] = str(flaw)  # the revision in force stays in force
            return
        self._broken.pop(fact.id, None)
        evaluator, before = (
            self.evaluators.of_lateness(rule.lateness, self.now, self._compile_rule),
            self._evaluator_of.get(fact.id),
        )
        if before is not None and before is not evaluator:
            before.drop(fact.id, at, ends=before.installed.rules[fact.id][1].mode == rule.mode)
        self._evaluator_of[fact.id] = evaluator
        if evaluator.install(fact, rule, at) is Edit.RESTART_SILENT:
            self._episodes.forget(fact.id)
        self._alarms.install(rule)
        self.evaluators.close_unused()

    def _gone(self, rule: str, at: int) -> None:
        self._shown_rules.changed()
        self._broken.pop(rule, None)
        evaluator = self._evaluator_of.pop(rule, None)
        if evaluator is not None:
            evaluator.drop(rule, at)
            self._episodes.forget(rule)
            self._alarms.drop(rule)
            self.evaluators.close_unused()

    # --- the past
    @property
    def wanted(self) -> tuple[HistoryRequest, ...]:
        """The open requests for history, oldest first; each until a Rerun answers it."""
        return open_requests(self.evaluators)

    def warmup_job(self, wanted: HistoryRequest) -> WarmupJob:
        """What to feed with the history of a rule, or of a group of it. Raises KeyError when the rule is gone."""
        return warmup_job(self._evaluator_of[wanted.rule], wanted, self._compile_rule)

    def _rerun(self, fact: Rerun, at: int) -> None:
        if fact.rule:
            core = self._evaluator_of.get(fact.rule)
            if core is not None and fact.group:
                reevaluate_group(core, self._episodes, fact)
            elif core is not None and core.installed.waiting.get(fact.rule) == fact.wanted:
                take_over_warmup(core, fact, at)
            return
        for core in self.evaluators:
            found = core.requests.answered(fact.device, fact.wanted)
            if found is None:
                continue
            if not fact.history:
                core.counts.given_up += 1
                continue
            core.admit()
            Reevaluation(core, self._episodes, fact.device).run(found, decode_batch(fact.history))

    # --- snapshot
    def snapshot(self) -> bytes:
        """Everything at `seq`: restoring it and replaying what came later equals never having stopped."""
        late = [
            LatenessImage(one, late.state(), image_of(late.evaluator)) for one, late in self.evaluators.late.items()
        ]
        return encode(
            EngineImage(
                self.partition,
                self.tenant,
                self.seq,
                self.now,
                image_of(self.evaluators.main),
                late,
                self._alarms.state(),
                self._episodes.state(),
                self._context.completions.state(),
                self._imports,
            )
        )

    @classmethod
    def restore(
        cls,
        blob: bytes,
        compile_rule: CompileRule,
        *,
        observe: Observe | None = None,
        accept_late: int = ACCEPT_LATE,
        compile_policy: CompilePolicy | None = None,
    ) -> "Engine":
        """The engine of a snapshot. Raises SnapshotError, and ConfigError when a rule in it no longer compiles."""
        image = decode(blob)
        engine = cls(
            image.partition,
            compile_rule,
            image.tenant,
            observe=observe,
            accept_late=accept_late,
            compile_policy=compile_policy,
        )
        engine._load(image)
        return engine

    def _load(self, image: EngineImage) -> None:
        self.seq, self.now, self._imports = image.seq, image.now, image.imports
        self._context.completions.load(image.completions)
        load_core(image.evaluator, self.evaluators.main, self._compile_rule)
        for held in image.late:
            late = self.evaluators.add(held.lateness)
            load_core(held.evaluator, late.evaluator, self._compile_rule)
            late.load(held.readings)
        self._evaluator_of = {rule: core for core in self.evaluators for rule in core.installed.rules}
        self._episodes.load(image.episodes)
        for rule in sorted(self._evaluator_of):
            self._alarms.install(self._evaluator_of[rule].installed.rules[rule][1])
        self._alarms.load(image.alarms)
