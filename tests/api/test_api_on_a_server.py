"""The contract of the API on a PostgreSQL server: the tests of orders, batches, conflicts and audit as they are for a
file."""

from collections.abc import AsyncIterator
from pathlib import Path

import postgres_kit
import pytest
from api_kit import MAIN, World
from test_api_offline import (
    test_bounds_and_sites,
    test_each_command_has_a_result_and_the_batch_can_be_sent_again,
)
from test_api_orders import (
    test_a_repeated_command_changes_nothing_and_etags_are_versions,
    test_a_report_joins_the_order_of_its_fault,
    test_filters,
    test_paging_is_stable_while_orders_are_made,
    test_refusals_are_problems,
    test_the_feed_and_deliveries,
    test_the_life_of_an_order,
)

from gateway.database_config import DatabaseConfig

pytestmark = postgres_kit.needed
__all__ = [
    "test_a_repeated_command_changes_nothing_and_etags_are_versions",
    "test_a_report_joins_the_order_of_its_fault",
    "test_bounds_and_sites",
    "test_each_command_has_a_result_and_the_batch_can_be_sent_again",
    "test_filters",
    "test_paging_is_stable_while_orders_are_made",
    "test_refusals_are_problems",
    "test_the_feed_and_deliveries",
    "test_the_life_of_an_order",
]


def section(config: DatabaseConfig, folder: Path) -> str:
    """The database of the main file."""
    password = folder / "database.password"
    password.write_text(postgres_kit.PASSWORD, "utf-8")
    password.chmod(0o600)
    url = f"postgresql://{config.user}@{config.host}:{config.port}/{config.database}"
    return f"database: {{url: '{url}', password_file: {password}, schema_name: {config.schema_name}}}\n"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """An installation whose database is on a server."""
    config = postgres_kit.copy()
    world = World(tmp_path, {"gateway.yaml": MAIN + section(config, tmp_path)})
    yield world
    await world.close()
    postgres_kit.drop(config)


async def test_lists_audit_and_metrics(world: World) -> None:
    for seq, code in ((1, "D1"), (2, "D2"), (3, "D3")):
        world.raise_alarm(seq, code)
    first = await world.get("/v1/work-orders", params={"limit": "2"})
    rest = await world.get("/v1/work-orders", params={"limit": "2", "cursor": first["next"]})
    assert len({one["no"] for one in (*first["items"], *rest["items"])}) == 3
    assert len((await world.get("/v1/work-orders", params={"site": "HZ-1"}))["items"]) == 2
    assert len((await world.get("/v1/alarms", params={"raised": "true", "device": "D2"}))["items"]) == 1
    assert len((await world.get("/v1/deliveries"))["items"]) >= 3
    assert [one["number"] for one in (await world.get("/v1/audit/orders"))["items"]] == [3, 2, 1]
    assert world.app.stores.sql.database.server is not None
    assert world.app.stores.sql.trail.check().broken is None
