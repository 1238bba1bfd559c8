"""Evaluates history in a child process: seed and history go to its standard input, the image comes from its standard
output."""

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence

from gateway.domain.errors import WorkerFailed
from gateway.domain.reading import Batch, encode_batch

HEAD = 8  # bytes of a length; messages follow it, an empty one is the end of the history


class LookBackProcess:
    """`command` runs `gateway.backtest.warmup_worker` or a program with the same protocol."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, command: Sequence[str], seed: bytes) -> "LookBackProcess":
        """Start the process and send the seed. Raises WorkerFailed."""
        try:
            worker = cls(await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE))
        except OSError as error:
            raise WorkerFailed(str(error)) from error
        await worker._send(seed)
        return worker

    async def feed(self, history: Batch) -> None:
        """Send readings, sorted by time over all calls. Raises WorkerFailed."""
        await self._send(encode_batch(history))

    async def image(self) -> bytes:
        """State after the history, encoded for the engine. Raises WorkerFailed."""
        await self._send(b"")
        assert self._process.stdout is not None, "asked for"
        try:
            size = int.from_bytes(await self._process.stdout.readexactly(HEAD), "little")
            return await self._process.stdout.readexactly(size)
        except asyncio.IncompleteReadError as error:
            raise WorkerFailed(f"it ended with status {await self._process.wait()}") from error

    async def stop(self) -> None:
        """End the process in any state."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def _send(self, message: bytes) -> None:
        assert self._process.stdin is not None, "asked for"
        try:
            self._process.stdin.write(len(message).to_bytes(HEAD, "little") + message)
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise WorkerFailed(f"it ended with status {await self._process.wait()}") from error
