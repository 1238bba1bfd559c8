"""The running sources, each a supervised task."""

from collections.abc import Collection, Mapping
from functools import partial

import structlog

from gateway.ports import Emit, Source
from gateway.supervisor import Supervisor

log = structlog.get_logger()
TASK = "source."
"""Prefix of a source's name in the name of its task."""


class RunningSources:
    """`running`: the sources of the configuration by name. Runs on the event loop."""

    def __init__(self, sources: Mapping[str, Source], supervisor: Supervisor, emit: Emit) -> None:
        self.running, self._supervisor, self._emit = sources, supervisor, emit

    def start(self, names: Collection[str] | None = None) -> None:
        """Start and supervise these sources; all when none is named."""
        for name in self.running if names is None else names:
            run = partial(self.running[name].run, self._emit)
            self._supervisor.start(TASK + name, run, source=True)

    async def replace(self, after: Mapping[str, Source], again: Collection[str]) -> list[str]:
        """Use the sources `after`: new ones, and those in `again`, start. Sources that end or restart are stopped
        first, as two sessions with one name would disconnect each other. Returns the removed names."""
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
