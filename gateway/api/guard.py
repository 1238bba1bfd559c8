"""What stands before every route: a valid key, a bounded body that arrives in time, headers that give nothing away."""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.access import Permission, Principal
from gateway.api.context import Context
from gateway.api.hosts import Hosts
from gateway.api.problems import language, respond
from gateway.api.values import refused
from gateway.domain.errors import CommandError, StoreError

BODY_SECONDS = 10.0
OPEN = frozenset({"/healthz", "/readyz", "/metrics", "/openapi.json"})
"""Without a key on loopback only."""
SIGNED = "/v1/callbacks/"
"""Authenticated by signature, in the route."""
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_SAY_EVERY = 60.0
log = structlog.get_logger()


@dataclass(slots=True)
class Traffic:
    """Counts since the start: answers by status, refused logins and callbacks by reason."""

    answers: Counter[int] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    said: float = float("-inf")

    def refuse(self, reason: str) -> None:
        """Count, and say so once a minute: a flood of wrong keys must not become a flood of log lines."""
        self.refused[reason] += 1
        now = asyncio.get_running_loop().time()
        if now - self.said >= _SAY_EVERY:
            self.said = now
            log.warning("api access refused", reason=reason, so_far=self.refused.total())


class Guard:
    """ASGI middleware, outside of everything but the server's last resort. Without `keys` everything is open."""

    def __init__(self, app: ASGIApp, context: Context, traffic: Traffic, *, keys: bool = True) -> None:
        self._app, self._context, self._traffic, self._keys = app, context, traffic, keys
        self._hosts = Hosts(context.settings.api.url, context.settings.api.hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._traffic.answers[message["status"]] += 1
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        try:
            await self._admit(scope, headers)
            receive = await self._bounded(headers, receive)
        except (CommandError, StoreError) as error:
            await respond(error, language(headers))(scope, receive, sending)
            return
        await self._app(scope, receive, sending)

    async def _admit(self, scope: Scope, headers: Headers) -> None:
        if not self._hosts.known(headers.get("host", "")):
            raise refused(421, "host_unknown")
        path = scope["path"]
        if not self._keys or path.startswith(SIGNED) or (path in OPEN and not self._context.settings.api.exposed):
            return
        principal = await self._authenticate(headers)
        if path in OPEN and not principal.may(Permission.READ):
            raise refused(403, "role", role=principal.key.role.value, permission=Permission.READ.value)
        scope.setdefault("state", {})["principal"] = principal

    async def _authenticate(self, headers: Headers) -> Principal:
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        reason = ""
        if scheme.lower() != "bearer" or not secret:
            reason = "no_key"
        elif not secret.startswith("fg_") or len(secret) > 100 or not secret.isascii():
            reason = "wrong_key"
        else:
            now = self._context.clock.now()
            key = await asyncio.to_thread(self._context.keys.verify, secret, now)
            if key is not None:
                return Principal(key)
            reason = "wrong_key"
        self._traffic.refuse(reason)
        raise refused(401, "unauthorized")

    async def _bounded(self, headers: Headers, receive: Receive) -> Receive:
        """Reads the body, at most `max_body`, before anything parses it."""
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
                    messages.append(message)
                    size += len(message.get("body", b""))
                    if size > most:
                        raise refused(413, "too_large", most=most)
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        break
        except TimeoutError:
            raise refused(408, "too_slow") from None

        async def replay() -> Message:
            return messages.popleft() if messages else await receive()

        return replay
