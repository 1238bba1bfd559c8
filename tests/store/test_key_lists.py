"""Rows by many keys: the same rows as a comparison with each, on both databases, and by the index."""

import postgres_kit
import pytest
from sqlalchemy import Connection, insert, select, text

from gateway.store import Database, tables
from gateway.store.key_lists import among, rows_of

t = tables.order_counter
KEYS = ["a", "it's", 'q"', "电", "\\", "nothing", "a"]


@pytest.fixture
def filled(database: Database) -> Database:
    days = ["a", "b", "it's", 'q"', "电", "\\", ""]
    rows = [{"tenant": tenant, "day": day, "last": n} for tenant in ("x", "y") for n, day in enumerate(days)]
    database.transact(lambda c: c.execute(insert(t), rows))
    return database


def test_texts_and_numbers(filled: Database) -> None:
    def work(c: Connection) -> None:
        one = select(t.c.day).where(t.c.tenant == "x")
        found = sorted(row[0] for row in rows_of(c, one, t.c.day, KEYS))
        assert found == sorted(["a", "it's", 'q"', "电", "\\"])
        assert sorted(c.scalars(one.where(among(t.c.day, KEYS)))) == found
        numbers = select(t.c.last).where(t.c.tenant == "y")
        assert sorted(row[0] for row in rows_of(c, numbers, t.c.last, [2, 3, 99])) == [2, 3]
        assert sorted(c.scalars(numbers.where(among(t.c.last, [2, 3, 99])))) == [2, 3]
        assert rows_of(c, one, t.c.day, []).all() == []
        assert c.execute(one.where(among(t.c.day, []))).all() == []

    filled.query(work)


def test_one_statement_for_any_number_of_keys(filled: Database) -> None:
    statements = {str(select(t).where(among(t.c.day, ["k"] * n)).compile(filled._reader)) for n in (1, 2, 500)}
    assert len(statements) == 1


def test_rows_are_locked_where_a_database_locks_rows(filled: Database) -> None:
    rows = select(t.c.last).where(t.c.tenant == "x").with_for_update()
    assert filled.transact(lambda c: [row[0] for row in rows_of(c, rows, t.c.day, ["b"])]) == [1]


@postgres_kit.needed
def test_a_server_without_statistics_reads_by_the_index() -> None:
    config = postgres_kit.copy()
    database = Database(config)
    fill = "INSERT INTO order_counter SELECT 'x', n::text, n FROM generate_series(1, 20000) n"
    database.transact(lambda c: c.execute(text(fill)))

    def work(c: Connection) -> int:
        c.execute(text("SELECT pg_stat_reset()"))
        rows = rows_of(c, select(t.c.last).where(t.c.tenant == "x"), t.c.day, [str(n) for n in range(1, 500)]).all()
        scans = "SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'order_counter'"
        assert len(rows) == 499
        return int(c.scalar(text(scans)) or 0)

    assert database.transact(work) == 0
    database.close()
    postgres_kit.drop(config)
