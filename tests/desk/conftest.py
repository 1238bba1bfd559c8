from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_kit import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "desk.db")
    yield world
    world.database.close()
