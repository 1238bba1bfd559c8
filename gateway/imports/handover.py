"""Handover of an import without a gateway to a gateway that starts: it releases the data folder and continues through
the API."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

from gateway.domain.errors import GatewayError, StoreError
from gateway.import_service.wire import Begin, Begun, Chunk, ImportScope, Result, Taken
from gateway.imports.target import GatewayImportTarget, ImportTarget

T = TypeVar("T")
LOOK: Final = 0.2
"""Seconds between two checks for a gateway that needs the data folder."""
STARTING: Final = 120.0
"""Seconds allowed until the gateway answers."""


class HandoverTarget:
    """Target of an import that holds the data folder itself (`own`) until a gateway needs it. Then the local parts end
    (`leave`), and the import continues with the gateway (`remote`; None = it has no address). Imports under way survive
    this like a restart of a gateway: their first mark is in the journal."""

    def __init__(
        self,
        own: ImportTarget,
        wanted: Callable[[], bool],
        leave: Callable[[], Awaitable[None]],
        remote: Callable[[], GatewayImportTarget | None],
    ) -> None:
        self._own, self._wanted, self._leave, self._remote = own, wanted, leave, remote
        self._requested, self._released, self._turn = asyncio.Event(), asyncio.Event(), asyncio.Lock()
        self._other: GatewayImportTarget | None = None
        self._failed: BaseException | None = None

    @property
    def handed_over(self) -> bool:
        """True once a gateway has requested the data folder."""
        return self._requested.is_set()

    async def watch(self) -> None:
        """Check for a gateway until cancelled, or until the data folder is released."""
        while not self._wanted():  # noqa: ASYNC110 - a file of another process
            await asyncio.sleep(LOOK)
        self._requested.set()
        async with self._turn:
            try:
                await self._leave()
            except GatewayError as error:
                self._failed = error
            finally:
                self._released.set()

    async def close(self) -> None:
        """Close the connection to the gateway, if there is one."""
        if self._other is not None:
            await self._other.__aexit__(None, None, None)

    async def lookup(self, codes: Sequence[str]) -> ImportScope:
        """Implements ImportTarget."""
        return await self._call(lambda target: target.lookup(codes))

    async def begin(self, wanted: Begin) -> Begun:
        """Implements ImportTarget."""
        return await self._call(lambda target: target.begin(wanted))

    async def rows(self, number: str, chunk: Chunk) -> Taken:
        """Implements ImportTarget."""
        return await self._call(lambda target: target.rows(number, chunk))

    async def end(self, number: str, chunks: int) -> Result | None:
        """Implements ImportTarget."""
        return await self._call(lambda target: target.end(number, chunks))

    async def _call(self, call: Callable[[ImportTarget], Coroutine[Any, Any, T]]) -> T:
        """Call the local target. If a gateway requests the data folder during the call, the call is cancelled, as in a
        crash, and repeated with the gateway."""
        if not self.handed_over:
            async with self._turn:
                task, requested = asyncio.ensure_future(call(self._own)), asyncio.ensure_future(self._requested.wait())
                try:
                    await asyncio.wait({task, requested}, return_when=asyncio.FIRST_COMPLETED)
                    if task.done():
                        return task.result()
                finally:
                    task.cancel()
                    requested.cancel()
                    await asyncio.gather(task, requested, return_exceptions=True)
        await self._released.wait()
        return await call(await self._answering())

    async def _answering(self) -> GatewayImportTarget:
        """The gateway as a target. Raises StoreError when it has no address, or does not answer in time."""
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
                self._other = self._remote()  # a new client: a first start has made the key meanwhile
            else:
                await asyncio.sleep(LOOK)
        return self._other
