from collections.abc import Iterator

import postgres_kit
import pytest
from desk_kit import World, new_world


@pytest.fixture(params=postgres_kit.BOTH)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A desk, on both databases."""
    with new_world(request.param) as world:
        yield world
