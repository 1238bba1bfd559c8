"""`/v1/imports`: import of history (`fieldgate import`). Bodies: `gateway.import_service.wire`, MessagePack or JSON."""

from collections.abc import Awaitable, Callable
from functools import partial
from ipaddress import ip_address
from typing import Any, TypeVar

import msgspec
from fastapi import APIRouter, Request, Response

from gateway.api.access import Permission, Principal
from gateway.api.config import key_file
from gateway.api.context import Context, in_desk, in_ingest
from gateway.api.problems import language, respond
from gateway.api.values import refused
from gateway.domain.errors import CommandError, StoreError
from gateway.import_service.service import Imports
from gateway.import_service.wire import Begin, Chunk, End, Lookup

T = TypeVar("T")
Act = Callable[[T], Awaitable[Any]]
PACK = "application/msgpack"


def router(context: Context) -> APIRouter:
    """The routes, for keys of administrators."""
    routes = APIRouter(prefix="/v1/imports", tags=["imports"])
    endpoint = _ImportRequests(context)
    imports: Imports = context.imports

    @routes.post("/lookup")
    async def lookup(request: Request) -> Response:
        """The known ones of these devices, with their points. Changes nothing."""
        return await endpoint.open(request, Lookup, lambda wanted: _at_once(imports.lookup(wanted)))

    @routes.post("")
    async def begin(request: Request) -> Response:
        """Begin an import; returns its id."""
        who = getattr(request.state, "principal", None)
        key, address = (who.key.name, who.address) if isinstance(who, Principal) else ("", _address(request))
        return await endpoint.open(request, Begin, lambda wanted: imports.begin(wanted, key, address))

    @routes.post("/{number}/rows")
    async def rows(request: Request, number: str) -> Response:
        """Take one chunk; repeating a number changes nothing."""
        return await endpoint.open(request, Chunk, lambda chunk: imports.rows(number, chunk))

    @routes.post("/{number}/end")
    async def end(request: Request, number: str) -> Response:
        """The import is complete. `done` false: repeat the request."""
        return await endpoint.open(request, End, lambda wanted: imports.end(number, wanted))

    return routes


async def _at_once(answer: T) -> T:
    return answer


class _ImportRequests:
    """Checks access, decodes bodies and encodes answers."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def open(self, request: Request, kind: type[T], act: Act[T]) -> Response:
        """Check, decode, act, encode. Errors become problem documents."""
        try:
            _permit(await self._principal(request))
            content = self._decoded(request, await self._body(request), kind)
            answer = await in_ingest(self._context, partial(act, content))
        except (CommandError, StoreError) as error:
            return respond(error, language(request.headers))
        if PACK in request.headers.get("accept", ""):
            return Response(msgspec.msgpack.encode(answer), media_type=PACK)
        return Response(msgspec.json.encode(answer), media_type="application/json")

    async def _principal(self, request: Request) -> Principal | None:
        """The caller, found by the guard or by the key. None before the first key exists, and only from this
        machine."""
        principal = getattr(request.state, "principal", None)
        if isinstance(principal, Principal):
            return principal
        context = self._context
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if secret and scheme.lower() == "bearer":
            key = await in_desk(context, lambda: context.sql.keys.verify(secret.strip(), context.clock.now()))
            if key is not None:
                return Principal(key)
        elif not key_file(context.settings.data_dir, context.settings.tenant).exists() and _is_local(request):
            return None
        raise refused(401, "unauthorized")

    async def _body(self, request: Request) -> bytes:
        most, body = self._context.settings.api.max_body, bytearray()
        async for part in request.stream():
            body += part
            if len(body) > most:
                raise refused(413, "too_large", most=most)
        return bytes(body)

    @staticmethod
    def _decoded(request: Request, body: bytes, kind: type[T]) -> T:
        try:
            if request.headers.get("content-type", "").startswith(PACK):
                return msgspec.msgpack.decode(body, type=kind)
            return msgspec.json.decode(body, type=kind)
        except msgspec.DecodeError as error:
            raise CommandError(422, "invalid", str(error)) from None


def _permit(principal: Principal | None) -> None:
    """Raise unless the caller is an administrator of all sites."""
    if principal is None:
        return
    if not principal.may(Permission.KEYS):
        raise refused(403, "role", role=principal.key.role.value, permission=Permission.KEYS.value)
    if principal.key.sites:
        raise refused(403, "scope")


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def _is_local(request: Request) -> bool:
    return request.client is not None and ip_address(request.client.host).is_loopback
