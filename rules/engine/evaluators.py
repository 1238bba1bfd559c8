"""Which evaluator judges a rule: one for all rules without `lateness`, and one for each lateness."""

from collections.abc import Iterator

from gateway.domain.reading import Batch
from rules.engine.alarms import AlarmPipeline
from rules.engine.conditions.base import EngineContext
from rules.engine.evaluator import Evaluator
from rules.engine.rerun.lateness_buffer import LatenessBuffer
from rules.engine.snapshot import CompileRule, image_of, load_core, without_rules
from rules.engine.windows.counter_glitches import Glitches


class Evaluators:
    """The evaluators of an engine. `accept_late` µs as for the engine; `glitches` None = each evaluator has its own."""

    def __init__(
        self, context: EngineContext, alarms: AlarmPipeline, accept_late: int, glitches: Glitches | None
    ) -> None:
        self._context, self._alarms, self._accept, self._glitches = context, alarms, accept_late, glitches
        self.main = self._registered(context)
        self.late = dict[int, LatenessBuffer]()
        """Lateness µs -> its evaluator, and the readings that wait for it."""

    def __iter__(self) -> Iterator[Evaluator]:
        yield self.main
        yield from (late.evaluator for late in self.late.values())

    def batch(self, batch: Batch, now: int) -> None:
        """Judge readings, or let them wait. `now` is engine time, µs."""
        self.main.batch(batch)
        for late in self.late.values():
            late.batch(batch, now)

    def tick(self, now: int) -> None:
        """Engine time is `now` µs."""
        self.main.tick(now)
        for late in self.late.values():
            late.tick(now)

    def of_lateness(self, lateness: int, now: int, compile_rule: CompileRule) -> Evaluator:
        """The evaluator for rules of this lateness, 0 = none. A new one begins with the values as of `now` µs."""
        if not lateness:
            return self.main
        if lateness not in self.late:
            self.main.admit()
            added = self.add(lateness).evaluator
            load_core(without_rules(image_of(self.main), now - lateness), added, compile_rule)
            added.requests.facts = {device: list(facts) for device, facts in self.main.requests.facts.items()}
        return self.late[lateness].evaluator

    def add(self, lateness: int) -> LatenessBuffer:
        """An empty evaluator for rules of this lateness."""
        like, known = self._context, self._glitches or Glitches()
        context = EngineContext(like.emitter, glitches=known, observe=like.observe)
        context.after, context.completions = self._alarms, like.completions
        late = self.late[lateness] = LatenessBuffer(lateness, self._registered(context))
        return late

    def _registered(self, context: EngineContext) -> Evaluator:
        evaluator = Evaluator(context, self._accept)
        self._alarms.evaluators.append(evaluator.installed.evaluators)
        return evaluator

    def close_unused(self) -> None:
        """Drop evaluators that judge no rule any more."""
        for lateness in [lateness for lateness, late in self.late.items() if not late.evaluator.installed.rules]:
            gone = self.late.pop(lateness).evaluator.installed.evaluators
            self._alarms.evaluators = [evaluators for evaluators in self._alarms.evaluators if evaluators is not gone]
