"""From the file to a server: all rows, or none."""

from pathlib import Path

import postgres_kit
import pytest
from click.testing import CliRunner
from desk_kit import NOW, World, transition
from sqlalchemy import func, select

from gateway import expected_stores
from gateway.cli import main
from gateway.database_config import DatabaseConfig
from gateway.domain.errors import StoreError
from gateway.recovery.move import move
from gateway.settings.model import Settings
from gateway.store import Database, Queries, tables

pytestmark = postgres_kit.needed


def counts(database: Database) -> dict[str, int]:
    return database.query(
        lambda c: {
            table.name: c.scalar(select(func.count()).select_from(table)) or 0
            for table in tables.metadata.sorted_tables
            if table is not tables.installation
        }
    )


def test_all_rows_are_moved_once_and_numbers_go_on(tmp_path: Path) -> None:
    world = World(tmp_path / "fieldgate.sqlite")
    world.apply(*[transition(n, device=n) for n in range(1, 6)])
    world.work_through(world.queries.orders().items[0].no, reason="x")
    before, feed = counts(world.database), world.queries.feed_head()
    world.database.close()
    expected_stores.settle(tmp_path, {"database": 5, "journal": 77})
    config = postgres_kit.connection(postgres_kit.empty_database())
    settings = Settings.model_construct(data_dir=tmp_path, database=DatabaseConfig())
    made = move(settings, config)
    assert made.rows == sum(before.values()) > 100
    assert made.aside.is_file()
    assert not (tmp_path / "fieldgate.sqlite").exists()
    known = expected_stores.expected(tmp_path)
    assert known.keys() == {"journal", expected_stores.SERVER}
    with pytest.raises(StoreError, match="the configuration names the file"):
        expected_stores.check_database(tmp_path, embedded=True)

    moved = World(config)
    assert counts(moved.database) == before
    moved.apply(transition(9, device=9), now=NOW)
    assert {event.subject_seq for _, event in moved.queries.feed(feed)} == {1}, "a follower of the feed goes on"
    assert len({order.no for order in moved.queries.orders().items}) == 6
    with pytest.raises(StoreError, match="another data folder"):
        moved.database.claim(78)
    moved.database.close()

    (tmp_path / "fieldgate.sqlite").write_bytes(made.aside.read_bytes())
    with pytest.raises(StoreError, match=r"is not empty \(table "):
        move(settings, config)
    assert (tmp_path / "fieldgate.sqlite").exists()
    database = Database(config)
    assert len(Queries(database).orders().items) == 6
    database.close()
    postgres_kit.drop(config)


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("name: a\ntimezone: Asia/Shanghai\nlanguage: en\ndata_dir: var\n")
    args = ["database", "move", "-c", str(tmp_path)]
    shown = CliRunner().invoke(main, args)
    assert (shown.exit_code, "where to?" in shown.output) == (2, True)
    shown = CliRunner().invoke(main, [*args, "--to", "postgres//x"])
    assert (shown.exit_code, "write sqlite, or postgresql://" in shown.output) == (2, True)
    shown = CliRunner().invoke(main, [*args, "--to", "postgresql://u@h/d"])
    assert (shown.exit_code, "no database file" in shown.output) == (2, True)
