"""What is PostgreSQL's own: partitions, names, restarts and refusals. The contract of the port is in tests/contract."""

import math
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import postgres_kit
import psycopg
import pytest
from store_contract import NOW, at, record
from tls_kit import Authority

from gateway.domain.device import Point, PointKind
from gateway.domain.duration import DAY, SECOND
from gateway.domain.errors import StoreError, StoreFull, StoreRejected, StoreUnavailable
from gateway.domain.reading import Quality
from gateway.domain.record import DeviceDefined, PointDefined, Record, Tick
from simulators.postgres_server import PASSWORD, PostgresProcess, postgres, server_programs
from sinks.series.duckdb.config import DuckDbConfig
from sinks.series.duckdb.store import DuckDbStore
from sinks.series.postgres.adapter import ADAPTER
from sinks.series.postgres.config import PostgresConfig
from sinks.series.postgres.doctor import server as look
from sinks.series.postgres.store import PostgresStore

MONTHS = 40 * DAY


class HandClock:
    time = NOW

    def now(self) -> int:
        return self.time


def configured(**more: Any) -> PostgresConfig:
    return PostgresConfig.model_validate(postgres_kit.settings(retention="100d", **more))


@contextmanager
def opened(config: PostgresConfig) -> Iterator[PostgresStore]:
    store = PostgresStore(config, HandClock())
    try:
        yield store
    finally:
        store.close()


@contextmanager
def admin(port: int | None = None) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(
        host="127.0.0.1",
        port=port or postgres_kit.server().port,
        user="postgres",
        password=PASSWORD,
        dbname="postgres",
        autocommit=True,
    ) as connection:
        yield connection


def asked(text: str) -> list[tuple[Any, ...]]:
    with admin() as connection:
        return connection.execute(text.encode()).fetchall()


def partitions(config: PostgresConfig) -> list[str]:
    found = asked(
        f"SELECT relname FROM pg_class WHERE relnamespace = '{config.schema_name}'::regnamespace AND relispartition "
        "AND relkind = 'r' ORDER BY 1"
    )
    return [name for (name,) in found]


def test_a_month_has_its_partition_and_goes_as_a_whole() -> None:
    config = configured()
    with opened(config) as store:
        store.write(0, [record(1, at(0, 1.0), at(-MONTHS / SECOND, 2.0)), record(2, at(1, 3.0))])
        names = partitions(config)
        assert len(names) == 2
        assert store.retain(NOW - MONTHS + SECOND) == 0, "its month is not over"
        assert store.range(1, 1, NOW - 2 * MONTHS, NOW + DAY).value.tolist() == [1.0, 3.0]
        assert store.retain(NOW - DAY) == 1
        assert partitions(config) == names[1:]
        store.write(0, [record(3, at(2, 4.0))])
        assert store.range(1, 1, NOW, NOW + DAY).value.tolist() == [1.0, 3.0, 4.0]


def test_days_have_partitions_where_it_says_so() -> None:
    config = configured(period="day")
    with opened(config) as store:
        store.write(0, [record(1, *(at(day * DAY / SECOND, 1.0) for day in range(-3, 1)))])
        assert len(partitions(config)) == 4
        assert store.retain(NOW - DAY) == 2


def test_a_bad_reading_is_null_and_infinity_stays() -> None:
    config = configured()
    with opened(config) as store:
        store.write(0, [record(1, at(0, math.nan, quality=Quality.BAD), at(1, math.inf), at(2, -0.0))])
        found = asked(f"SELECT value FROM {config.schema_name}.reading ORDER BY at")
        assert found == [(None,), (math.inf,), (-0.0,)]
        assert store.range(1, 1, NOW, NOW + DAY).value.tolist()[1:] == [math.inf, 0.0]


def test_people_read_names_units_and_states() -> None:
    config = configured()
    door = Point(7, "dc", "door", 2, PointKind.STATE, values=("closed", "开\0门"))
    with opened(config) as store:
        store.write(
            0,
            [
                Record(1, NOW, DeviceDefined(1, "t", "CH-1", "dc")),
                Record(2, NOW, PointDefined("t", Point(1, "dc", "temp", 0, unit="degC"))),
                Record(3, NOW, PointDefined("t", door)),
                record(4, at(0, 21.5), at(1, 1.0, point=7)),
            ],
        )
        found = asked(
            "SELECT device, point, component, value, unit, text, quality "
            f"FROM {config.schema_name}.named_reading ORDER BY at"
        )
    assert found == [("CH-1", "temp", 0, 21.5, "degC", None, "good"), ("CH-1", "door", 2, 1.0, "", "开门", "good")]


def test_names_from_before_it_followed_the_journal() -> None:
    config = configured()
    with opened(config) as store:
        store.learn(lambda: [Record(1, NOW, DeviceDefined(1, "t", "old", "dc")), Record(2, NOW, Tick(NOW))])
        store.learn(lambda: [Record(1, NOW, DeviceDefined(1, "t", "CH-1", "dc"))])
        store.write(0, [record(9, at(0, 1.0))])
        assert store.secured(0) == 9
    assert asked(f"SELECT device FROM {config.schema_name}.named_reading") == [("CH-1",)]


def test_it_stores_what_duckdb_stores(tmp_path: Any) -> None:
    """Repeats, other values, late rows and twins in every mixture: the same counts and the same rows."""
    random = np.random.default_rng(7)
    duck = DuckDbStore(tmp_path, DuckDbConfig.model_validate({"retention": "100d"}), HandClock())
    with opened(configured()) as store:
        for seq in range(1, 13):
            rows = [
                at(float(second), float(value), int(device), int(point))
                for second, value, device, point in zip(
                    random.integers(-40, 40, 60) * 60_000,
                    random.integers(0, 3, 60),
                    random.integers(1, 4, 60),
                    random.integers(1, 3, 60),
                    strict=True,
                )
            ]
            half = [record(2 * seq, *rows[:30]), record(2 * seq + 1, *rows[30:])]
            assert store.write(0, half) == duck.write(0, half)
        for device in (1, 2, 3):
            newest = [[(one.point, one.at, one.value) for one in each.latest(device)] for each in (store, duck)]
            assert newest[0] == newest[1]
            for point in (1, 2):
                ours, theirs = (one.range(device, point, NOW - 99 * DAY, NOW + 99 * DAY) for one in (store, duck))
                assert ours.at.tolist() == theirs.at.tolist()
                assert ours.value.tolist() == theirs.value.tolist()
                assert ours.flags.tolist() == theirs.flags.tolist()
    duck.close()


def test_two_gateways_do_not_share_a_schema() -> None:
    config = configured(timeout="1s")
    with opened(config) as first, opened(config) as second:
        first.write(0, [record(1, at(0, 1.0))])
        with pytest.raises(StoreUnavailable, match="another gateway"):
            second.cursor(0)
        first.close()
        assert second.cursor(0) == 1


def test_a_row_from_elsewhere_is_met_and_learned() -> None:
    """Somebody inserts by hand what the gateway takes for new."""
    config = configured()
    with opened(config) as store:
        store.write(0, [record(1, at(0, 1.0))])
        asked(
            f"INSERT INTO {config.schema_name}.reading SELECT at + interval '9 s', device, point, 5, quality, flags, "
            f"received FROM {config.schema_name}.reading RETURNING 1"
        )
        with pytest.raises(StoreUnavailable):
            store.write(0, [record(2, at(9, 2.0))])
        assert store.write(0, [record(2, at(9, 2.0))]).conflict == 1
        assert store.range(1, 1, NOW, NOW + DAY).value.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("53100", StoreFull),
        ("40001", StoreUnavailable),
        ("40P01", StoreUnavailable),
        ("57P01", StoreUnavailable),
        ("25006", StoreUnavailable),
        ("42501", StoreRejected),
        ("22023", StoreRejected),
    ],
)
def test_what_the_server_refuses_in_the_middle_of_a_write_is_whole_afterwards(
    code: str, kind: type[StoreError]
) -> None:
    config = configured()
    table = f"{config.schema_name}.reading"
    with opened(config) as store:
        store.write(0, [record(1, at(0, 1.0))])
        with admin() as server:
            server.execute(
                f"CREATE FUNCTION {config.schema_name}.fail() RETURNS trigger LANGUAGE plpgsql AS $$"
                f"BEGIN IF new.value = 3 THEN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END IF; RETURN new; END$$;"
                f"CREATE TRIGGER fail BEFORE INSERT ON {table} FOR EACH ROW "
                f"EXECUTE FUNCTION {config.schema_name}.fail()".encode()
            )
            with pytest.raises(StoreError) as failed:
                store.write(0, [record(2, at(1, 2.0)), record(3, at(2, 3.0))])
            assert type(failed.value) is kind
            assert failed.value.text("zh") != failed.value.text("en")
            server.execute(f"DROP TRIGGER fail ON {table}".encode())
        assert store.cursor(0) == 1
        assert store.write(0, [record(2, at(1, 2.0)), record(3, at(2, 3.0))]).stored == 2
        assert store.range(1, 1, NOW, NOW + DAY).value.tolist() == [1.0, 2.0, 3.0]


def test_tables_that_were_dropped_are_made_anew() -> None:
    config = configured()
    with opened(config) as store:
        store.write(0, [record(1, at(0, 1.0))])
        with admin() as server:
            server.execute(f"DROP SCHEMA {config.schema_name} CASCADE".encode())
        with pytest.raises(StoreUnavailable):
            store.write(0, [record(2, at(1, 2.0))])
        assert store.write(0, [record(2, at(1, 2.0))]).stored == 1


REFUSED: list[tuple[dict[str, Any], type[StoreError], str]] = [
    ({"password": "wr0ng-secret"}, StoreRejected, "password"),
    ({"user": "nobody-known"}, StoreRejected, "password"),
    ({"database": "nothing"}, StoreRejected, "no such database"),
    ({"tls": "require"}, StoreRejected, "TLS"),
    ({"port": 1}, StoreUnavailable, "no connection"),
    ({"host": "/nowhere"}, StoreUnavailable, "no connection"),
    ({"host": "name.invalid"}, StoreUnavailable, "no connection"),
    ({"password": None, "password_file": "/nowhere/secret"}, StoreRejected, "cannot be read"),
]


@pytest.mark.parametrize(("change", "kind", "word"), REFUSED)
def test_a_server_that_does_not_let_us_in(change: dict[str, Any], kind: type[StoreError], word: str) -> None:
    port = change.get("port")
    config = configured(**{"port": port, **change, "tls": change.get("tls", "disable")})
    with opened(config) as store, pytest.raises(StoreError) as failed:
        store.cursor(0)
    assert type(failed.value) is kind, failed.value
    assert word in str(failed.value)
    assert "wr0ng-secret" not in failed.value.text("en") + failed.value.text("zh") + repr(config)
    findings = look(config)
    assert [one.grade for one in findings] == ["bad"]


def test_rights_are_looked_at_before_they_are_missed() -> None:
    with admin() as server:
        server.execute("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN PASSWORD 'r'")
    config = configured(user="reader", password="r")
    with opened(config) as store, pytest.raises(StoreRejected, match="lacks a right"):
        store.cursor(0)
    assert [one.what.key for one in look(config)] == [
        "postgres.doctor.ok",
        "postgres.doctor.rights",
        "postgres.doctor.fsync",
    ]
    with admin() as server:
        server.execute(f"CREATE SCHEMA {config.schema_name} AUTHORIZATION reader".encode())
    with opened(config) as store:
        assert store.write(0, [record(1, at(0, 1.0))]).stored == 1
    assert [one.grade for one in look(config)] == ["ok", "warn"]


def test_a_server_that_only_reads_is_tried_again() -> None:
    config = configured()
    with opened(config) as store:
        store.write(0, [record(1, at(0, 1.0))])
        store.close()
        with admin() as server:
            server.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            server.execute("SELECT pg_reload_conf()")
        try:
            until = time.monotonic() + 10
            while asked("SHOW default_transaction_read_only") != [("on",)] and time.monotonic() < until:
                pass
            with pytest.raises(StoreUnavailable, match="takes no writes"):
                store.write(0, [record(2, at(1, 2.0))])
        finally:
            with admin() as server:
                server.execute("SET default_transaction_read_only = off")
                server.execute("ALTER SYSTEM RESET default_transaction_read_only")
                server.execute("SELECT pg_reload_conf()")
            while asked("SHOW default_transaction_read_only") != [("off",)]:
                pass
        assert store.write(0, [record(2, at(1, 2.0))]).stored == 1


def test_a_restart_in_the_middle_of_writes_loses_and_doubles_nothing() -> None:
    with postgres({"fsync": "off"}) as server:
        config = configured(port=server.port)
        wanted, counted = _write_through_restarts(server, config)
        with opened(config) as store:
            found = store.range(1, 1, NOW, NOW + DAY)
            assert found.value.tolist() == [float(n) for n in range(wanted)]
            assert store.stats().rows == wanted == counted


def _write_through_restarts(server: PostgresProcess, config: PostgresConfig) -> tuple[int, int]:
    """(readings, how many were counted as stored). Killed twice and stopped once, at moments nobody chose."""
    size, writes, counted = 2_000, 30, 0
    ways: dict[int, Callable[[], None]] = {8: server.kill, 15: server.stop, 22: server.kill}
    with opened(config) as store:
        for seq in range(1, writes + 1):
            rows = record(seq, *(at(float(n), float(n)) for n in range((seq - 1) * size, seq * size)))
            ending = threading.Thread(target=ways[seq]) if seq in ways else None
            if ending is not None:
                ending.start()
            while True:
                try:
                    counted += store.write(0, [rows]).stored
                    break
                except StoreUnavailable:
                    if ending is not None and server.process.poll() is not None:
                        ending.join()
                        server.start()
                        ending = None
            if ending is not None:
                ending.join()
                server.start()
    return size * writes, counted


def test_a_commit_without_an_answer_is_counted_once() -> None:
    """The connection breaks after the server took the commit and before its answer arrives."""
    with _proxy(postgres_kit.server().port) as (port, break_at_commit), opened(configured(port=port)) as store:
        store.write(0, [record(1, at(0, 1.0))])
        break_at_commit.set()
        with pytest.raises(StoreUnavailable):
            store.write(0, [record(2, at(1, 2.0), at(2, 3.0))])
        written = store.write(0, [record(2, at(1, 2.0), at(2, 3.0)), record(3, at(3, 4.0))])
        assert (written.stored, written.duplicate) == (3, 0)
        assert store.range(1, 1, NOW, NOW + DAY).value.tolist() == [1.0, 2.0, 3.0, 4.0]


@contextmanager
def _proxy(target: int) -> Iterator[tuple[int, threading.Event]]:
    """A port before the server, and an event: the next COMMIT is passed on, its answer is not."""
    armed, listener = threading.Event(), socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", target))
            sockets.extend((client, server))
            threading.Thread(target=forward, args=(client, server), daemon=True).start()
            threading.Thread(target=back, args=(server, client), daemon=True).start()

    def forward(client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while block := client.recv(65_536):
                if armed.is_set() and b"COMMIT" in block:
                    armed.clear()
                    swallow.add(client)
                server.sendall(block)
            server.shutdown(socket.SHUT_WR)

    def back(server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while (block := server.recv(65_536)) and client not in swallow:
                client.sendall(block)
            client.shutdown(socket.SHUT_RDWR)

    swallow: set[socket.socket] = set()
    sockets = [listener]
    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1], armed
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        for one in sockets:
            one.close()


def test_a_server_that_stands_still_is_left_in_the_end() -> None:
    with postgres({"fsync": "off"}) as server:
        config = configured(port=server.port, timeout="1s")
        with opened(config) as store:
            store.write(0, [record(1, at(0, 1.0))])
            with admin(server.port) as connection:
                question = "SELECT pid FROM pg_stat_activity WHERE application_name = 'fieldgate'"
                ((pid,),) = connection.execute(question).fetchall()
            os.kill(pid, signal.SIGSTOP)
            try:
                with pytest.raises(StoreUnavailable):
                    store.write(0, [record(2, at(1, 2.0))])
            finally:
                os.kill(pid, signal.SIGCONT)
            assert store.write(0, [record(2, at(1, 2.0))]).stored == 1
            assert store.range(1, 1, NOW, NOW + DAY).value.tolist() == [1.0, 2.0]


HBA = b"hostssl all certain 127.0.0.1/32 cert\nhostssl all postgres 127.0.0.1/32 scram-sha-256\n"


@pytest.mark.server
@pytest.mark.skipif(server_programs(with_tls=True) is None, reason="no PostgreSQL of the distribution")
def test_tls_is_checked_as_it_says(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    ours, wrong, client = authority.issue("server"), authority.stranger(), authority.issue("certain")
    client.key.chmod(0o600)
    files = {"server.crt": ours.cert.read_bytes(), "server.key": ours.key.read_bytes(), "pg_hba.conf": HBA}
    more = {"ssl": "on", "ssl_ca_file": "root.crt", "fsync": "off"}
    files["root.crt"] = authority.itself.cert.read_bytes()
    with postgres(more, files, with_tls=True) as server:

        def trial(**change: Any) -> tuple[str, StoreError | None]:
            config = configured(port=server.port, **change)
            with opened(config) as store:
                try:
                    store.cursor(0)
                except StoreError as error:
                    return error.key, error
            return "", None

        ca = str(authority.itself.cert)
        assert trial(tls="verify-full", ca_file=ca)[0] == ""
        assert trial(tls="require")[0] == ""
        key, error = trial(tls="verify-full", ca_file=str(wrong.cert))
        assert (key, type(error)) == ("postgres.tls", StoreRejected)
        assert trial(tls="verify-full", ca_file=ca, host="localhost")[0] == "postgres.tls", "the name is not in it"
        assert trial(tls="verify-ca", ca_file=ca, host="localhost")[0] == ""
        assert trial(tls="disable")[0] == "postgres.refused"
        with psycopg.connect(
            host="127.0.0.1", port=server.port, user="postgres", password=PASSWORD, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute("CREATE ROLE certain LOGIN SUPERUSER")
        own = {"user": "certain", "password": None, "cert_file": str(client.cert), "key_file": str(client.key)}
        assert trial(tls="verify-full", ca_file=ca, **own)[0] == ""
        assert type(trial(tls="verify-full", ca_file=ca, user="certain", password=None)[1]) is StoreRejected


def test_a_check_connects_to_nobody_and_warns_of_a_plain_connection() -> None:
    config = PostgresConfig.model_validate({"type": "postgres", "host": "db.invalid", "tls": "require"})
    found = ADAPTER.check(config, "series", "gateway.yaml")
    assert [one.key for one in found.warnings] == ["postgres.warn.plain"]
    assert not found.problems
    assert PostgresConfig.model_validate({"type": "postgres", "host": "db.invalid"}).tls_mode == "verify-full"
    assert PostgresConfig.model_validate({"type": "postgres", "host": "/run/postgresql"}).tls_mode == "disable"


def test_nothing_is_asked_of_the_server_before_it_is_needed() -> None:
    store = PostgresStore(configured(port=1), HandClock())
    store.close()
    with pytest.raises(StoreUnavailable):
        store.cursor(0)
