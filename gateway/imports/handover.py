"""An import without a gateway gives way to one that starts: it lets the data go, and goes on through its API."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

from gateway.domain.errors import GatewayError, StoreError
from gateway.import_service.wire import Begin, Begun, Chunk, ImportScope, Result, Taken
from gateway.imports.target import GatewayImportTarget, ImportTarget

T = TypeVar("T")
LOOK: Final = 0.2
"""Seconds between two looks for a gateway that wants the data."""
STARTING: Final = 120.0
"""Seconds the gateway may take until it answers."""


class HandoverTarget:
    """The target of an import that has the data itself (`own`), until a gateway wants it: then what runs here ends
    (`leave`), and the gateway is asked from there on (`remote`; None = it has no address). Imports that are under way
    survive that as they survive a restart of a gateway: their first mark is in the journal.
    """

    def __init__(
        self,
        own: ImportTarget,
        wanted: Callable[[], bool],
        leave: Callable[[], Awaitable[None]],
        remote: Callable[[], GatewayImportTarget | None],
    ) -> None:
        self._own, self._wanted, self._leave, self._remote = own, wanted, leave, remote
        self._asked, self._gone, self._turn = asyncio.Event(), asyncio.Event(), asyncio.Lock()
        self._other: GatewayImportTarget | None = None
        self._failed: BaseException | None = None

    @property
    def handed_over(self) -> bool:
        """Has a gateway asked for the data?"""
        return self._asked.is_set()

    async def watch(self) -> None:
        """Look for a gateway until cancelled, or until one can have the data."""
        while not self._wanted():  # noqa: ASYNC110 - a file of another process
            await asyncio.sleep(LOOK)
        self._asked.set()
        async with self._turn:
            try:
                await self._leave()
            except GatewayError as error:
                self._failed = error
            finally:
                self._gone.set()

    async def close(self) -> None:
        """Close the connection to the gateway, if there is one."""
        if self._other is not None:
            await self._other.__aexit__(None, None, None)

    async def lookup(self, codes: Sequence[str]) -> ImportScope:
        """As Target."""
        return await self._ask(lambda target: target.lookup(codes))

    async def begin(self, wanted: Begin) -> Begun:
        """As Target."""
        return await self._ask(lambda target: target.begin(wanted))

    async def rows(self, number: str, chunk: Chunk) -> Taken:
        """As Target."""
        return await self._ask(lambda target: target.rows(number, chunk))

    async def end(self, number: str, chunks: int) -> Result | None:
        """As Target."""
        return await self._ask(lambda target: target.end(number, chunks))

    async def _ask(self, call: Callable[[ImportTarget], Coroutine[Any, Any, T]]) -> T:
        """Here, unless a gateway asks meanwhile: then the request ends half-way, as in a crash, and goes there."""
        if not self.handed_over:
            async with self._turn:
                task, asked = asyncio.ensure_future(call(self._own)), asyncio.ensure_future(self._asked.wait())
                try:
                    await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
                    if task.done():
                        return task.result()
                finally:
                    task.cancel()
                    asked.cancel()
                    await asyncio.gather(task, asked, return_exceptions=True)
        await self._gone.wait()
        return await call(await self._answering())

    async def _answering(self) -> GatewayImportTarget:
        """The gateway. Raises StoreError when it has no address, or does not answer in time."""
        if self._failed is not None:
            raise self._failed
        loop = asyncio.get_running_loop()
        until = loop.time() + STARTING
        while self._other is None:
            probe = self._remote()
            if probe is None or loop.time() > until:
                raise StoreError.of("import.gave_way")
            async with probe:
                up = await probe.ready()
            if up:
                self._other = self._remote()  # anew: a first start has made the key meanwhile
            else:
                await asyncio.sleep(LOOK)
        return self._other
