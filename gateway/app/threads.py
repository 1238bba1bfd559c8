"""The threads of the stores and the engine."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gateway.ports import Blocking


class Threads:
    """One thread each for the engine, the desk (the one SQL writer) and every store of readings: `series` is the
    thread of the store that is read."""

    def __init__(self) -> None:
        self._pools = {name: ThreadPoolExecutor(1, thread_name_prefix=name) for name in ("rules", "desk", "series")}
        self.rules, self.desk, self.series = (self._runner(pool) for pool in self._pools.values())

    def store(self, name: str) -> Blocking:
        """The thread of a further store."""
        return self._runner(self._pools.setdefault(f"store.{name}", ThreadPoolExecutor(1, f"store.{name}")))

    @staticmethod
    def _runner(pool: ThreadPoolExecutor) -> Blocking:
        def run(call: Callable[[], Any]) -> Awaitable[Any]:
            return asyncio.get_running_loop().run_in_executor(pool, call)

        return run

    def close(self) -> None:
        """Wait for running calls, then end the threads."""
        for pool in self._pools.values():
            pool.shutdown()
