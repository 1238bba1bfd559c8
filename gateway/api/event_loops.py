"""Calls from the API's event loop to the ingest loop and back. The API reaches ingest only through this module."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from threading import Thread
from typing import Any, Final, TypeVar

T = TypeVar("T")
JOIN: Final = 10.0  # s


async def await_on(loop: asyncio.AbstractEventLoop | None, make: Callable[[], Awaitable[T]]) -> T:
    """Result of `make()`, awaited on `loop`; awaited here if that is None or the current loop. Raises what it
    raises. Cancelling the call cancels it there too."""
    if loop is None or loop is asyncio.get_running_loop():
        return await make()

    async def work() -> T:
        return await make()

    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), loop))


class OwnerLoop:
    """The event loop that owns intake, sources and relay; other threads reach them only through `run`. Before
    `bind`, calls run on the caller's loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def bind(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Use `loop` from now on."""
        self._loop = loop

    async def run(self, make: Callable[[], Awaitable[T]]) -> T:
        """Result of `make()`, awaited on the owner's loop. It must be short. Raises what it raises."""
        return await await_on(self._loop, make)


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = Thread(target=self._main, name=name, daemon=True)
        self._thread.start()

    def _main(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._over.wait())

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Await `work` on that loop."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))

    async def stop(self) -> None:
        """Cancel the tasks that still run there and end the thread."""
        self.loop.call_soon_threadsafe(self._over.set)
        await asyncio.to_thread(self._thread.join, JOIN)
