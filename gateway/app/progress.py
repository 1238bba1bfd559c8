"""Progress of the journal's consumers, for callers that wait for it."""

import asyncio
from dataclasses import dataclass

from gateway.app.stores_beside import StoresBeside
from gateway.consumers import Reruns, RulesConsumer, SeriesConsumer
from gateway.ports import PartitionedLog
from gateway.supervisor import Supervisor

JUDGE = "rules.judge"
"""Name of the task that steps the engine."""


@dataclass(frozen=True, slots=True)
class PipelineProgress:
    """Progress of one partition. All calls on the event loop."""

    partition: int
    log: PartitionedLog
    rules: RulesConsumer
    series: SeriesConsumer
    reruns: Reruns
    supervisor: Supervisor

    def head(self) -> int:
        """The newest record of the journal."""
        return self.log.head(self.partition)

    def behind(self) -> int:
        """Number of journal records that the slower of engine and store has not processed."""
        return self.head() - min(self.rules.judged, self.series.cursor)

    def judged(self, seq: int) -> bool:
        """True if the engine has stepped record `seq` and its requests for history up to there are answered."""
        return self.rules.judged >= seq and self.reruns.settled(seq)

    def passed(self, seq: int) -> bool:
        """True if engine, desk and store have processed record `seq`, with all re-evaluations it caused."""
        committed = self.rules.committed >= max(seq, self.reruns.upto)
        return committed and self.series.cursor >= seq and self.reruns.settled(seq)

    def check(self) -> None:
        """Raises the error that stopped a consumer, if there is one."""
        self.supervisor.check()

    async def wait_judged(self, seq: int) -> None:
        """Returns when the engine has stepped record `seq`; at once while the engine does not run. Raises the error
        that stopped it."""
        while self.rules.judged < seq and JUDGE in self.supervisor.health:
            self.check()
            await asyncio.sleep(0.005)


@dataclass(frozen=True, slots=True)
class Consumers:
    """Out of the journal. The engine belongs to `rules` and its thread: others read `rules.status`."""

    rules: RulesConsumer
    series: SeriesConsumer
    beside: StoresBeside
    reruns: Reruns
    progress: PipelineProgress
