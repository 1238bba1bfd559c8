"""No adapter escapes its suite."""

import pytest
from contract.harness import peer_of

from gateway.adapters import ENDPOINTS, SERIES, SOURCES


@pytest.mark.parametrize("name", [*SOURCES, *ENDPOINTS, *SERIES])
def test_every_adapter_has_a_counterpart(name: str) -> None:
    assert callable(peer_of(name))


def test_an_adapter_without_one_fails() -> None:
    with pytest.raises(AssertionError, match="the adapter carrier_pigeon needs one file"):
        peer_of("carrier_pigeon")
