"""Exchanged meters (fact `MeterExchanged`): told late, taken back, or followed by readings from before them.

An exchange that is later than all readings of its device is applied at once. In every other case the rules that read
the counter are judged again from stored history, in which the exchange stands at its moment.
"""

from collections.abc import Iterator

import numpy as np

from gateway.domain.reading import Batch
from gateway.domain.record import MeterExchanged
from rules.engine.conditions.base import ConditionEvaluator, EngineContext, counters_of
from rules.engine.installed_rules import InstalledRules
from rules.engine.late.history_requests import HistoryRequests


class Exchanges:
    """Applies exchanges to the installed rules. What has to be judged again goes to `context.reevaluations`."""

    def __init__(self, installed: InstalledRules, context: EngineContext, requests: HistoryRequests) -> None:
        self._installed, self._context, self._requests = installed, context, requests

    def apply(self, fact: MeterExchanged) -> bool:
        """Take a fact; False when its device or point is unknown."""
        world = self._context.world
        row, point = world.rows.get(fact.device), world.points.get(fact.point)
        if row is None or point is None:
            return False
        replaced = self._requests.note_exchange(fact)
        late = fact.at < int(np.max(row.space.newest[row.things]))
        if replaced or fact.undone or late:
            self._judge_again(fact, fact.at)
        if replaced or fact.undone:
            return True
        for evaluator in self._installed.of(row.space.kind):
            for thing in row.things:
                if row.space.things[thing].component in {0, point.component} or point.component == 0:
                    evaluator.exchange(thing, point.name, fact.meter)
        return True

    def before(self, batch: Batch) -> None:
        """Readings are about to be applied: those from before an exchange that was applied are judged again with it."""
        ahead = self._requests.exchanges_ahead
        if not ahead:
            return
        rows = np.flatnonzero(np.isin(batch.device, np.fromiter(ahead, np.int32, len(ahead))))
        for device in np.unique(batch.device[rows]).tolist():
            at, kept = batch.at[rows[batch.device[rows] == device]], []
            for fact in ahead[device]:
                if int(at.min()) < fact.at:
                    self._judge_again(fact, int(at.min()))
                if int(at.max()) < fact.at:
                    kept.append(fact)
            self._requests.set_ahead(device, kept)

    def _judge_again(self, fact: MeterExchanged, since: int) -> None:
        for evaluator in self._readers(fact):
            self._context.reevaluations.add(fact.device, evaluator.rule.id, since)

    def _readers(self, fact: MeterExchanged) -> Iterator[ConditionEvaluator]:
        """Evaluators that count this point."""
        row, point = self._context.world.rows.get(fact.device), self._context.world.points.get(fact.point)
        if row is None or point is None:
            return
        for evaluator in self._installed.of(row.space.kind):
            if any(counter.point == point.name for counter in counters_of(evaluator)):
                yield evaluator
