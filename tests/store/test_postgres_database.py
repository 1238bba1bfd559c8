"""The relational database on a server: what a file gives for nothing."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import postgres_kit
import psycopg
import pytest
from sqlalchemy import Connection, func, insert, select, text

from gateway.database_config import DatabaseConfig
from gateway.domain.device import Device
from gateway.domain.errors import InvariantBroken, StoreError, StoreRejected, StoreUnavailable
from gateway.ports import RegistryContents
from gateway.store import Database, DatabasePlace, SqlRegistryStore, hold, tables
from gateway.store.migrate import head

pytestmark = postgres_kit.needed
COUNTER = {"tenant": "default", "day": "20261122", "last": 1}
CANARY = "c4nary-of-a-password"


@pytest.fixture
def config() -> Iterator[DatabaseConfig]:
    config = postgres_kit.copy()
    yield config
    postgres_kit.drop(config)


@pytest.fixture
def database(config: DatabaseConfig) -> Iterator[Database]:
    one = Database(config)
    yield one
    one.close()


def add(c: Connection) -> None:
    c.execute(insert(tables.order_counter), [COUNTER])


def count(database: Database) -> int:
    return database.query(lambda c: c.scalar(select(func.count()).select_from(tables.order_counter)) or 0)


def test_two_gateways_never_write_one_schema(database: Database, config: DatabaseConfig) -> None:
    hold(database)
    database.claim(7)
    other = Database(config)
    with pytest.raises(StoreUnavailable, match="another gateway writes it: fieldgate \\(PID"):
        hold(other)
    assert database.server is not None
    database.server.release()  # as when the connection is lost
    hold(other)
    other.claim(7)
    with pytest.raises(InvariantBroken, match="taken it over"):
        database.transact(add)
    assert count(other) == 0
    other.transact(add)
    with pytest.raises(StoreUnavailable):
        database.keep() if database.server._hold else hold(database)
    with pytest.raises(StoreError, match="another data folder"):
        other.claim(8)
    other.close()


def test_a_connection_that_was_lost_costs_nothing_before_the_work_begins(database: Database) -> None:
    database.transact(add)
    assert count(database) == 1
    cut()
    database.transact(lambda c: c.execute(tables.order_counter.update().values(last=2)))
    cut()
    assert count(database) == 1


def cut() -> None:
    """Every connection to the server ends, as in a restart."""
    postgres_kit.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'desk%'")


def refuse() -> None:
    raise StoreUnavailable("away")


def test_a_hold_is_taken_again_after_a_restart_of_the_server(
    database: Database, config: DatabaseConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(database)
    cut()
    assert database.server is not None
    with monkeypatch.context() as away:
        away.setattr(database.server, "connect", refuse)
        with pytest.raises(StoreUnavailable):
            database.keep()
    database.keep()
    other = Database(config)
    with pytest.raises(StoreUnavailable, match="another gateway"):
        hold(other)
    other.close()


def test_work_that_is_cut_off_leaves_nothing_and_is_done_again(database: Database) -> None:
    def work(c: Connection) -> None:
        add(c)
        cut()
        c.execute(select(1))

    with pytest.raises(StoreUnavailable):
        database.transact(work)
    assert count(database) == 0
    database.transact(add)


def test_writers_wait_for_one_that_stands_still(config: DatabaseConfig) -> None:
    quick = Database(config.model_copy(update={"timeout": 1_000_000}))
    other = psycopg.connect(**config.connection())  # type: ignore[arg-type]
    other.execute("SELECT 1 FROM fieldgate_desk.installation FOR UPDATE")
    with pytest.raises(StoreUnavailable, match=r"lock|time limit"):
        quick.transact(add)
    other.rollback()
    quick.transact(add)
    other.close()
    quick.close()


def test_a_character_that_the_server_cannot_store_stops_nothing(database: Database) -> None:
    class Now:
        def now(self) -> int:
            return 1

    registry = SqlRegistryStore(database, Now())
    registry.save(RegistryContents([], [], [Device(1, "D", "p", "k", name="a\0b", attrs={"x": "\0"})], []), ())
    (kept,) = registry.load().devices
    assert (kept.name, kept.attrs) == ("a\ufffdb", {"x": "\0"})


def test_what_is_wrong_with_a_server_is_said_and_no_password_is(config: DatabaseConfig, tmp_path: Path) -> None:
    said: list[str] = []

    def refused(kind: type[StoreError], **changed: Any) -> str:
        one = Database(config.model_copy(update=changed))
        with pytest.raises(kind) as caught:
            one.upgrade()
        one.close()
        said.extend([repr(caught.value), str(caught.value), caught.value.text("zh"), repr(caught.value.__cause__)])
        return str(caught.value)

    secret = DatabaseConfig.model_validate(f"postgresql://postgres:{CANARY}@h/x")
    said.extend([repr(secret), str(DatabasePlace(tmp_path, secret)), secret.address])
    assert "no connection" in refused(StoreUnavailable, port=1)
    assert "lets nobody in" in refused(StoreRejected, password=secret.password)
    assert "no such database" in refused(StoreRejected, database="nowhere")
    postgres_kit.run("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    guest = DatabaseConfig.model_validate({"url": "postgresql://guest@h/x", "password": "guest"})
    assert "lacks a right" in refused(StoreRejected, user="guest", password=guest.password, schema_name="nothing_yet")
    postgres_kit.run("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    assert "encoding LATIN1" in refused(StoreRejected, database="latin")
    database = Database(config)
    database.transact(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    assert "newer release" in refused(StoreError)
    database.close()
    assert CANARY not in "".join(said)


def test_a_new_schema_is_made_by_several_at_once() -> None:
    config = postgres_kit.connection(postgres_kit.empty_database())
    several = [Database(config) for _ in range(3)]
    threads = [threading.Thread(target=one.upgrade) for one in several]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [one.plan().current for one in several] == [head()] * 3
    for one in several:
        one.close()
    postgres_kit.drop(config)


def test_a_process_that_is_killed_in_a_transaction_leaves_the_lock(config: DatabaseConfig, database: Database) -> None:
    url = f"postgresql://postgres:{postgres_kit.PASSWORD}@127.0.0.1:{config.port}/{config.database}"
    code = (
        "import sys, time; from gateway.store import Database\n"
        "from sqlalchemy import text\n"
        "def work(c):\n"
        "    c.execute(text(\"INSERT INTO order_counter VALUES ('t', 'd', 1)\"))\n"
        "    print('in', flush=True); time.sleep(60)\n"
        "Database(sys.argv[1]).transact(work)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"in\n"
    process.kill()
    process.wait()
    process.stdout.close()
    began = time.monotonic()
    database.transact(add)
    assert count(database) == 1, "and nothing of the other"
    assert time.monotonic() - began < 30


def test_erasure_rewrites_the_tables(database: Database) -> None:
    database.compact([tables.customer, tables.notice])
