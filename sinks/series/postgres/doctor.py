"""Findings of `fieldgate doctor` about the server; changes nothing."""

from gateway.domain.errors import StoreError
from gateway.domain.finding import DoctorFinding, bad, ok, warn
from gateway.domain.language_values import Phrase
from sinks.series.postgres.config import PostgresConfig
from sinks.series.postgres.session import PostgresSession

_RIGHTS = """
SELECT current_user, n.oid IS NOT NULL,
       CASE WHEN n.oid IS NULL THEN has_database_privilege(current_database(), 'CREATE')
            ELSE has_schema_privilege(n.oid, 'CREATE') AND has_schema_privilege(n.oid, 'USAGE') END,
       coalesce((SELECT bool_and(has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE'))
                 FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p')), true)
FROM (SELECT) one LEFT JOIN pg_namespace n ON n.nspname = %s
"""


def server(config: PostgresConfig) -> list[DoctorFinding]:
    """Connection, release, extension, rights, durability."""
    place, schema = config.address, config.schema_name
    try:
        session = PostgresSession(config)
    except StoreError as error:
        return [_broken(error)]
    try:
        with session.errors():
            extension = session.run("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
            ((user, there, may_create, may_write),) = session.run(_RIGHTS, [schema])
            ((fsync,),) = session.run("SELECT current_setting('fsync')")
    except StoreError as error:
        return [_broken(error)]
    finally:
        session.close()
    layout = Phrase("postgres.layout.partitions", {})
    if extension:
        layout = Phrase("postgres.layout.hypertable", {"extension": extension[0][0]})
    found = [ok("postgres.doctor.ok", place=place, version=session.version, layout=layout, schema=schema)]
    if not (may_create and may_write):
        right = Phrase("postgres.right.write" if there else "postgres.right.create", {"schema": schema})
        found.append(
            bad(
                "postgres.doctor.rights", "postgres.doctor.rights.do", place=place, user=user, what=right, schema=schema
            )
        )
    if fsync != "on":
        found.append(warn("postgres.doctor.fsync", "postgres.doctor.fsync.do", place=place))
    if config.compress_after is not None and not extension:
        found.append(warn("postgres.doctor.compress", "postgres.doctor.compress.do", place=place))
    return found


def _broken(error: StoreError) -> DoctorFinding:
    return bad("postgres.doctor.bad", "postgres.doctor.bad.do", error=Phrase(error.key, error.fields))
