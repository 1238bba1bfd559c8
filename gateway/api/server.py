"""The HTTP server inside the gateway's event loop."""

import asyncio
import socket
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import structlog
import uvicorn
from fastapi import FastAPI

from gateway.api import imports, problems
from gateway.api.config import ApiConfig
from gateway.api.context import Context, in_desk
from gateway.api.firstkey import ensure_admin
from gateway.api.guard import Guard, Traffic
from gateway.api.metrics import Metrics
from gateway.api.routes import alarms, callbacks, deliveries, devices, health, history, journal, keys, orders
from gateway.domain.errors import ConfigError, Problem

ROUTERS = (health, devices, history, alarms, orders, deliveries, journal, keys, callbacks)
CONNECTIONS = 512  # at once; more are answered 503
CLOSE_SECONDS = 3  # for open requests at a stop
log = structlog.get_logger()


def create_api(context: Context) -> FastAPI:
    """All routes on one application."""
    api = FastAPI(
        title="Fieldgate", version="1", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False,
        responses=problems.RESPONSES,
    )  # fmt: skip
    traffic = Traffic()
    api.state.context, api.state.traffic, api.state.metrics = context, traffic, Metrics(context, traffic)
    api.state.pending = set()
    problems.install(api)
    for module in ROUTERS:
        api.include_router(module.router)
    api.include_router(imports.router(context))
    api.add_middleware(Guard, context=context, traffic=traffic)
    return api


class ApiServer:
    """uvicorn without its signal handlers."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._config: ApiConfig = context.settings.api
        self._api = create_api(context)
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._api, log_config=None, lifespan="off", access_log=False, server_header=False, proxy_headers=False,
                limit_concurrency=CONNECTIONS, timeout_graceful_shutdown=CLOSE_SECONDS, ws="none",
            )
        )  # fmt: skip
        self._socket: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None
        self.url = ""
        self.first_key: Path | None = None  # where the first start wrote the admin's key

    async def start(self) -> None:
        """Returns when it listens. Raises ConfigError when the address is taken, StoreError for the admin's key."""
        self._socket = self._listen()
        try:
            self.first_key = await in_desk(self._context, partial(ensure_admin, self._context))
            await callbacks.resume(self._context)
        except BaseException:
            self._socket.close()
            raise
        config = self._server.config
        config.load()
        self._server.lifespan = config.lifespan_class(config)
        await self._server.startup([self._socket])
        host, port = self._socket.getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        if self._config.exposed:
            log.warning("the api is reachable from other machines: put a TLS proxy before it", url=self.url)
        self._task = asyncio.create_task(self._server.main_loop(), name="api")

    async def stop(self) -> None:
        """Finish open requests, then close."""
        if self._task is not None:
            self._server.should_exit = True
            await self._task
            await self._server.shutdown()
            self._task = None
        if self._api.state.pending:
            await asyncio.wait(self._api.state.pending, timeout=CLOSE_SECONDS)
        if self._socket is not None:
            self._socket.close()

    def _listen(self) -> socket.socket:
        """Our own socket: uvicorn would end the process when the port is taken."""
        host, port = self._config.host, self._config.port
        family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
        # asyncio switches Nagle's delay off only where the protocol is named: without it an answer takes 40 ms more
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((host, port))
            listener.listen(1024)
            return listener
        except OSError as error:
            listener.close()
            fields = {"host": host, "port": port, "error": error.strerror or ""}
            raise ConfigError([Problem("api", "api.port", "api.listen", fields)]) from error
