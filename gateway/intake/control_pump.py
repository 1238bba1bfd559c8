"""Journals facts that were decided in SQL: control outbox -> intake, in order."""

import asyncio
from functools import partial
from typing import Final

from gateway.intake.intake import Intake
from gateway.ports import Blocking, ControlOutbox

MOST: Final = 500
"""Facts per commit."""


class ControlPump:
    """`desk_thread` runs the outbox's calls where the one SQL writer lives."""

    def __init__(self, outbox: ControlOutbox, intake: Intake, desk_thread: Blocking = asyncio.to_thread) -> None:
        self._outbox, self._intake, self._desk_thread = outbox, intake, desk_thread
        self._one = asyncio.Lock()

    async def pump(self) -> int:
        """Journal every pending fact and mark it; returns how many. Calls wait for each other, so order holds.

        A crash in between repeats facts at the next start: they are idempotent. Raises StoreError.
        """
        done = 0
        async with self._one:
            while rows := await self._desk_thread(partial(self._outbox.pending, MOST)):
                seqs = await self._intake.facts([fact for _, fact in rows])
                marks = {row: seq for (row, _), seq in zip(rows, seqs, strict=True)}
                await self._desk_thread(partial(self._outbox.journaled, marks))
                done += len(rows)
        return done
