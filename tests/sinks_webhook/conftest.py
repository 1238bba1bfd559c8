"""Fixtures of the sink tests."""

import pytest
from webhook_receiver import StoppedClock


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()
