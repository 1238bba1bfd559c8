"""Keeps long tasks running: restart with backoff, log once down and once up, stop the process on a broken invariant."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from gateway.domain.duration import MINUTE, SECOND
from gateway.domain.errors import GatewayError, InvariantBroken, SourceError, SourceRejected, StoreRejected

log = structlog.get_logger()
Run = Callable[[], Awaitable[None]]
PROVEN = 5.0
"""Seconds without an error after which a task that was down counts as up again."""
LONGEST = 60.0
"""Most seconds between two tries."""


@dataclass(slots=True)
class TaskHealth:
    """State of one supervised task: `up`, restarts so far, the last error."""

    up: bool = True
    restarts: int = 0
    error: BaseException | None = None


@dataclass(slots=True)
class Supervisor:
    """Runs named tasks until `stop`. `pause(attempt, rejected)` gives the wait in seconds, replaceable in tests."""

    pause: Callable[[int, bool], float] = lambda attempt, rejected: full_jitter(attempt, rejected=rejected)
    health: dict[str, TaskHealth] = field(default_factory=dict)
    fatal: asyncio.Event = field(default_factory=asyncio.Event)
    broken: BaseException | None = None
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def start(
        self, name: str, run: Run, *, fatal: bool = False, longest: float = LONGEST, source: bool = False
    ) -> None:
        """Keep `run` running under `name` until `stop`. `fatal`: any error of it stops the process. `longest` bounds
        the seconds between two tries, unless the other side refuses us. A `source` logs the state of its connection
        itself, as a running task does not mean that it is connected."""
        self.health[name] = TaskHealth()
        self._tasks[name] = asyncio.create_task(self._keep(name, run, fatal, longest, source), name=name)

    async def _keep(self, name: str, run: Run, fatal: bool, longest: float, source: bool) -> None:
        health, attempt, loop = self.health[name], 0, asyncio.get_running_loop()
        while True:
            started = loop.time()
            proof = loop.call_later(PROVEN, _proven, name, health, source)
            try:
                await run()
                return
            except Exception as error:  # a supervisor restarts whatever fell over
                if fatal or isinstance(error, InvariantBroken):
                    log.critical("stopping: this error cannot be undone", task=name, error=str(error), exc_info=True)
                    self.fail(error)
                    return
                if loop.time() - started > MINUTE / SECOND:
                    attempt = 0
                rejected = isinstance(error, SourceRejected | StoreRejected)
                if health.up and not (source and isinstance(error, SourceError)):
                    expected = isinstance(error, GatewayError)
                    log.error("task down", task=name, error=f"{type(error).__name__}: {error}", exc_info=not expected)
                health.up, health.error = False, error
                health.restarts += 1
                attempt += 1
            finally:
                proof.cancel()
            pause = self.pause(attempt, rejected)
            await asyncio.sleep(pause if rejected else min(longest, pause))

    def fail(self, error: BaseException) -> None:
        """Stop the process because of this error."""
        self.broken = error
        self.fatal.set()

    def check(self) -> None:
        """Raises the error that stops the process, if there is one."""
        if self.fatal.is_set():
            raise self.broken or InvariantBroken("the engine stopped")

    async def stop(self, *names: str) -> None:
        """Cancel these tasks (all when none is named) and wait for them."""
        chosen = [self._tasks.pop(name) for name in (names or list(self._tasks)) if name in self._tasks]
        for task in chosen:
            task.cancel()
        await asyncio.gather(*chosen, return_exceptions=True)

    async def end(self, name: str) -> None:
        """Stop the task for good and remove its health."""
        await self.stop(name)
        self.health.pop(name, None)


def _proven(name: str, health: TaskHealth, source: bool) -> None:
    """True after a while without an error; a task that was only restarted has shown nothing yet."""
    if not health.up and not (source and isinstance(health.error, SourceError)):
        log.info("task up again", task=name, restarts=health.restarts)
    health.up = True


def full_jitter(attempt: int, *, rejected: bool = False) -> float:
    """Wait in seconds: uniform in (0, min(60, 2^attempt)); after a refused login one to two minutes."""
    if rejected:
        return random.uniform(60, 120)  # noqa: S311 - not a secret
    return random.uniform(0.05, min(60.0, 2.0**attempt))  # noqa: S311 - not a secret
