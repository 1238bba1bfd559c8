"""What runs beside the connections of a source: presence, messages that are published, and so on."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Protocol

from gateway.ports import Emit
from protocols.mapping.mapper import Mapped
from protocols.mqtt.publication import Publication, Publisher


class ReceivedMessage(Protocol):
    """What a companion reads of a PUBLISH."""

    topic: str
    payload: bytes
    retain: bool


class Companion(Protocol):
    """One part. All but `run` are called on the event loop of the source and return at once."""

    async def prepare(self) -> None:
        """Before the first connection: read what was kept of the last run."""

    def will(self) -> Publication | None:
        """That of the next connection; None = none."""

    def connected(self, publisher: Publisher) -> None:
        """A connection is ready."""

    def disconnected(self) -> None:
        """It is over, or was never ready."""

    def take(self, messages: Sequence[ReceivedMessage], skip: Collection[int]) -> set[int]:
        """Indices of the messages that are for this part and no readings; `skip`: those that came before."""

    def saw(self, mapped: Mapped, places: Sequence[int]) -> None:
        """The same messages, mapped but for what was taken; `places`: place in the call of the mapper -> in `take`."""

    def leaving(self) -> Sequence[Publication]:
        """What is published before the source ends a connection by itself."""

    async def run(self, emit: Emit) -> None:
        """Until cancelled."""


class NoCompanion:
    """A `Companion` that does nothing; each part overrides what it needs."""

    async def prepare(self) -> None:
        """Nothing is kept."""

    def will(self) -> Publication | None:
        """None."""
        return None

    def connected(self, publisher: Publisher) -> None:
        """Nothing follows from it."""

    def disconnected(self) -> None:
        """Nothing follows from it."""

    def take(self, messages: Sequence[ReceivedMessage], skip: Collection[int]) -> set[int]:  # noqa: ARG002 - as Companion
        """No message is for this part."""
        return set()

    def saw(self, mapped: Mapped, places: Sequence[int]) -> None:
        """Nothing follows from it."""

    def leaving(self) -> Sequence[Publication]:
        """Nothing."""
        return ()

    async def run(self, emit: Emit) -> None:  # noqa: ARG002 - as Companion
        """Wait for the end of the source."""
        await asyncio.Event().wait()


class Companions:
    """Several as one."""

    def __init__(self, parts: Iterable[Companion]) -> None:
        self._parts = tuple(parts)

    def will(self) -> Publication | None:
        """The first one; a configuration that has two is refused."""
        return next((will for part in self._parts if (will := part.will()) is not None), None)

    def connected(self, publisher: Publisher) -> None:
        """To each."""
        for part in self._parts:
            part.connected(publisher)

    def disconnected(self) -> None:
        """To each."""
        for part in self._parts:
            part.disconnected()

    def take(self, messages: Sequence[ReceivedMessage], skip: Collection[int]) -> set[int]:
        """Of all of them."""
        return set[int]().union(*(part.take(messages, skip) for part in self._parts))

    def saw(self, mapped: Mapped, places: Sequence[int]) -> None:
        """To each."""
        for part in self._parts:
            part.saw(mapped, places)

    def leaving(self) -> Sequence[Publication]:
        """Of all of them."""
        return [one for part in self._parts for one in part.leaving()]

    async def run_beside(self, connections: Callable[[], Awaitable[None]], emit: Emit) -> None:
        """All parts beside `connections`, until the first of all ends: with its result or its error."""
        for part in self._parts:
            await part.prepare()
        tasks = [asyncio.ensure_future(connections())]
        tasks += [asyncio.ensure_future(part.run(emit)) for part in self._parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        return done.pop().result()
