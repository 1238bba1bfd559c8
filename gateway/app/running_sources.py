"""The sources that run: each a supervised task."""

from collections.abc import Collection, Mapping
from functools import partial

import structlog

from gateway.ports import Emit, Source
from gateway.supervisor import Supervisor

log = structlog.get_logger()
TASK = "source."
"""Before a source's name: the name of its task."""


class RunningSources:
    """`running`: those of the configuration by name. On the event loop."""

    def __init__(self, sources: Mapping[str, Source], supervisor: Supervisor, emit: Emit) -> None:
        self.running, self._supervisor, self._emit = sources, supervisor, emit

    def start(self, names: Collection[str] | None = None) -> None:
        """Keep these running, all when none is named."""
        for name in self.running if names is None else names:
            run = partial(self.running[name].run, self._emit)
            self._supervisor.start(TASK + name, run, source=True)

    async def replace(self, after: Mapping[str, Source], again: Collection[str]) -> list[str]:
        """From now on `after`: those that are new, or in `again`, start. Those that go or start again are stopped
        first: two sessions of one name would throw each other out. Returns the names that are gone."""
        tasks = {name.removeprefix(TASK) for name in self._supervisor.health if name.startswith(TASK)}
        kept = {name for name, source in after.items() if self.running.get(name) is source and name in tasks}
        gone = sorted(tasks - kept)
        for name in (*gone, *again):
            await self._supervisor.end(TASK + name)
        self.running = after
        self.start([name for name in after if name not in kept or name in again])
        for name in gone:
            log.info("source stopped: a broker keeps its session until it expires", source=name)
        return gone

    def tasks(self) -> list[str]:
        """Names of their tasks."""
        return [TASK + name for name in self.running]
