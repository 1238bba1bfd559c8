"""Checks before every route: a valid key, a bounded body that arrives in time, safe response headers."""

import asyncio
from collections import deque
from ipaddress import ip_address

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.access import Permission, Principal
from gateway.api.allowed_hosts import AllowedHosts
from gateway.api.context import Context
from gateway.api.problems import language, respond
from gateway.api.request_counts import RequestCounts
from gateway.api.values import refused
from gateway.domain.errors import CommandError, StoreError

BODY_SECONDS = 10.0
OPEN = frozenset({"/healthz", "/readyz", "/metrics", "/openapi.json"})
"""Paths without a key on loopback only."""
SIGNED = "/v1/callbacks/"
"""Paths authenticated by signature, in the route."""
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
log = structlog.get_logger()


def caller_address(scope: Scope, headers: Headers, *, proxied: bool) -> str:
    """Address of the caller: behind a proxy the one the proxy appended to X-Forwarded-For, else that of the
    connection."""
    other = str(scope["client"][0]) if scope.get("client") else ""
    if not proxied:
        return other
    forwarded = headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    try:
        return str(ip_address(forwarded))
    except ValueError:
        return other


class RequestChecks:
    """ASGI middleware around the whole application. Without `keys` every request is admitted."""

    def __init__(self, app: ASGIApp, context: Context, requests: RequestCounts, *, keys: bool = True) -> None:
        self._app, self._context, self._requests, self._keys = app, context, requests, keys
        self._hosts = AllowedHosts(context.settings.api.url, context.settings.api.hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._requests.answers[message["status"]] += 1
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        try:
            await self._admit(scope, headers)
            whole = await self._bounded(headers, receive)
        except (CommandError, StoreError) as error:
            await respond(error, language(headers))(scope, receive, sending)
            return
        if whole is not None:
            await self._app(scope, whole, sending)

    async def _admit(self, scope: Scope, headers: Headers) -> None:
        if not self._hosts.known(headers.get("host", "")):
            raise refused(421, "host_unknown")
        address = caller_address(scope, headers, proxied=self._context.settings.api.behind_tls_proxy)
        scope.setdefault("state", {})["address"] = address
        path = scope["path"]
        if not self._keys or (path in OPEN and not self._context.settings.api.exposed):
            return
        if path.startswith(SIGNED):
            self._requests.require_no_wait(address)
            return
        principal = await self._authenticate(headers, address)
        if path in OPEN and not principal.may(Permission.READ):
            raise refused(403, "role", role=principal.key.role.value, permission=Permission.READ.value)
        scope["state"]["principal"] = principal
        await self._requests.admin_seen(self._context, principal, f"{scope['method']} {path}")

    async def _authenticate(self, headers: Headers, address: str) -> Principal:
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            await self._requests.refuse(self._context, "no_key", address)
            raise refused(401, "unauthorized")
        self._requests.require_no_wait(address, secret)
        if secret.startswith("fg_") and len(secret) <= 100 and secret.isascii():
            now = self._context.clock.now()
            key = await asyncio.to_thread(self._context.sql.keys.verify, secret, now)
            if key is not None:
                self._requests.limiter.accepted(secret)
                return Principal(key, address)
        await self._requests.refuse(self._context, "wrong_key", address)
        raise refused(401, "unauthorized")

    async def _bounded(self, headers: Headers, receive: Receive) -> Receive | None:
        """Reads the body, at most `max_body` bytes, before it is parsed. None when the caller has disconnected."""
        most = self._context.settings.api.max_body
        announced = headers.get("content-length", "0")
        if not (announced.isascii() and announced.isdigit()) or int(announced[:18]) > most:
            raise refused(413, "too_large", most=most)
        messages: deque[Message] = deque()
        size = 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    messages.append(message)
                    size += len(message.get("body", b""))
                    if size > most:
                        raise refused(413, "too_large", most=most)
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            raise refused(408, "too_slow") from None

        async def replay() -> Message:
            return messages.popleft() if messages else await receive()

        return replay
