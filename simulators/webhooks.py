"""Common parts of the HTTP simulators: Standard Webhooks written from its specification, faults, a server on a free
port.

It shares no code with the gateway: a simulator that used the gateway's signer would repeat its mistakes.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import uvicorn
from fastapi import FastAPI, Request, Response
from uvicorn.protocols.http.h11_impl import H11Protocol

FaultKind = Literal["error", "busy", "slow", "reset", "gone", "refuse"]
TOLERANCE = 300.0


def decode_secret(text: str) -> bytes:
    """`whsec_` + base64, or the raw characters."""
    if text.startswith("whsec_"):
        encoded = text[len("whsec_") :]
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    return text.encode()


def signature(key: bytes, message: str, timestamp: str, body: bytes) -> str:
    """`v1,<base64 of HMAC-SHA256 of id.timestamp.body>`."""
    signed = b".".join((message.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def problem_of(keys: list[bytes], headers: Any, body: bytes) -> str:
    """Reason why a request is not authentic; "" = it is authentic."""
    message, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "").split(" ")
    if not message or not timestamp.isdigit():
        return "webhook headers are missing"
    if abs(time.time() - int(timestamp)) > TOLERANCE:
        return "timestamp outside five minutes"
    good = [signature(key, message, timestamp, body) for key in keys]
    return "" if any(hmac.compare_digest(a, b) for a in good for b in given) else "no signature matches"


@dataclass
class ReceiverFault:
    """`kind` for the next `count` requests (-1 = until changed).

    error: HTTP `status` · busy: 429 with Retry-After `seconds` · slow: answers after `seconds` · reset: takes the
    message, then resets the connection without an answer · gone: 410 · refuse: resets before taking it.
    """

    kind: FaultKind
    count: int = 1
    status: int = 500
    seconds: float = 1.0


class ReceiverFaults:
    """Faults of the next requests, in the order they were added."""

    def __init__(self) -> None:
        self.queue: list[ReceiverFault] = []
        self.injected: dict[str, int] = {}

    def take(self) -> ReceiverFault | None:
        """Fault for this request; it is removed from the queue."""
        if not self.queue:
            return None
        fault = self.queue[0]
        if fault.count > 0:
            fault.count -= 1
        if fault.count == 0:
            self.queue.pop(0)
        self.injected[fault.kind] = self.injected.get(fault.kind, 0) + 1
        return fault

    @staticmethod
    async def answer(fault: ReceiverFault | None) -> Response | None:
        """Response of the fault in place of the application's; None = the application answers."""
        match fault:
            case ReceiverFault(kind="error"):
                return Response("simulated failure", fault.status)
            case ReceiverFault(kind="busy"):
                return Response("too many requests", 429, {"retry-after": f"{fault.seconds:.0f}"})
            case ReceiverFault(kind="gone"):
                return Response("this endpoint was removed", 410)
            case ReceiverFault(kind="slow"):
                await asyncio.sleep(fault.seconds)
        return None


_open: dict[tuple[object, object], asyncio.Transport] = {}


class _Protocol(H11Protocol):
    """Keeps its transport by both addresses, so that a fault can reset the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _open[self.client, self.server] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        _open.pop((self.client, self.server), None)
        super().connection_lost(exc)


def reset(request: Request) -> None:
    """Reset (RST, not FIN) the connection of this request."""
    transport = _open.get((request.scope["client"], request.scope["server"]))
    if transport is not None:
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()


def add_fault_routes(app: FastAPI, faults: ReceiverFaults) -> None:
    """`POST /faults` queues a fault, `DELETE /faults` ends all."""

    @app.post("/faults")
    async def add(fault: ReceiverFault) -> dict[str, int]:
        faults.queue.append(fault)
        return {"waiting": len(faults.queue)}

    @app.delete("/faults")
    async def clear() -> dict[str, int]:
        faults.queue.clear()
        return {"waiting": 0}


def listen(host: str, port: int) -> socket.socket:
    """A bound socket: the port is reserved before its number is published."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    return sock


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(app, http=_Protocol, log_level="warning", access_log=False, timeout_graceful_shutdown=3)


class _LoopServer(uvicorn.Server):
    """A server in an existing event loop: it leaves signals alone and signals readiness."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to the event loop's owner."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then signal readiness."""
        await super().startup(sockets)
        self.ready.set()


@asynccontextmanager
async def running(app: FastAPI, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """Run the application in this event loop; yields its port."""
    with closing(listen(host, port)) as sock:
        server = _LoopServer(_config(app))
        task = asyncio.create_task(server.serve([sock]))
        started = asyncio.create_task(server.ready.wait())
        try:
            await asyncio.wait({task, started}, return_when=asyncio.FIRST_COMPLETED)
            yield sock.getsockname()[1]
        finally:
            server.should_exit = True
            started.cancel()
            await task


def run(app: FastAPI, name: str, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; the first line on stdout is `{"name", "host", "port"}`."""
    with closing(listen(host, port)) as sock:
        sys.stdout.write(json.dumps({"name": name, "host": host, "port": sock.getsockname()[1]}) + "\n")
        sys.stdout.flush()
        uvicorn.Server(_config(app)).run([sock])


def read_secrets(files: tuple[Path, ...]) -> list[bytes]:
    """Secrets of a file, one per line."""
    return [decode_secret(file.read_text("utf-8").strip()) for file in files]
