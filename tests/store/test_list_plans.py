"""Lists of orders, alarms and audits are read by an index, whatever is asked for; the bench measures each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event, text

from gateway.cli.bench import desk as load
from gateway.cli.bench import desk_lists
from gateway.store import Database

LARGE = {"work_order", "alarm", "audit", "notice", "sla_clock"}  # events and deliveries are read by their number


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A file with a few orders, as the bench fills it."""
    folder: Path = tmp_path_factory.mktemp("lists")
    with pytest.MonkeyPatch.context() as patch, load.database_of("sqlite", folder) as database:
        patch.setattr(load, "DEVICES", 60)
        patch.setattr(load, "SITES", 10)
        patch.setattr(load, "CHUNK", 40)
        desk_lists.fill(database, folder, 120)
        yield database


def plans(database: Database, name: str) -> list[str]:
    """Steps of the plans of all statements of a list."""
    asked: list[tuple[str, object]] = []

    def keep(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        asked.append((statement, parameters))

    call = desk_lists.lists(database)[name]
    event.listen(database._reader, "before_cursor_execute", keep)
    call()
    event.remove(database._reader, "before_cursor_execute", keep)
    found = []
    for statement, parameters in asked:
        explain = f"EXPLAIN QUERY PLAN {statement}"
        rows = database.query(lambda c, e=explain, p=parameters: c.exec_driver_sql(e, p).all())  # type: ignore[misc]
        found += [row[3] for row in rows]
    assert found
    return found


NAMES = (
    "orders", "orders_page_2", "orders_in_the_middle", "orders_open", "orders_new", "orders_of_two_states",
    "orders_of_no_state", "orders_of_site", "orders_of_site_open", "orders_of_no_site", "orders_of_device",
    "orders_of_person", "orders_of_person_open", "orders_of_nobody", "orders_of_fault", "orders_of_no_fault",
    "orders_of_no_type", "orders_urgent", "orders_urgent_open", "orders_of_a_month", "orders_changed",
    "order_by_number", "alarms", "alarms_raised", "alarms_of_device", "alarms_of_no_rule", "alarms_of_order",
    "deliveries", "deliveries_waiting", "deliveries_dead", "deliveries_of_order", "feed", "counts", "audit",
    "audit_of_nobody", "audit_of_order",
)  # fmt: skip


def test_every_list_is_looked_at(filled: Database) -> None:
    assert set(NAMES) == set(desk_lists.lists(filled))


@pytest.mark.parametrize("name", NAMES)
def test_no_list_reads_a_whole_table(filled: Database, name: str) -> None:
    steps = plans(filled, name)
    scans = [step for step in steps if step.startswith("SCAN") and step.split()[1] in LARGE and "INDEX" not in step]
    assert scans == [], steps


@pytest.mark.parametrize("name", ["orders", "orders_in_the_middle", "alarms", "deliveries", "feed", "audit"])
def test_the_newest_rows_are_read_in_order_and_nothing_is_sorted(filled: Database, name: str) -> None:
    assert [step for step in plans(filled, name) if "TEMP B-TREE" in step] == []


def test_the_bench_times_every_list(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def small(database: Database, folder: Path, orders: int) -> None:
        monkeypatch.setattr(load, "DEVICES", 40)
        desk_fill(database, folder, orders)

    desk_fill = desk_lists.fill
    monkeypatch.setattr(desk_lists, "fill", small)
    figures = desk_lists.measure("sqlite", 60)
    assert set(figures["lists_ms"]) == set(NAMES)
    assert figures["slowest_list_ms"] == max(figures["lists_ms"].values()) > 0
    assert filled.query(lambda c: c.scalar(text("SELECT count(*) FROM work_order WHERE closed_at IS NULL"))) == 6
