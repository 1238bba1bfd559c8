"""A thread for blocking calls of one source. A call that hangs holds nobody up: its thread is given up."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")
_Job = tuple[Callable[[], object], "asyncio.Future[object] | None"]


class QueryWorker:
    """Calls run one after another in a daemon thread: neither the event loop nor the end of the process waits."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    async def call(self, function: Callable[[], T], seconds: float) -> T:
        """Its result, or its error. Raises TimeoutError when there is neither in time; the thread may hang then."""
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._jobs.put((function, future))
        async with asyncio.timeout(seconds):
            return await future  # type: ignore[return-value]

    def end(self, last: Callable[[], object]) -> None:
        """No further calls; `last` runs when the thread is free."""
        self._jobs.put((last, None))
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            function, future = job
            value: object = None
            error: BaseException | None = None
            try:
                value = function()
            except BaseException as raised:  # noqa: BLE001 - it is raised where the call was made
                error = raised
            if future is not None:
                with suppress(RuntimeError):  # the loop has ended
                    future.get_loop().call_soon_threadsafe(_settle, future, value, error)


def _settle(future: "asyncio.Future[object]", value: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
