"""The tables, and how time divides them: a hypertable where TimescaleDB is there, else partitions (decision 152)."""

from datetime import UTC, datetime, timedelta

import numpy as np

from gateway.domain.duration import HOUR
from gateway.domain.errors import StoreUnavailable
from gateway.domain.reading import I64
from sinks.series.postgres.config import PostgresConfig
from sinks.series.postgres.session import LOCKED, PostgresSession

_TABLES = """
CREATE TABLE IF NOT EXISTS {s}.progress (part integer PRIMARY KEY, seq bigint NOT NULL);
CREATE TABLE IF NOT EXISTS {s}.device_point (device integer, point integer, PRIMARY KEY (device, point));
CREATE TABLE IF NOT EXISTS {s}.short_retention (point integer PRIMARY KEY, before timestamptz NOT NULL);
CREATE TABLE IF NOT EXISTS {s}.device (id integer PRIMARY KEY, code text NOT NULL, profile text NOT NULL);
CREATE TABLE IF NOT EXISTS {s}.point (id integer PRIMARY KEY, name text NOT NULL, component integer NOT NULL,
                                      unit text NOT NULL, texts text[] NOT NULL);
CREATE TABLE IF NOT EXISTS {s}.reading (
    at timestamptz NOT NULL, device integer NOT NULL, point integer NOT NULL, value double precision,
    quality smallint NOT NULL, flags smallint NOT NULL, received timestamptz NOT NULL,
    PRIMARY KEY (device, point, at)){divided};
CREATE INDEX IF NOT EXISTS reading_at ON {s}.reading USING brin (at) WITH (autosummarize = on);
CREATE OR REPLACE VIEW {s}.named_reading AS
    SELECT r.at, d.code AS device, p.name AS point, p.component, r.value, p.unit,
           CASE WHEN r.value >= 0 THEN p.texts[r.value::integer + 1] END AS text,
           (ARRAY['bad', 'uncertain', 'good'])[r.quality + 1] AS quality, r.flags, r.received
    FROM {s}.reading r LEFT JOIN {s}.device d ON d.id = r.device LEFT JOIN {s}.point p ON p.id = r.point;
"""
_LOCK = "SELECT pg_advisory_lock(hashtext('fieldgate'), hashtext('{s}'))"
INCOMING = "CREATE TEMPORARY TABLE IF NOT EXISTS incoming (LIKE {s}.reading) ON COMMIT DELETE ROWS"
IDENTITY = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS identity (device integer, point integer, at timestamptz) "
    "ON COMMIT DELETE ROWS"
)


def moment(at: int) -> str:
    """µs since 1970 as a constant of SQL."""
    try:
        return f"'{(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).isoformat()}'::timestamptz"
    except OverflowError:
        return f"'{'-' if at < 0 else ''}infinity'::timestamptz"


class Tables:
    """The tables of a schema, over one session. `hypertable`: TimescaleDB divides the readings."""

    def __init__(self, session: PostgresSession, config: PostgresConfig) -> None:
        """Creates missing tables, and keeps other writers out while the session lives. Raises StoreError."""
        self._session, self._config, self.schema = session, config, config.schema_name
        with session.errors():
            self._alone()
            self.hypertable = bool(session.run("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'"))
            if not session.run("SELECT 1 FROM pg_namespace WHERE nspname = %s", [self.schema]):
                session.run(f"CREATE SCHEMA {self.schema}")
            if not session.run(
                "SELECT 1 FROM pg_views WHERE schemaname = %s AND viewname = 'named_reading'", [self.schema]
            ):
                self._create()
            if self.hypertable:
                self._compress()
            self._periods = set() if self.hypertable else self._existing()
            session.run(INCOMING.format(s=self.schema))
            session.run(IDENTITY)

    def _alone(self) -> None:
        """A writer that was killed is gone a moment later; one that stays for the time of a lock is another gateway."""
        try:
            self._session.run(_LOCK.format(s=self.schema))
        except LOCKED as error:
            raise StoreUnavailable.of("postgres.taken", place=self._config.address, schema=self.schema) from error

    def _create(self) -> None:
        divided = "" if self.hypertable else " PARTITION BY RANGE (at)"
        with self._session.transaction():
            for statement in _TABLES.format(s=self.schema, divided=divided).split(";\n"):
                if statement.strip():
                    self._session.run(statement)
            if self.hypertable:
                days = 1 if self._config.period == "day" else 30
                self._session.run(
                    f"SELECT create_hypertable('{self.schema}.reading', 'at', create_default_indexes => false, "
                    f"if_not_exists => true, chunk_time_interval => interval '{days} days')"
                )

    def _compress(self) -> None:
        """Set compression as configured; an existing policy stays."""
        if self._config.compress_after is None:
            return
        table = f"{self.schema}.reading"
        hours = self._config.compress_after // HOUR
        enabled = "SELECT compression_enabled FROM timescaledb_information.hypertables WHERE hypertable_schema = %s"
        with self._session.transaction():
            if self._session.run(enabled, [self.schema]) != [(True,)]:
                self._session.run(
                    f"ALTER TABLE {table} SET (timescaledb.compress, timescaledb.compress_orderby = 'at', "
                    "timescaledb.compress_segmentby = 'device, point')"
                )
            self._session.run(f"SELECT remove_compression_policy('{table}', if_exists => true)")
            self._session.run(f"SELECT add_compression_policy('{table}', interval '{hours} hours')")

    def _existing(self) -> set[str]:
        question = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass"
        found = self._session.run(question, [f"{self.schema}.reading"])
        return {str(name).rpartition(".")[2] for (name,) in found}

    def make_room(self, at: I64) -> None:
        """Partitions for rows of these times, inside of a transaction. One is attached, not created in its place: that
        does not wait for those who read the others."""
        if self.hypertable or not len(at):
            return
        unit = "M" if self._config.period == "month" else "D"
        for begin in np.unique(at.astype("datetime64[us]").astype(f"datetime64[{unit}]")):
            name = "reading_" + str(begin).replace("-", "")
            if name in self._periods:
                continue
            bounds = [f"{np.datetime64(one, 'D')} 00:00:00+00" for one in (begin, begin + 1)]
            whole = f"{self.schema}.reading"
            self._session.run(f"CREATE TABLE {self.schema}.{name} (LIKE {whole} INCLUDING ALL)")
            self._session.run(
                f"ALTER TABLE {whole} ATTACH PARTITION {self.schema}.{name} "
                f"FOR VALUES FROM ('{bounds[0]}') TO ('{bounds[1]}')"
            )
            self._periods.add(name)

    def drop_before(self, before: int) -> int:
        """Drop the periods that end before a moment (µs); how many rows they had."""
        table = f"{self.schema}.reading"
        if self.hypertable:
            chunks = "timescaledb_information.chunks WHERE hypertable_schema = %s"
            question = f"SELECT max(range_end) FROM {chunks} AND range_end <= {moment(before)}"
            ((end,),) = self._session.run(question, [self.schema])
            if end is None:
                return 0
            ((rows,),) = self._session.run(f"SELECT count(*) FROM {table} WHERE at < %s", [end])
            self._session.run(f"SELECT drop_chunks('{table}', older_than => %s::timestamptz)", [end])
            return int(rows)
        gone = 0
        for name in sorted(self._periods):
            if self._end(name) > before:
                continue
            with self._session.transaction():
                ((rows,),) = self._session.run(f"SELECT count(*) FROM {self.schema}.{name}")
                self._session.run(f"DROP TABLE {self.schema}.{name}")
            self._periods.discard(name)
            gone += int(rows)
        return gone

    def _end(self, name: str) -> int:
        """µs, where the period of a partition ends; a table with another name has no end."""
        digits = name.removeprefix("reading_")
        if not digits.isdigit() or len(digits) not in (6, 8):
            return 1 << 62
        written = f"{digits[:4]}-{digits[4:6]}" + (f"-{digits[6:]}" if len(digits) == 8 else "")
        return int((np.datetime64(written) + 1).astype("datetime64[us]").astype(np.int64))

    def bytes(self) -> int:
        """On disk, with indexes."""
        question = f"hypertable_size('{self.schema}.reading')"
        if not self.hypertable:
            question = (
                "coalesce(sum(pg_total_relation_size(inhrelid)), 0) FROM pg_inherits "
                f"WHERE inhparent = '{self.schema}.reading'::regclass"
            )
        ((size,),) = self._session.run(f"SELECT {question}")
        return int(size)

    @property
    def periods(self) -> int:
        """Number of partitions or chunks."""
        if not self.hypertable:
            return len(self._periods)
        question = "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_schema = %s"
        ((count,),) = self._session.run(question, [self.schema])
        return int(count)
