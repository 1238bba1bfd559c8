"""How far the consumers of the journal have come: for whoever waits for them."""

import asyncio
from dataclasses import dataclass

from gateway.consumers import Reruns, RulesConsumer, SeriesConsumer
from gateway.ports import PartitionedLog
from gateway.supervisor import Supervisor

JUDGE = "rules.judge"
"""The task that steps the engine."""


@dataclass(frozen=True, slots=True)
class PipelineProgress:
    """Of one partition. All on the event loop."""

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
        """Journal records that the slower of engine and store has not taken yet."""
        return self.head() - min(self.rules.judged, self.series.cursor)

    def judged(self, seq: int) -> bool:
        """Has the engine judged record `seq`, and is answered what it asked for until then?"""
        return self.rules.judged >= seq and self.reruns.settled(seq)

    def passed(self, seq: int) -> bool:
        """Have engine, desk and store all of record `seq` behind them, with what it made them look at again?"""
        committed = self.rules.committed >= max(seq, self.reruns.upto)
        return committed and self.series.cursor >= seq and self.reruns.settled(seq)

    def check(self) -> None:
        """Raises what broke them: they will not go on."""
        self.supervisor.check()

    async def wait_judged(self, seq: int) -> None:
        """Until the engine has stepped record `seq`; at once while it does not run. Raises what broke it."""
        while self.rules.judged < seq and JUDGE in self.supervisor.health:
            self.check()
            await asyncio.sleep(0.005)
