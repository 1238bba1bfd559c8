"""API keys and the inbox of callbacks."""

import secrets
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, delete, insert, select, update

from gateway.domain.errors import Conflict
from gateway.domain.workorder import Role
from gateway.store import tables as t
from gateway.store.database import Database, insert_new
from gateway.store.row_mapping import columns
from gateway.store.security_audit import AuditedAct, record

_USED_EVERY = 60_000_000  # µs between two notes that a key is in use


class ApiKey(Struct, frozen=True):
    """A key without its secret. `sites` () = all; times µs."""

    id: str
    tenant: str
    name: str
    role: Role
    sites: tuple[str, ...]
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    used_at: int | None


class ApiKeys:
    """Stores only the SHA-256 of a key: with 256 random bits it cannot be guessed."""

    def __init__(self, database: Database, tenant: str = "default") -> None:
        self._database = database
        self._tenant = tenant

    def create(
        self,
        name: str,
        role: Role,
        now: int,
        sites: Sequence[str] = (),
        expires_at: int | None = None,
        act: AuditedAct | None = None,
    ) -> tuple[str, ApiKey]:
        """(the key, shown once, and its row). Raises StoreError when the name is taken."""
        secret = f"fg_{secrets.token_urlsafe(32)}"
        key = ApiKey(secrets.token_hex(8), self._tenant, name, role, tuple(sites), now, expires_at, None, None)
        row = {
            **msgspec.structs.asdict(key),
            "digest": _digest(secret),
            "sites": msgspec.json.encode(key.sites).decode(),
        }

        def work(c: Connection) -> None:
            c.execute(insert(t.api_key), [row])
            record(c, self._tenant, act)

        self._database.transact(work)
        return secret, key

    def verify(self, secret: str, now: int) -> ApiKey | None:
        """The key, if it is known, not revoked and not expired. Records its use, at most once a minute."""
        k = t.api_key.c
        row = select(t.api_key).where(k.tenant == self._tenant, k.digest == _digest(secret))
        found = self._database.query(lambda c: [_key(r) for r in c.execute(row)])
        if not found or found[0].revoked_at is not None or (found[0].expires_at or now + 1) <= now:
            return None
        if found[0].used_at is None or found[0].used_at <= now - _USED_EVERY:
            used = update(t.api_key).where(k.id == found[0].id).values(used_at=now)
            self._database.transact(lambda c: c.execute(used))
        return found[0]

    def revoke(self, name: str, now: int, act: AuditedAct | None = None) -> bool:
        """Revoke a key; False when there is no such live key."""
        k = t.api_key.c
        gone = update(t.api_key).where(k.tenant == self._tenant, k.name == name, k.revoked_at.is_(None))

        def work(c: Connection) -> bool:
            found = c.execute(gone.values(revoked_at=now)).rowcount > 0
            record(c, self._tenant, act if found else None)
            return found

        return self._database.transact(work)

    def delete(self, name: str, act: AuditedAct) -> None:
        """Delete a key that was made for one command: such keys do not belong in the list."""
        k = t.api_key.c

        def work(c: Connection) -> None:
            c.execute(delete(t.api_key).where(k.tenant == self._tenant, k.name == name))
            record(c, self._tenant, act)

        self._database.transact(work)

    def all(self) -> list[ApiKey]:
        """Every key, newest first."""
        k = t.api_key.c
        rows = select(t.api_key).where(k.tenant == self._tenant).order_by(k.created_at.desc(), k.name)
        return self._database.query(lambda c: [_key(row) for row in c.execute(rows)])


class Inbound(Struct, frozen=True):
    """A callback as received. `processed_at` None = not carried out yet; `result` is the answer that was given."""

    id: int
    tenant: str
    endpoint: str
    external_id: str
    body: bytes
    received_at: int
    processed_at: int | None
    result: str


class Inbox:
    """(endpoint, external id) is unique: a repeated callback is carried out once and gets the same answer."""

    def __init__(self, database: Database, tenant: str = "default") -> None:
        self._database = database
        self._tenant = tenant

    def receive(self, endpoint: str, external_id: str, body: bytes, now: int) -> tuple[Inbound, bool]:
        """(the row, True if it is new). On disk when this returns, so the caller may answer at once.

        Raises CommandError 409 when the id came before with another body.
        """
        i = t.inbox.c
        row = {
            "tenant": self._tenant,
            "endpoint": endpoint,
            "external_id": external_id,
            "body": body,
            "received_at": now,
            "processed_at": None,
            "result": "",
        }
        same = (i.tenant == self._tenant, i.endpoint == endpoint, i.external_id == external_id)

        def work(c: Connection) -> tuple[Inbound, bool]:
            known = c.execute(select(t.inbox).where(*same)).one_or_none()
            if known is None:
                insert_new(c, t.inbox, [row])
            found = Inbound(*c.execute(select(t.inbox).where(*same)).one())
            if found.body != body:
                acts = ("same_bytes", "new_webhook_id")
                raise Conflict("callback_reused", acts, key="api.callback_reused", fields={})
            return found, known is None

        return self._database.transact(work)

    def done(self, row: int, result: str, now: int) -> None:
        """Mark the row as carried out, with this answer. The first answer stays."""
        i = t.inbox.c
        mark = update(t.inbox).where(i.id == row, i.processed_at.is_(None)).values(processed_at=now, result=result)
        self._database.transact(lambda c: c.execute(mark))

    def waiting(self, limit: int = 100) -> list[Inbound]:
        """Callbacks received and not carried out, oldest first: a restart continues with them."""
        i = t.inbox.c
        rows = select(t.inbox).where(i.tenant == self._tenant, i.processed_at.is_(None)).order_by(i.id).limit(limit)
        return self._database.query(lambda c: [Inbound(*row) for row in c.execute(rows)])


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _key(row: Row[Any]) -> ApiKey:
    values = dict(zip(columns(t.api_key), row, strict=True))
    values.pop("digest")
    values["sites"] = msgspec.json.decode(values["sites"])
    return msgspec.convert(values, ApiKey)
