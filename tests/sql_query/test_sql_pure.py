"""The decisions of a SQL query source without a database: what is one SELECT, what values become, how far was read."""

import datetime as dt
import json
import uuid
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sql_kit import ROUTE, SqlQueryConfig
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql, sqlite

from gateway.domain.duration import DAY, HOUR, MINUTE, SECOND, to_us
from protocols.mapping.document import parse_document
from protocols.sql_query.database import NoDriver, engine_of, statement_of
from protocols.sql_query.dialects import first_statements
from protocols.sql_query.position import QueryRow, ReadPosition, UnusableCursor, as_stored, checked_cursor, from_stored
from protocols.sql_query.schedule import due_around, retry_pause
from protocols.sql_query.statement import NotOneSelect, one_select
from protocols.sql_query.values import as_message

SHANGHAI = ZoneInfo("Asia/Shanghai")
naive = dt.datetime.fromisoformat


# ---- one SELECT ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "select a from b where c = 'x; delete from d'",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        '-- of the billing\nSELECT updated_at, "delete" FROM t',
        "SELECT a /* update */ FROM b",
        "SELECT $$ it's; $$ FROM b",
        "SELECT a::numeric, '12:30' FROM b WHERE n LIKE '%x%'",
        "SELECT 'it''s', `into` FROM t",
    ],
)
def test_one_select_is_taken(text: str) -> None:
    assert one_select(text) == text
    assert one_select(f"  {text} ;\n") == text


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("SELECT 1; SELECT 2", "sql.one_statement"),
        ("SELECT 1; DROP TABLE t", "sql.one_statement"),
        ("UPDATE t SET a = 1", "sql.no_select"),
        ("", "sql.no_select"),
        ("EXPLAIN SELECT 1", "sql.no_select"),
        ("selection", "sql.no_select"),
        ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", "sql.writes"),
        ("SELECT * INTO copy FROM t", "sql.writes"),
        ("SELECT * FROM t FOR UPDATE", "sql.writes"),
        ("SELECT 1 /*! INTO OUTFILE '/tmp/x' */", "sql.comment"),
        ("SELECT 'a", "sql.open_quote"),
        ("SELECT 1 /* open", "sql.open_quote"),
        ("SELECT 1) x, (SELECT 2", "sql.parentheses"),
        ("SELECT (1", "sql.parentheses"),
    ],
)
def test_anything_else_is_refused(text: str, key: str) -> None:
    with pytest.raises(NotOneSelect) as caught:
        one_select(text)
    assert caught.value.key == key


@settings(max_examples=300)
@given(st.text(alphabet="SELECT selctinodau'\"`;()-/*!$ \n", max_size=40))
def test_what_is_taken_can_stand_in_parentheses(text: str) -> None:
    try:
        taken = one_select(f"SELECT {text}")
    except NotOneSelect:
        return
    assert one_select(f"SELECT * FROM (\n{taken}\n) q")


# ---- values -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "json_text"),
    [
        (None, "null"),
        (True, "true"),
        (7, "7"),
        (2**70, f'"{2**70}"'),
        (1.5, "1.5"),
        (float("nan"), '"nan"'),
        (Decimal("12.50"), "12.50"),
        (Decimal(12345678901234567890), "12345678901234567890"),
        (Decimal("0.10000000000000000001"), "0.10000000000000000001"),
        (Decimal("NaN"), '"NaN"'),
        (Decimal("1E+400"), '"1E+400"'),
        ("贵", '"贵"'),
        (b"\x01\xff", '"01ff"'),
        (memoryview(b"\x02"), '"02"'),
        (naive("2026-01-01T08:00"), '"2026-01-01T08:00:00+08:00"'),
        (dt.datetime(2026, 1, 1, 8, tzinfo=dt.UTC), '"2026-01-01T08:00:00+00:00"'),
        (dt.date(2026, 1, 1), '"2026-01-01"'),
        (dt.time(8, 30), '"08:30:00"'),
        (dt.timedelta(hours=1), "3600.0"),
        ({"a": [Decimal("1.0")]}, '{"a":[1.0]}'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
    ],
)
def test_values_of_a_row(value: Any, json_text: str) -> None:
    assert as_message(["x"], [value], SHANGHAI).decode() == f'{{"x":{json_text}}}'


plain_values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text()
    | st.binary()
    | st.datetimes()
    | st.datetimes(timezones=st.timezones())
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.uuids()
)


@settings(max_examples=300)
@given(st.dictionaries(st.text(max_size=8), plain_values | st.lists(plain_values, max_size=3), max_size=6))
def test_every_row_is_a_document(row: dict[str, Any]) -> None:
    document = parse_document(as_message(list(row), list(row.values()), SHANGHAI))
    assert set(document) == set(row)
    assert {key for key, value in row.items() if value is None} == {k for k, v in document.items() if v is None}


# ---- the position -------------------------------------------------------------------------------------------------
def rows_of(pairs: list[tuple[Any, int]]) -> list[QueryRow]:
    return [QueryRow(cursor, b"", digest) for cursor, digest in pairs]


class Table:
    """Rows (cursor, digest), read in pages as the source does."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int]] = []

    def page(self, bound: Any, limit: int) -> list[QueryRow]:
        found = [one for one in self.rows if bound is None or one[0] >= bound]
        return rows_of(sorted(found, key=lambda one: one[0])[:limit])


steps = st.one_of(
    st.tuples(st.just("insert"), st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=6)),
    st.tuples(st.just("read"), st.booleans()),
    st.tuples(st.just("restart"), st.none()),
)


@settings(max_examples=400)
@given(st.lists(steps, max_size=14), st.integers(1, 4), st.integers(0, 2))
def test_ties_are_neither_lost_nor_doubled(script: list[Any], batch: int, overlap: int) -> None:
    """Cursors never fall below the newest one by more than the overlap; a crash after the journal and before the saving
    may repeat rows, and loses none. Identical rows count."""
    table, position, taken, crashed, top = Table(), ReadPosition(), [], False, 0
    for kind, what in [*script, ("read", False)]:
        if kind == "insert":
            top = max([top, *(cursor for cursor, _ in table.rows)])
            table.rows += [(max(top - overlap, 0) + cursor, digest) for cursor, digest in what]
        elif kind == "restart":
            position = from_stored(json.loads(json.dumps(as_stored(position, "c"))))
        else:
            while True:
                limit = batch + position.count
                page = table.page(position.bound, limit)
                fresh = position.fresh(page)
                taken += [(row.cursor, row.digest) for row in fresh]
                if what and fresh:
                    crashed = True
                    break
                position = position.moved(fresh, -overlap)
                if len(page) < limit:
                    break
    if crashed:
        assert set(taken) == set(table.rows)
    else:
        assert sorted(taken) == sorted(table.rows)


@pytest.mark.parametrize(
    ("top", "overlap", "bound"),
    [
        (naive("2026-01-02"), DAY, naive("2026-01-01")),
        (dt.date(2026, 1, 2), HOUR, dt.date(2026, 1, 1)),
        (10, -3, 7),
        (Decimal("1.5"), -1, Decimal("0.5")),
        ("b", 0, "b"),
        (b"\x02", 0, b"\x02"),
        (naive("0001-01-01"), DAY, naive("0001-01-01")),
    ],
)
def test_the_bound_lies_behind_the_newest(top: Any, overlap: int, bound: Any) -> None:
    position = ReadPosition().moved(rows_of([(top, 1)]), overlap)
    assert (position.top, position.bound) == (top, bound)
    assert from_stored(json.loads(json.dumps(as_stored(position, "c")))) == position


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        (5, "a", 0),
        (naive("2026-01-01"), dt.datetime(2026, 1, 1, tzinfo=dt.UTC), 0),
        (5, 6, 1),
        ("a", "b", 1),
        (dt.date(2026, 1, 1), dt.date(2026, 1, 2), -1),
    ],
)
def test_cursors_that_do_not_fit(first: Any, second: Any, overlap: int) -> None:
    with pytest.raises(UnusableCursor):
        ReadPosition().moved(rows_of([(first, 1)]), overlap).moved(rows_of([(second, 1), (first, 2)]), overlap)


@pytest.mark.parametrize("value", [None, True, float("nan"), Decimal("Infinity"), [1], dt.timedelta(1)])
def test_values_that_order_nothing(value: Any) -> None:
    with pytest.raises(UnusableCursor):
        checked_cursor(value)


# ---- when ---------------------------------------------------------------------------------------------------------
def moment(text: str, zone: str = "Asia/Shanghai") -> int:
    return to_us(dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


@pytest.mark.parametrize(
    ("zone", "now", "before", "after"),
    [
        ("Asia/Shanghai", "2026-03-01 05:59", "2026-02-28 18:00", "2026-03-01 06:00"),
        ("Asia/Shanghai", "2026-03-01 06:00", "2026-03-01 06:00", "2026-03-01 18:00"),
        ("Asia/Shanghai", "2026-03-01 23:59", "2026-03-01 18:00", "2026-03-02 06:00"),
        ("Europe/Berlin", "2026-03-29 12:00", "2026-03-29 06:00", "2026-03-29 18:00"),
    ],
)
def test_times_of_the_day(zone: str, now: str, before: str, after: str) -> None:
    found = due_around(moment(now, zone), ("06:00", "18:00"), ZoneInfo(zone))
    assert found == (moment(before, zone), moment(after, zone))


def test_a_time_that_a_day_leaves_out_is_later() -> None:
    zone = ZoneInfo("Europe/Berlin")
    assert due_around(moment("2026-03-29 12:00", "Europe/Berlin"), ("02:30",), zone)[0] == to_us(
        dt.datetime(2026, 3, 29, 1, 30, tzinfo=dt.UTC)
    )


def test_failures_are_tried_again_later_and_later() -> None:
    assert [retry_pause(n, 0) // SECOND for n in (1, 2, 3, 9, 500)] == [5, 10, 20, 300, 300]
    assert retry_pause(9, MINUTE) == MINUTE


# ---- configuration, and other databases ---------------------------------------------------------------------------
BASE: dict[str, Any] = {
    "type": "sql_query", "url": "postgresql+psycopg://u@h/d", "query": "SELECT id, ts, temp FROM t WHERE n LIKE 'a:b%'",
    "zone": "UTC", "cursor": "id", "routes": [{**ROUTE, "device": "c1"}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"url": "nonsense"}, "sql.url"),
        ({"url": "postgresql://u:pw@h/d"}, "sql.password_in_url"),
        ({"url": "sqlite:///relative.db"}, "sql.sqlite_url"),
        ({"url": "sqlite://"}, "sql.sqlite_url"),
        ({"query": "DELETE FROM t"}, "sql.no_select"),
        ({"at": ["6:00"]}, "sql.at"),
        ({"at": ["06:00"], "every": "1m"}, "sql.every_or_at"),
        ({"overlap": "long"}, "sql.overlap"),
        ({"overlap": -1}, "sql.overlap"),
        ({"overlap": 5, "cursor": None}, "sql.overlap_alone"),
        ({"zone": "Mars/X"}, "route.zone"),
        ({"timeout": "1ms"}, "mqtt.range"),
        ({"every": "8d"}, "mqtt.range"),
        ({"password": "a", "password_file": "/b"}, "sql.password_once"),
        ({"routes": [{**ROUTE, "payload": "csv"}]}, "sql.payload"),
        ({"routes": [{**ROUTE, "time": {"path": "ts", "unit": "ms", "absent": "receive"}}]}, "sql.time"),
    ],
)
def test_mistakes_of_the_configuration(more: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SqlQueryConfig.model_validate(BASE | more)
    assert [one["type"] for one in caught.value.errors()] == [key]
    assert "pw" not in str(caught.value.errors()[0]["msg"])


@pytest.mark.parametrize(
    ("dialect", "limited", "begins"),
    [
        (postgresql.dialect(), "LIMIT", ["SET TRANSACTION READ ONLY", "SET LOCAL statement_timeout = 30000"]),
        (sqlite.dialect(), "LIMIT", ["PRAGMA query_only = ON"]),
        (mysql.dialect(), "LIMIT", ["SET TRANSACTION READ ONLY", "SET SESSION max_execution_time = 30000"]),
        (oracle.dialect(), "FETCH FIRST", ["SET TRANSACTION READ ONLY"]),
        (mssql.dialect(), "TOP", []),
    ],
    ids=["postgresql", "sqlite", "mysql", "oracle", "mssql"],
)
def test_the_statement_on_each_database(dialect: Any, limited: str, begins: list[str]) -> None:
    config = SqlQueryConfig.model_validate(BASE)
    text = " ".join(str(statement_of(config, 5, 10).compile(dialect=dialect)).split())
    assert limited in text
    assert "(SELECT id, ts, temp FROM t WHERE n LIKE 'a:b%" in text.replace("( ", "(")
    assert "ORDER BY id" in text
    assert "id >= " in text
    assert first_statements(dialect.name, config.timeout) == begins


@pytest.mark.parametrize("url", ["oracle://u@h/d", "mysql://u@h/d", "postgresql+psycopg2://u@h/d"])
def test_a_driver_that_is_missing_is_named_with_what_to_install(url: str) -> None:
    config = SqlQueryConfig.model_validate(BASE | {"url": url})
    with pytest.raises(NoDriver) as caught:
        engine_of(config, config.connection_url())
    assert caught.value.key == "sql.driver"
    assert "pip install" in str(caught.value)


def test_a_database_that_nobody_has() -> None:
    config = SqlQueryConfig.model_validate(BASE | {"url": "dbase://u@h/d"})
    with pytest.raises(NoDriver) as caught:
        engine_of(config, config.connection_url())
    assert caught.value.key == "sql.no_dialect"
