"""The HTTP servers: the API, and health on a listener of its own. Each has an event loop and a thread of its own, so
that no caller delays a device, and no load on the API hides the state of the gateway."""

import asyncio
import socket
from collections.abc import Collection
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI

from gateway.api import imports, problems
from gateway.api.admin_key import ensure_admin
from gateway.api.config import TlsFiles
from gateway.api.connections import CLOSE_SECONDS, Bounds, ConnectionAcceptor
from gateway.api.context import Context, in_desk
from gateway.api.event_loops import LoopThread
from gateway.api.metrics import Metrics
from gateway.api.request_checks import RequestChecks
from gateway.api.request_counts import RequestCounts
from gateway.api.routes import (
    abnormal,
    alarms,
    audit,
    callbacks,
    corrections,
    customers,
    deliveries,
    device_commands,
    devices,
    hazards,
    health,
    history,
    journal,
    keys,
    meter_exchanges,
    offline_commands,
    order_codes,
    orders,
    plans,
    reload,
    schemas,
    tail,
    texts,
    unused,
)
from gateway.domain.error_reasons import reason
from gateway.domain.errors import ConfigError, Problem

ROUTERS = (
    health, device_commands, devices, history, alarms, orders, offline_commands, deliveries, journal, unused, keys,
    audit, customers, texts, callbacks, reload, schemas, tail, abnormal, corrections, meter_exchanges, plans,
    order_codes,
    hazards,
)  # fmt: skip
HEALTH_BOUNDS = Bounds(total=64, per_address=32, max_body=1024)
log = structlog.get_logger()


def create_api(context: Context) -> FastAPI:
    """The application with all routes."""
    api, requests = _application(context), RequestCounts()
    api.state.requests, api.state.metrics = requests, Metrics(context, requests)
    api.state.pending = set()
    for module in ROUTERS:
        api.include_router(module.router)
    api.include_router(imports.router(context))
    api.add_middleware(RequestChecks, context=context, requests=requests)
    return api


def create_health(context: Context, requests: RequestCounts) -> FastAPI:
    """The application for health without keys: `/healthz`, `/readyz`, on loopback `/metrics`."""
    api = _application(context)
    api.state.metrics = Metrics(context, requests)
    api.include_router(health.brief if context.settings.health.exposed else health.router)
    api.add_middleware(RequestChecks, context=context, requests=RequestCounts(), keys=False)
    return api


def _application(context: Context) -> FastAPI:
    api = FastAPI(
        title="Fieldgate",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        responses=problems.RESPONSES,
    )
    api.state.context = context
    problems.install(api)
    return api


class ListeningServer:
    """One application on one socket. Binds the address at once; raises ConfigError (`section`.port) when that fails."""

    def __init__(self, section: str, host: str, port: int) -> None:
        self.section = section
        self._socket = _listener(section, host, port)
        self._thread: LoopThread | None = None
        self.acceptor: ConnectionAcceptor | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._socket.getsockname()[1])

    def url(self, scheme: str = "http") -> str:
        """Its address as a URL."""
        host = self._socket.getsockname()[0]
        return f"{scheme}://[{host}]:{self.port}" if ":" in host else f"{scheme}://{host}:{self.port}"

    async def open(self, app: Any, bounds: Bounds, tls: TlsFiles | None = None) -> None:
        """Start answering; returns when it does. Until then no connection is accepted."""
        try:
            self._socket.listen(1024)
        except OSError as error:
            host, port = self._socket.getsockname()[:2]
            raise _taken(self.section, host, port, error) from error
        self._thread = LoopThread(self.section)
        self.acceptor = ConnectionAcceptor(self._socket, app, bounds, tls)
        await self._thread.run(self.acceptor.open())

    async def close(self, pending: Collection[asyncio.Task[Any]] = ()) -> None:
        """Finish open requests and their tasks, then close."""
        if self._thread is not None and self.acceptor is not None:
            await self._thread.run(self.acceptor.close())
            await self._thread.run(_wait(pending))
            await self._thread.stop()
            self._thread = None
        self._socket.close()


class ApiServer:
    """The API and the listener for health."""

    def __init__(self, context: Context) -> None:
        self._context, self._config = context, context.settings.api
        self.api = create_api(context)
        self._main: ListeningServer | None = None
        self._health: ListeningServer | None = None
        self.url = self.health_url = ""
        self.first_key: Path | None = None  # where the first start wrote the admin's key

    async def listen(self) -> None:
        """Bind both addresses and answer health requests. Raises ConfigError when an address is taken."""
        config, health_config = self._config, self._context.settings.health
        self._main = ListeningServer("api", config.host, config.port)
        port = health_config.port
        if port is None:
            port = config.port and config.port + 1
        try:
            self._health = ListeningServer("health", health_config.host, port)
        except ConfigError:
            await self._main.close()
            self._main = None
            raise
        self.url, self.health_url = self._main.url("https" if config.tls else "http"), self._health.url()
        await self._health.open(create_health(self._context, self.api.state.requests), HEALTH_BOUNDS)

    async def start(self) -> None:
        """Start the API; returns when it answers. Raises as `listen` does, and StoreError for the admin's key."""
        if self._main is None:
            await self.listen()
        assert self._main is not None
        try:
            self.first_key = await in_desk(self._context, partial(ensure_admin, self._context))
            await callbacks.resume(self._context)
        except BaseException:
            await self.stop()
            raise
        config = self._config
        # a proxy brings everybody's connections from one address
        per_address = config.connections if config.behind_tls_proxy else config.connections_per_address
        bounds = Bounds(config.connections, per_address, config.max_body)
        await self._main.open(self.api, bounds, config.tls)

    @property
    def acceptor(self) -> ConnectionAcceptor:
        """The acceptor of the API, which is open."""
        assert self._main is not None
        assert self._main.acceptor is not None
        return self._main.acceptor

    async def stop(self) -> None:
        """Finish open requests, then close."""
        if self._main is not None:
            await self._main.close(self.api.state.pending)
        if self._health is not None:
            await self._health.close()
        self._main = self._health = None


async def _wait(pending: Collection[asyncio.Task[Any]]) -> None:
    if pending:
        await asyncio.wait(pending, timeout=CLOSE_SECONDS)


def _listener(section: str, host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
    # asyncio switches Nagle's delay off only where the protocol is named: without it an answer takes 40 ms more
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        return listener
    except OSError as error:
        listener.close()
        raise _taken(section, host, port, error) from error


def _taken(section: str, host: str, port: int, error: OSError) -> ConfigError:
    fields = {"host": host, "port": port, "error": reason(error)}
    return ConfigError([Problem(section, f"{section}.port", "api.listen", fields)])
