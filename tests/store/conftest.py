from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    database.upgrade()
    yield database
    database.close()
