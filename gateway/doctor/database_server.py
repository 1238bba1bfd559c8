"""Findings about the PostgreSQL server of the relational database; changes nothing."""

from typing import Any

from sqlalchemy import Connection, text

from gateway.domain.byte_size import format_size
from gateway.domain.errors import StoreError
from gateway.domain.finding import DoctorFinding, bad, ok, warn
from gateway.domain.language_values import Phrase
from gateway.store import DatabasePlace

_ABOUT = text("""
SELECT current_user AS "user", n.oid IS NOT NULL AS made, current_setting('server_version') AS version,
       CASE WHEN n.oid IS NULL THEN has_database_privilege(current_database(), 'CREATE')
            ELSE has_schema_privilege(n.oid, 'CREATE') AND has_schema_privilege(n.oid, 'USAGE') END AS may_create,
       coalesce((SELECT bool_and(has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE'))
                 FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind = 'r'), true) AS may_write,
       coalesce((SELECT sum(pg_total_relation_size(c.oid))
                 FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind = 'r'), 0)::bigint AS size,
       current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes
FROM (SELECT) one LEFT JOIN pg_namespace n ON n.nspname = :schema
""")


def examine(place: DatabasePlace) -> list[DoctorFinding]:
    """Connection, release, rights, size, durability."""
    schema, address = place.config.schema_name, place.config.address

    def about(connection: Connection) -> Any:
        return connection.execute(_ABOUT, {"schema": schema}).one()

    try:
        database = place.open()
        try:
            row = database.query(about)
        finally:
            database.dispose()
    except StoreError as error:
        what = Phrase(error.key, error.fields) if error.key else str(error)
        return [bad("database.doctor.bad", "database.doctor.bad.do", error=what)]
    size = format_size(row.size)
    found = [ok("database.doctor.ok", place=address, version=row.version, schema=schema, size=size)]
    if not (row.may_create and row.may_write):
        right = Phrase("postgres.right.write" if row.made else "postgres.right.create", {"schema": schema})
        fields = {"place": address, "user": row.user, "what": right, "schema": schema}
        found.append(bad("database.doctor.rights", "postgres.doctor.rights.do", **fields))
    off = [name for name in ("fsync", "full_page_writes") if getattr(row, name) != "on"]
    return found + [warn("database.doctor.fsync", "database.doctor.fsync.do", place=address, name=one) for one in off]
