"""The audit of orders becomes a chain: the hash of each row covers the row before it, and no row is ever changed."""

import hashlib
import json
import secrets
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None
_MANY = 2_000
_COVERED = ("tenant_id", "order_id", "seq", "type", "actor", "role", "before", "after", "at", "occurred_at")
_LINK = ("prev_hash", "hash", "digest", "salt")
_AUDIT = sa.table("audit", *(sa.column(name) for name in (*_COVERED, "data", "number", *_LINK)))


def upgrade() -> None:
    """Rows that are there join the chain of their tenant by time; then the database refuses to change or delete any,
    but for the erasure of its text."""
    op.add_column("audit", sa.Column("number", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    for name in _LINK:
        op.add_column("audit", sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''")))
    op.create_table(
        "audit_head", sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False), sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_audit_head"),
    )  # fmt: skip
    _chain(op.get_bind())
    with op.batch_alter_table("audit") as batch:
        for name in ("number", *_LINK):
            batch.alter_column(name, server_default=None)
        batch.create_unique_constraint("uq_audit_tenant_id_number", ["tenant_id", "number"])
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    """Rows can be changed again."""
    if op.get_bind().dialect.name == "sqlite":
        for name in ("audit_no_update", "audit_no_delete", "audit_head_no_update", "audit_head_no_delete"):
            op.execute(f"DROP TRIGGER {name}")
    else:
        for table in ("audit", "audit_head"):
            op.execute(f"DROP TRIGGER {table}_stays ON {table}")
            op.execute(f"DROP TRIGGER {table}_is_not_emptied ON {table}")
            op.execute(f"DROP FUNCTION {table}_stays()")
    op.drop_table("audit_head")
    with op.batch_alter_table("audit") as batch:
        batch.drop_constraint("uq_audit_tenant_id_number", type_="unique")
        for name in ("number", *_LINK):
            batch.drop_column(name)


def _chain(connection: sa.Connection) -> None:
    heads: dict[str, tuple[int, str]] = {}
    change = (
        sa.update(_AUDIT)
        .where(_AUDIT.c.order_id == sa.bindparam("b_order"), _AUDIT.c.seq == sa.bindparam("b_seq"))
        .values({name: sa.bindparam(name) for name in ("number", *_LINK)})
    )
    for rows in _parts(connection):
        links = []
        for row in rows:
            number, previous = heads.get(row["tenant_id"], (0, "0" * 64))
            salt = secrets.token_hex(16)
            digest = hashlib.sha256(f"{salt}\n{row['data']}".encode()).hexdigest()
            covered = {name.removesuffix("_id"): row[name] for name in _COVERED}
            covered |= {"number": number + 1, "prev_hash": previous, "digest": digest}
            written = json.dumps(covered, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
            hashed = hashlib.sha256(written.encode()).hexdigest()
            link = {"number": number + 1, "prev_hash": previous, "hash": hashed, "digest": digest, "salt": salt}
            links.append({**link, "b_order": row["order_id"], "b_seq": row["seq"]})
            heads[row["tenant_id"]] = (number + 1, hashed)
        connection.execute(change, links)
    for tenant, (number, hashed) in heads.items():
        head = sa.text("INSERT INTO audit_head VALUES (:tenant, :number, :hash)")
        connection.execute(head, {"tenant": tenant, "number": number, "hash": hashed})


def _parts(connection: sa.Connection) -> Iterator[list[dict[str, Any]]]:
    """The rows by time, some thousand at once. Read after the last key: the rows change meanwhile."""
    c = _AUDIT.c
    names = (*_COVERED, "data")
    key, last = (c.at, c.order_id, c.seq), None
    op.create_index("ix_audit_chaining", "audit", ["at", "order_id", "seq"])
    while True:
        rows = sa.select(*(c[name] for name in names)).order_by(*key).limit(_MANY)
        if last is not None:
            rows = rows.where(sa.tuple_(*key) > sa.tuple_(*map(sa.literal, last)))
        found = [dict(zip(names, row, strict=True)) for row in connection.execute(rows)]
        if found:
            yield found
        if len(found) < _MANY:
            break
        last = tuple(found[-1][name] for name in ("at", "order_id", "seq"))
    op.drop_index("ix_audit_chaining", "audit")


_NEVER = "the audit of work orders is never changed"
_KEPT = tuple(name for name in (*_COVERED, "number", "prev_hash", "hash", "digest"))
_SAME = " AND ".join(f'NEW."{name}" = OLD."{name}"' for name in _KEPT)
_ERASURE = f"NEW.data = '{{}}' AND NEW.salt = '' AND {_SAME}"
_ONWARD = "NEW.tenant_id = OLD.tenant_id AND NEW.number > OLD.number"


def _sqlite(table: str, allowed: str) -> tuple[str, ...]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{_NEVER}'); END"
    update = f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} WHEN NOT ({allowed}) {refuse}"
    return update, f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}"


def _postgresql(table: str, allowed: str) -> tuple[str, ...]:
    function = f"""CREATE FUNCTION {table}_stays() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF TG_OP = 'UPDATE' THEN IF {allowed} THEN RETURN NEW; END IF; END IF;
        RAISE EXCEPTION '{_NEVER}'; END $$"""
    each = f"BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_stays()"
    whole = f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {table}_stays()"
    return function, f"CREATE TRIGGER {table}_stays {each}", f"CREATE TRIGGER {table}_is_not_emptied {whole}"


_SQLITE = (*_sqlite("audit", _ERASURE), *_sqlite("audit_head", _ONWARD))
_POSTGRESQL = (*_postgresql("audit", _ERASURE), *_postgresql("audit_head", _ONWARD))
