"""One write: new rows straight into the table, replacements through a temporary one, and the cursor."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import I64, Batch, Flag, concat, empty_batch
from gateway.domain.record import DeviceDefined, PointDefined, Record
from gateway.domain.series import Written
from sinks.series.deduplicate import Value, judge
from sinks.series.newest_index import NewestIndex, keys_of
from sinks.series.postgres.columns import EPOCH, READING, array, packed, reading_rows
from sinks.series.postgres.query import ReadingQueries
from sinks.series.postgres.session import PostgresSession
from sinks.series.postgres.short_retention import ShortRetentionTable
from sinks.series.postgres.tables import Tables, moment

_LOOK_UP = (
    "SELECT array_agg(r.device), array_agg(r.point), array_agg(r.at), array_agg(coalesce(r.value, 'NaN')), "
    "array_agg(r.quality) FROM identity i CROSS JOIN LATERAL (SELECT * FROM {s}.reading WHERE device = i.device "
    "AND point = i.point AND at = i.at AND at >= {first} AND at <= {last}) r"
)
_UPSERT = (
    f"INSERT INTO {{s}}.reading ({READING}) SELECT {READING} FROM incoming ON CONFLICT (device, point, at) DO UPDATE "
    "SET value = excluded.value, quality = excluded.quality, flags = excluded.flags, received = excluded.received"
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Rows of a write up to `last`, while it is unknown whether it was committed."""

    partition: int
    last: int
    made: Written


class ReadingWriter:
    """Writes over one session. Rows are new when they are later than everything stored of their (device, point), by
    `NewestIndex`, which learns of each pair when it first comes; only the others are looked up."""

    def __init__(self, session: PostgresSession, tables: Tables, queries: ReadingQueries) -> None:
        self._session, self._tables, self._queries = session, tables, queries
        self._schema = tables.schema
        self._newest = NewestIndex()
        self._known: I64 = np.empty(0, np.int64)
        self.short_retention = ShortRetentionTable(session, tables.schema, self._newest)
        self.attempted: Attempt | None = None

    def cursor(self, partition: int) -> int:
        """The last sequence number stored; 0 when there is none."""
        with self._session.errors():
            found = self._session.run(f"SELECT seq FROM {self._schema}.progress WHERE part = %s", [partition])
        return int(found[0][0]) if found else 0

    def write(self, partition: int, records: Sequence[Record], floor: int) -> Written:
        """See `SeriesStore.write`; rows older than `floor` are expired."""
        with self._session.errors(), self._session.transaction():
            self._session.run(
                f"INSERT INTO {self._schema}.progress VALUES (%s, 0) ON CONFLICT (part) DO NOTHING", [partition]
            )
            question = f"SELECT seq FROM {self._schema}.progress WHERE part = %s FOR UPDATE"
            ((done,),) = self._session.run(question, [partition])
            fresh = [record for record in records if record.seq > done]
            if not fresh:
                return Written(0, 0, 0)
            made, kept = self._rows([one.body for one in fresh if isinstance(one.body, Batch) and len(one.body)], floor)
            self._names(fresh)
            last = fresh[-1].seq
            self._session.run(f"UPDATE {self._schema}.progress SET seq = %s WHERE part = %s", [last, partition])
            self.attempted = Attempt(partition, last, made)
        self.attempted = None
        self._newest.update(kept)
        return made

    def _rows(self, batches: Sequence[Batch], floor: int) -> tuple[Written, Batch]:
        """(counts, the rows that are no duplicates)."""
        whole = concat(batches) if batches else empty_batch()
        kept = (whole.at >= floor) & self.short_retention.is_kept(whole)
        expired = int((~kept).sum())
        whole = whole.select(kept) if expired else whole
        if not len(whole):
            return Written(0, 0, expired), whole
        self._learn(whole)
        judged = judge(lambda rows: self._stored(whole, rows), self._newest, whole)
        flags = whole.flags | np.where(judged.changed, np.uint8(Flag.CONFLICT), np.uint8(0))
        to_store, through = replace(whole, flags=flags), judged.keep & ~judged.replaced
        self._tables.make_room(whole.at[through])
        if (fresh := through & ~judged.changed).any():
            self._session.copy(f"{self._schema}.reading ({READING})", reading_rows(to_store.select(fresh)))
        if (merged := through & judged.changed).any():
            self._session.copy(f"incoming ({READING})", reading_rows(to_store.select(merged)))
            self._session.run(_UPSERT.format(s=self._schema))
        keep = judged.keep
        made = Written(int(keep.sum()), int((~keep).sum()), expired, int((judged.changed & keep).sum()))
        return made, whole.select(keep)

    def _learn(self, whole: Batch) -> None:
        """The newest reading of pairs that did not come before, from the table; pairs without any become known."""
        keys = np.unique(keys_of(whole.device, whole.point))
        fresh = keys[~np.isin(keys, self._known, assume_unique=True)]
        if not len(fresh):
            return
        device, point = (fresh >> 32).astype(np.int32), (fresh & 0xFFFFFFFF).astype(np.int32)
        self._newest.update(self._queries.newest_of(device, point))
        self._session.run(
            f"INSERT INTO {self._schema}.device_point SELECT * FROM unnest(%s::integer[], %s::integer[]) "
            "ON CONFLICT DO NOTHING",
            [device.tolist(), point.tolist()],
        )
        self._known = np.union1d(self._known, fresh)

    def _stored(self, batch: Batch, rows: NDArray[np.intp]) -> dict[tuple[int, int], Value]:
        """(key, at) -> stored (value, quality) of the identities of these rows."""
        at = batch.at[rows]
        block = packed([batch.device[rows], batch.point[rows], at - EPOCH], len(rows))
        self._session.run("TRUNCATE identity")
        self._session.copy("identity (device, point, at)", [block])
        first, last = moment(int(at.min())), moment(int(at.max()))
        # an index look-up for each: without statistics of the temporary table a join would read everything
        self._session.run("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
        found = self._session.raw(_LOOK_UP.format(s=self._schema, first=first, last=last))
        kinds = (">i4", ">i4", ">i8", ">f8", ">i2")
        device, point, when, value, quality = (array(one, kind) for one, kind in zip(found, kinds, strict=True))
        keys = zip(keys_of(device, point).tolist(), (when + EPOCH).tolist(), strict=True)
        return dict(zip(keys, zip(value.tolist(), quality.tolist(), strict=True), strict=True))

    def write_names(self, records: Iterable[Record]) -> None:
        """Write the names of devices and points, for people who read the tables."""
        with self._session.errors(), self._session.transaction():
            self._names(records)

    def _names(self, records: Iterable[Record]) -> None:
        devices: dict[int, list[object]] = {}
        points: dict[int, list[object]] = {}
        for body in (one.body for one in records):
            if isinstance(body, DeviceDefined):
                devices[body.id] = [body.id, _text(body.code), _text(body.profile)]
            elif isinstance(body, PointDefined):
                point, texts = body.point, [_text(text) for text in body.point.values]
                points[point.id] = [point.id, _text(point.name), point.component, _text(point.unit), texts]
        if devices:
            self._session.run_many(
                f"INSERT INTO {self._schema}.device VALUES (%s, %s, %s) ON CONFLICT (id) DO UPDATE SET "
                "code = excluded.code, profile = excluded.profile",
                devices.values(),
            )
        if points:
            self._session.run_many(
                f"INSERT INTO {self._schema}.point VALUES (%s, %s, %s, %s, %s) ON CONFLICT (id) DO UPDATE SET "
                "name = excluded.name, unit = excluded.unit, texts = excluded.texts",
                points.values(),
            )


def _text(value: str) -> str:
    """Without what PostgreSQL takes in no text: a device may have sent it as a state."""
    return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
