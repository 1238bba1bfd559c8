"""Several processes register devices in one database: no id is given twice, no device has two."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import postgres_kit
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from registering_process import believed, declared
from sqlalchemy import create_engine, delete, select

from gateway.clock import SystemClock
from gateway.domain.device import Customer, Device, Life
from gateway.domain.errors import StoreError
from gateway.domain.record import DeviceSet, Fact
from gateway.ports import LastIds, RegistryChange, RegistryContents
from gateway.registry import Registry
from gateway.store import AuditedAct, Database, SqlControlOutbox, SqlRegistryStore, erase_customer, tables
from simulators.postgres_server import PASSWORD, server_programs

ROUNDS = 15
WORKER = Path(__file__).with_name("registering_process.py")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that has its tables; copied, it is another one."""
    path = tmp_path_factory.mktemp("empty") / "registry.sqlite"
    database = Database.at(path)
    database.upgrade()
    database.close()
    return path


@pytest.fixture
def path(empty: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(empty, tmp_path / "registry.sqlite"))


@contextmanager
def opened(path: Path, tenant: str = "default") -> Iterator[tuple[Registry, Database]]:
    database = Database.at(path)
    try:
        yield Registry(SqlRegistryStore(database, SystemClock(), tenant), tenant, SystemClock()), database
    finally:
        database.close()


def worker(url: str, tenant: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(WORKER), url, tenant],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(WORKER.parents[2]), "PATH": ""},
    )


def register(workers: list["subprocess.Popen[str]"], lists: list[list[tuple[str, int]]]) -> list[Any]:
    """All at the same time; what each of them believes afterwards."""
    for process, codes in zip(workers, lists, strict=True):
        assert process.stdin is not None
        process.stdin.write(json.dumps(codes) + "\n")
        process.stdin.flush()
    found = []
    for process in workers:
        assert process.stdout is not None
        found.append(json.loads(process.stdout.readline()))
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, path: Path) -> str:
    """A database that has its tables and nothing in them."""
    if request.param == "sqlite":
        return f"sqlite:///{path}"
    if server_programs() is None:
        pytest.skip("no PostgreSQL on this machine")
    place, name = f"postgresql+psycopg://postgres:{PASSWORD}@127.0.0.1:{postgres_kit.server().port}", path.parent.name
    admin = create_engine(f"{place}/postgres", isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
    admin.dispose()
    database = Database(f"{place}/{name}")
    database.upgrade()
    database.dispose()
    return f"{place}/{name}"


def test_processes_that_register_at_the_same_time_agree(url: str) -> None:
    """Three of one tenant with overlapping lists, in other orders, and one of another tenant with the same codes."""
    workers = [worker(url, tenant) for tenant in ("a", "a", "a", "b")]
    given_to: dict[int, tuple[str, str]] = {}
    ids: dict[tuple[str, str], int] = {}
    try:
        for n in range(ROUNDS):
            codes = [(f"D{n * 4 + k}", 1 + n // 5) for k in range(12)]
            lists = [codes, codes[::-1], codes[4:] + codes[:2], codes[:6]]
            for tenant, found in zip("aaab", register(workers, lists), strict=True):
                for code, number in found["devices"].items():
                    assert ids.setdefault((tenant, code), number) == number, "a device has one id"
                    assert given_to.setdefault(number, (tenant, code)) == (tenant, code), "an id has one device"
    finally:
        for process in workers:
            process.kill()
            process.communicate()
    database = Database(url)
    rows = database.query(
        lambda c: list(c.execute(select(tables.device.c.tenant, tables.device.c.code, tables.device.c.id)))
    )
    assert {(tenant, code): number for tenant, code, number in rows} == ids
    points = database.query(lambda c: list(c.execute(select(tables.point)).all()))
    assert len({point.id for point in points}) == len(points)
    registry = Registry(SqlRegistryStore(database, SystemClock(), "a"), "a", SystemClock())
    assert believed(registry)["devices"] == {code: number for (tenant, code), number in ids.items() if tenant == "a"}
    database.dispose()


STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.dictionaries(st.sampled_from("ABCDE"), st.integers(0, 3), max_size=5),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=30, deadline=None)
@given(steps=STEPS)
def test_in_any_order_an_id_has_one_device_and_a_device_one_id(
    steps: list[tuple[int, dict[str, int], bool]], empty: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Two registries of one tenant and one of another, each with what it read when it was last opened."""
    path = Path(shutil.copy(empty, tmp_path_factory.mktemp("any") / "registry.sqlite"))
    tenants = ("a", "a", "b")
    databases = [Database.at(path) for _ in tenants]

    def registry(n: int) -> Registry:
        return Registry(SqlRegistryStore(databases[n], SystemClock(), tenants[n]), tenants[n], SystemClock())

    registries = [registry(n) for n in range(3)]
    ids: dict[tuple[str, str, str], int] = {}
    for n, devices, restart in steps:
        if restart:
            registries[n] = registry(n)
        registries[n].apply(declared(list(devices.items())))
        known = registries[n].contents().devices
        assert {one.code for one in known if one.life is Life.IN_SERVICE} == devices.keys()
        for kind, found in believed(registries[n]).items():
            for name, number in found.items():
                assert ids.setdefault((kind, tenants[n], name), number) == number
        assert registries[n].apply(declared(list(devices.items()))) == []
    for kind in ("devices", "points"):
        numbers = [number for (one, _, _), number in ids.items() if one == kind]
        assert len(set(numbers)) == len(numbers)
    for database in databases:
        database.close()


def test_what_another_process_registered_is_taken_over(path: Path) -> None:
    with opened(path) as (first, _), opened(path) as (second, database):
        first.apply(declared([("A", 1)]))
        version = second.version
        assert second.device("A") is None
        facts = second.apply(declared([("A", 1), ("B", 2)]))
        assert [fact.device.code for fact in facts if isinstance(fact, DeviceSet)] == ["B"]
        assert second.version > version
        assert believed(second)["devices"] == {"A": 1, "B": 2}
        first.apply(declared([("A", 1), ("B", 2), ("C", 1)]))
        assert believed(first)["devices"] == {"A": 1, "B": 2, "C": 3}
        queued = SqlControlOutbox(database).pending(100)
        assert [fact.device.id for _, fact in queued if isinstance(fact, DeviceSet)] == [1, 2, 3]


def test_rows_are_read_again_only_after_a_change_of_another(path: Path) -> None:
    read: list[bool] = []

    class Watched(SqlRegistryStore):
        def change(self, revision: int, decide: Any) -> tuple[RegistryChange, int]:
            def noted(stored: RegistryContents | None, last: LastIds) -> RegistryChange:
                read.append(stored is not None)
                change: RegistryChange = decide(stored, last)
                return change

            return super().change(revision, noted)

    with opened(path) as (other, database):
        registry = Registry(Watched(database, SystemClock()), "default", SystemClock())
        for codes in (["A"], ["A"], ["A", "B"]):
            registry.apply(declared([(code, 1) for code in codes]))
        again = Registry(Watched(database, SystemClock()), "default", SystemClock())
        again.apply(declared([("A", 1), ("B", 1)]))
        assert read == [False] * 4
        other.apply(declared([("A", 1), ("B", 1), ("C", 1)]))
        registry.apply(declared([("A", 1), ("B", 1), ("C", 1)]))
        registry.apply(declared([("A", 1), ("B", 1), ("C", 1)]))
        assert read[4:] == [True, False]


def test_a_transaction_that_fails_gives_no_id(path: Path) -> None:
    with opened(path) as (registry, database):
        registry.apply(declared([("A", 1)]))
        store = SqlRegistryStore(database, SystemClock())
        twice = [Device(2, "B", "dc", "charger"), Device(3, "B", "dc", "charger")]
        with pytest.raises(StoreError):
            store.change(0, lambda _, last: RegistryChange(RegistryContents((), (), twice, ()), _sets(twice)))
        registry.apply(declared([("A", 1), ("C", 1)]))
        assert believed(registry)["devices"] == {"A": 1, "C": 2}


def _sets(devices: list[Device]) -> list[Fact]:
    return [DeviceSet(device) for device in devices]


def test_ids_of_rows_that_are_gone_are_not_given_again(path: Path) -> None:
    with opened(path) as (registry, database):
        registry.apply(declared([("A", 1), ("B", 1)]))
        database.transact(lambda c: c.execute(delete(tables.device)))
    with opened(path) as (registry, _):
        registry.apply(declared([("A", 1)]))
        assert believed(registry)["devices"] == {"A": 3}


def test_counters_that_are_lost_begin_at_the_rows(path: Path) -> None:
    with opened(path) as (registry, database):
        registry.apply(declared([("A", 1), ("B", 1)]))
        database.transact(lambda c: c.execute(delete(tables.registry_counter)))
    with opened(path) as (registry, _):
        registry.apply(declared([("A", 1), ("B", 1), ("C", 1)]))
        assert believed(registry)["devices"] == {"A": 1, "B": 2, "C": 3}


def test_texts_of_another_process_are_taken_over_and_codes_never_move(path: Path) -> None:
    with opened(path) as (first, _), opened(path) as (second, _):
        first.apply(declared([("A", 2)]))
        second.apply(declared([("A", 2)]))
        status = first.points("dc")["status", 1].id
        assert [first.state_code(status, text, 1) for text in ("idle", "fault")] == [0, 1]
        first.save_texts()
        assert second.state_code(status, "idle", 1) == 0
        second.save_texts()
        assert second.state_code(status, "fault", 1) == 1
        assert [second.points("dc")["status", one].values for one in (1, 2)] == [("idle", "fault")] * 2

        assert first.state_code(status, "new", 1) == second.state_code(status, "other", 1) == 2
        first.save_texts()
        with pytest.raises(StoreError, match="other codes"):
            second.save_texts()
        with pytest.raises(StoreError, match="other codes"):
            second.apply(declared([("A", 2), ("B", 2)]))
    with opened(path) as (stored, _):
        assert stored.points("dc")["status", 1].values == ("idle", "fault", "new")


def test_texts_cleared_here_stay_cleared_when_another_process_changed_something(path: Path) -> None:
    with opened(path) as (first, _), opened(path) as (second, _):
        first.apply(declared([("A", 1)]))
        status = first.points("dc")["status", 1].id
        first.state_code(status, "idle", 1)
        first.save_texts()
        second.apply(declared([("A", 1), ("B", 1)]))
        assert first.clear_texts("dc", "status") == 1
        assert first.points("dc")["status", 1].brought == ()
    with opened(path) as (stored, _):
        assert stored.points("dc")["status", 1].brought == ()


def test_a_customer_erased_by_another_process_is_gone(path: Path) -> None:
    with opened(path) as (registry, _), opened(path) as (_, database):
        registry.apply(replace(declared([("A", 1)]), customers=(Customer("C1", name="Wang"),)))
        erase_customer(database, "default", "C1", AuditedAct(1, "boss", "", "customer.erase", "C1", ""))
        registry.apply(declared([("A", 1), ("B", 1)]))
        assert registry.contents().customers == ()
