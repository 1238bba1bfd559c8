from collections.abc import Iterator
from pathlib import Path

import postgres_kit
import pytest

from gateway.store import Database


@pytest.fixture(params=postgres_kit.BOTH)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """With its tables, on both databases."""
    if request.param == "sqlite":
        database = Database.at(tmp_path / "store.db")
        database.upgrade()
        yield database
        database.close()
        return
    config = postgres_kit.copy()
    database = Database(config)
    yield database
    database.close()
    postgres_kit.drop(config)
