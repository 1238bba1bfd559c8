"""API keys, and the caller's own identity."""

import asyncio
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Path, status
from pydantic import Field

from gateway.api.access import PERMISSIONS, KeyKeeper, Permission, Principal, Reader
from gateway.api.context import Context, Gateway, in_desk
from gateway.api.values import Instant, RequestModel, ResponseModel, When, refused
from gateway.domain.errors import Conflict
from gateway.domain.workorder import Role
from gateway.store.keys_and_callbacks import ApiKey

router = APIRouter(prefix="/v1", tags=["access"])
log = structlog.get_logger()
KeyName = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]*$")]
KeyRole = Literal["viewer", "operator", "engineer", "supervisor", "admin", "integrator"]


class KeyView(ResponseModel):
    """A key without its secret. `sites`: empty = all."""

    name: str
    role: Role
    sites: tuple[str, ...]
    created_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None
    used_at: Instant | None


class KeysView(ResponseModel):
    """Keys, newest first."""

    items: list[KeyView]


class NewKeyView(KeyView):
    """A new key. `key` is shown only in this answer."""

    key: str


class KeyIn(RequestModel):
    """`name` is the id of a person or a system: orders are assigned to it. `sites`: empty = all."""

    name: KeyName
    role: KeyRole
    sites: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=120)], ...], Field(max_length=200)] = ()
    expires_at: When | None = None


class MeView(ResponseModel):
    """The caller: name, role, permissions, sites."""

    name: str
    role: Role
    sites: tuple[str, ...]
    permissions: list[Permission]
    expires_at: Instant | None


def live(key: ApiKey, now: int) -> bool:
    """True if the key is neither revoked nor expired."""
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)


@router.get("/me")
async def me(principal: Reader) -> MeView:
    """Name, role and permissions of the caller."""
    key = principal.key
    return MeView(
        name=key.name,
        role=key.role,
        sites=key.sites,
        permissions=sorted(PERMISSIONS[key.role]),
        expires_at=key.expires_at,
    )


@router.get("/keys")
async def list_keys(context: Gateway, _: KeyKeeper) -> KeysView:
    """All keys, also revoked ones, never with a secret."""
    return KeysView(items=[_view(key) for key in await asyncio.to_thread(context.sql.keys.all)])


@router.post("/keys", status_code=status.HTTP_201_CREATED)
async def create_key(context: Gateway, principal: KeyKeeper, body: KeyIn) -> NewKeyView:
    """Create a key. Only this answer holds it."""
    now = context.clock.now()
    if body.expires_at is not None and body.expires_at <= now:
        raise refused(422, "key_expired")

    def work() -> tuple[str, ApiKey]:
        if any(key.name == body.name for key in context.sql.keys.all()):
            raise Conflict("key_name", ("other_name",), key="api.key_name", fields={})
        entry = principal.audited(now, "key.create", body.name, f"{body.role} {' '.join(body.sites)}".strip())
        return context.sql.keys.create(body.name, Role(body.role), now, body.sites, body.expires_at, entry)

    secret, key = await in_desk(context, work)
    log.info("key created", name=key.name, role=key.role.value, actor=principal.key.name)
    return NewKeyView(**dict(_view(key)), key=secret)


@router.delete("/keys/{name}", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_key(context: Gateway, principal: KeyKeeper, name: Annotated[str, Path(max_length=60)]) -> None:
    """Revoke a key at once."""
    await in_desk(context, lambda: _revoke(context, name, principal))
    log.info("key revoked", name=name, actor=principal.key.name)


def _revoke(context: Context, name: str, principal: Principal) -> None:
    now = context.clock.now()
    keys = [key for key in context.sql.keys.all() if live(key, now)]
    lasting = [key.name for key in keys if key.role is Role.ADMIN and not key.sites and key.expires_at is None]
    if lasting == [name]:
        raise Conflict("last_admin", ("create_admin_key",), key="api.last_admin", fields={})
    if not context.sql.keys.revoke(name, now, principal.audited(now, "key.revoke", name)):
        raise refused(404, "unknown_key")


def _view(key: ApiKey) -> KeyView:
    return KeyView(
        name=key.name,
        role=key.role,
        sites=key.sites,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        used_at=key.used_at,
    )
