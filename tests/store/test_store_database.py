"""Tables, migrations, transactions."""

import threading
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Connection, UniqueConstraint, insert, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import CreateIndex, CreateTable

from gateway.domain.errors import StoreError, StoreFull, StoreUnavailable
from gateway.ports import LastIds
from gateway.store import Database, SqlDeskTransaction, registry_counters, tables
from gateway.store.integrity_check import find_damage, identity
from gateway.store.migrate import FOLDER, head

_ORDER_TEXTS = (
    "tenant_id", "no", "key", "type", "fault", "source", "title_en", "title_zh", "group", "priority", "priority_reason",
    "rule", "alarm", "skill", "sla", "assign", "assignee", "related_to", "hold_reason", "close_reason", "fault_found",
    "cause", "remedy",
)  # fmt: skip
_ORDER_NUMBERS = (
    "device", "component", "level", "created_at", "updated_at", "first_seen", "last_seen", "version", "count",
    "reopen_within", "reopen_count", "rejections",
)  # fmt: skip
COUNTER = {"tenant": "default", "day": "20261122", "last": 1}


def count(database: Database) -> int:
    return database.query(lambda c: len(c.execute(select(tables.order_counter)).all()))


def test_migrations_make_exactly_the_tables(database: Database) -> None:
    def differences(connection: Connection) -> Any:
        options = {"compare_type": True, "compare_server_default": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), tables.metadata)

    assert database.query(differences) == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_indexes_and_counting_of_a_file_are_those_of_the_tables(database: Database, tmp_path: Path) -> None:
    direct = Database(f"sqlite:///{tmp_path / 'direct.db'}")
    direct.transact(tables.metadata.create_all)

    def schema(c: Connection) -> dict[str, str]:
        rows = c.execute(text("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%' AND sql IS NOT NULL"))
        return {name: " ".join(sql.split()).replace('"', "") for name, sql in rows}

    migrated, created = database.query(schema), direct.query(schema)
    direct.close()
    indexes = {name: sql for name, sql in created.items() if sql.startswith(("CREATE INDEX", "CREATE UNIQUE"))}
    assert {name: migrated[name] for name in indexes} == indexes, (
        "partial conditions too, which alembic does not compare"
    )
    triggers = {name for name, sql in migrated.items() if sql.startswith("CREATE TRIGGER")}  # of migrations alone
    assert migrated.keys() - triggers == created.keys()
    for name in ("outbox", "delivery", "control_outbox"):
        assert "AUTOINCREMENT" in migrated[name]
        assert "AUTOINCREMENT" in created[name]


def test_upgrade_twice_changes_nothing_and_an_unknown_revision_is_refused(database: Database) -> None:
    database.upgrade()
    heads = database.query(lambda c: MigrationContext.configure(c).get_current_heads())
    assert heads == (head(),) == (ScriptDirectory(str(FOLDER)).get_current_head(),)
    database.transact(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(StoreError, match="newer release"):
        database.upgrade()


def test_a_database_of_the_first_release_keeps_its_alarms_and_sites(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'first.db'}")

    def first(connection: Connection) -> None:
        scripts = ScriptDirectory(str(FOLDER))
        steps: Any = lambda revision, _: list(scripts._upgrade_revs("0001", revision))  # noqa: E731
        context = MigrationContext.configure(connection, opts={"fn": steps, "as_sql": False})
        with Operations.context(context):
            context.run_migrations()
        texts, numbers = (
            ["id", "tenant_id", "key", "rule", "revision", "group", "reason", "order_id"],
            [
                "partition",
                "device",
                "component",
                "level",
                "peak",
                "raised_at",
                "decided_at",
                "received_at",
                "count",
                "recorded_at",
                "last_seen",
                "updated_at",
                "version",
                "late",
                "imported",
                "suspect",
                "live",
            ],
        )
        row: dict[str, Any] = dict.fromkeys(texts, "") | dict.fromkeys(numbers, 1)
        row |= {"id": "0-1-0", "identity": "[]", "state": "raised", "evidence": "{}"}
        row["plan"] = '{"title_en": "Hot", "title_zh": "热"}'
        columns = ", ".join(f'"{name}"' for name in row)
        connection.execute(text(f"INSERT INTO alarm ({columns}) VALUES ({', '.join(':' + n for n in row)})"), row)
        site = "INSERT INTO site VALUES ('default', 'S1', '', '', '', '', '{}', '[]')"
        connection.execute(text(site))

        order: dict[str, Any] = dict.fromkeys(_ORDER_TEXTS, "") | dict.fromkeys(_ORDER_NUMBERS, 1)
        order |= {"id": "O1", "why": "may burn", "state": "new", "causes": "[]", "told_cleared": False}
        columns = ", ".join(f'"{name}"' for name in order)
        values = ", ".join(":" + name for name in order)
        connection.execute(text(f"INSERT INTO work_order ({columns}) VALUES ({values})"), order)

    database.transact(first)
    database.upgrade()
    (kept,) = database.query(lambda c: SqlDeskTransaction(c).orders(["O1"]))
    assert (kept.why, kept.why_zh) == ("may burn", "may burn")
    (alarm,) = database.query(lambda c: SqlDeskTransaction(c).alarms(["0-1-0"]))
    assert (alarm.plan.why, alarm.plan.why_in("zh")) == ("", "")
    assert (alarm.unstable, alarm.stale, alarm.muted, alarm.limited, alarm.held_until, alarm.parent) == (
        False,
        False,
        False,
        "",
        0,
        "",
    )
    assert database.query(lambda c: c.execute(select(tables.site.c.quiet)).scalar_one()) == "[]"
    database.close()


def test_no_unique_key_lacks_the_tenant() -> None:
    for table in tables.metadata.tables.values():
        unique = [c.columns for c in table.constraints if isinstance(c, UniqueConstraint)]
        unique += [index.columns for index in table.indexes if index.unique]
        if len(table.primary_key.columns) > 1 or "code" in table.primary_key.columns:
            unique.append(table.primary_key.columns)
        for columns in unique:
            names = {column.name for column in columns}
            per_order = {"order_id"} <= names  # an order belongs to one tenant
            assert "tenant_id" in names or per_order or (table.name, names) == ("outbox", {"id"}), (table.name, names)
        if table.name not in {"cursor", "registry_counter", "installation"}:  # those of several tenants
            assert not table.c.tenant.nullable


def test_the_same_tables_compile_for_postgresql() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for table in tables.metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            assert len(index.name or "") <= 63
            assert str(CreateIndex(index).compile(dialect=dialect))
    open_orders = next(i for i in tables.work_order.indexes if i.name == "uq_work_order_open")
    assert "WHERE closed_at IS NULL" in str(CreateIndex(open_orders).compile(dialect=dialect))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_file_is_safe(database: Database) -> None:
    def pragmas(c: Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [c.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names]

    assert database.transact(pragmas) == ["wal", 2, 1]
    with pytest.raises(StoreError, match="memory"):
        Database("sqlite://")


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    def work(c: Connection) -> None:
        c.execute(insert(tables.order_counter), [COUNTER])
        raise KeyError("later")

    with pytest.raises(KeyError):
        database.transact(work)
    assert count(database) == 0


def test_readers_cannot_write_and_do_not_see_what_is_not_committed(database: Database) -> None:
    with pytest.raises(StoreUnavailable, match=r"read.?only"):
        database.query(lambda c: c.execute(insert(tables.order_counter), [COUNTER]))
    seen: list[int] = []

    def work(c: Connection) -> None:
        c.execute(insert(tables.order_counter), [COUNTER])
        seen.append(count(database))

    database.transact(work)
    assert (seen, count(database)) == ([0], 1)


def test_broken_keys_are_an_error_of_the_store(database: Database) -> None:
    with pytest.raises(StoreError, match="key does not hold"):
        database.transact(lambda c: c.execute(insert(tables.order_counter), [COUNTER, COUNTER]))
    link = {"order": "none", "tenant": "default", "alarm": "none", "at": 1}
    with pytest.raises(StoreError, match="key does not hold"):
        database.transact(lambda c: c.execute(insert(tables.wo_alarm), [link]))


def test_another_process_with_the_lock_is_waited_for_then_reported(tmp_path: Path) -> None:
    path = tmp_path / "busy.db"
    database = Database(f"sqlite:///{path}", busy=50_000)
    database.upgrade()
    other = sqlite.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        database.transact(lambda c: c.execute(insert(tables.order_counter), [COUNTER]))
    other.execute("ROLLBACK")
    other.close()
    database.transact(lambda c: c.execute(insert(tables.order_counter), [COUNTER]))
    assert count(database) == 1
    database.close()


def test_a_full_disk_is_told_apart(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'full.db'}")
    database.upgrade()

    def work(c: Connection) -> None:
        pages = c.exec_driver_sql("PRAGMA page_count").scalar_one()
        c.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        rows = [{"tenant": "t", "day": f"{n}" * 50, "last": n} for n in range(5_000)]
        c.execute(insert(tables.order_counter), rows)

    with pytest.raises(StoreFull):
        database.transact(work)
    assert count(database) == 0
    database.close()


def test_writers_take_turns(database: Database) -> None:
    """Each reads, then writes what follows from it: without the lock before the read, numbers would be lost."""

    def work(c: Connection) -> None:
        last = c.execute(select(tables.order_counter.c.last)).scalar_one_or_none()
        if last is None:
            c.execute(insert(tables.order_counter), [COUNTER])
        else:
            c.execute(tables.order_counter.update().values(last=last + 1))

    threads = [threading.Thread(target=database.transact, args=(work,)) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert database.query(lambda c: c.execute(select(tables.order_counter.c.last)).scalar_one()) == 30


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_rollback_that_fails_does_not_hide_what_went_wrong_first(database: Database) -> None:
    def full(_: Connection) -> None:
        try:
            raise OperationalError("INSERT", None, sqlite.OperationalError("database or disk is full"))  # noqa: TRY301
        except OperationalError:
            raise OperationalError("ROLLBACK", None, sqlite.OperationalError("cannot rollback")) from None

    with pytest.raises(StoreFull, match="disk is full"):
        database.transact(full)


def test_the_check_for_damage_keeps_to_its_time(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    database.close()
    assert find_damage(path) == find_damage(path, 0.0) == ""
    known = identity(path)
    assert known == identity(path) != 0
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(bytes(4096 * 3))
    assert find_damage(path) != ""


@pytest.mark.parametrize(("ids", "nexts"), [([], (0, 0)), ([1, 2, 7], (7, 5))])
def test_the_counters_of_ids_begin_at_the_rows_of_the_release_before(
    ids: list[int], nexts: tuple[int, int], tmp_path: Path
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'before.db'}")
    database.upgrade("0008")

    def rows(c: Connection) -> None:
        for number in ids:
            c.execute(
                text("INSERT INTO device VALUES (:n, 't', :n, '', '', '', '', '', 1, '', 0, '{}', '[]')"), {"n": number}
            )
        for number in [5, 3] if ids else []:
            values = "(:n, 't', '', :n, 0, '', '', 0, 1, '[]', '{}', '{}', '[]')"
            c.execute(text(f"INSERT INTO point VALUES {values}"), {"n": number})

    database.transact(rows)
    database.upgrade()
    counted = dict(
        database.query(lambda c: [(kind, last) for kind, last in c.execute(select(tables.registry_counter))])
    )
    assert counted == ({"device": 7, "point": 5} if ids else {})
    assert database.transact(registry_counters.lock) == (0, LastIds(*nexts))
    database.close()
