"""Which version the next connection speaks."""

import pytest

from protocols.mqtt.protocol_choice import ProtocolChoice


@pytest.mark.parametrize("fixed", ["5", "3.1.1"])
def test_a_version_that_is_configured_stays(fixed: str) -> None:
    choice = ProtocolChoice(fixed)  # type: ignore[arg-type]
    assert not choice.refused()
    assert not any(choice.closed() for _ in range(20))
    choice.ended()
    assert choice.version == fixed


def test_auto_asks_for_5_and_follows_a_refusal() -> None:
    choice = ProtocolChoice("auto")
    assert choice.version == "5"
    assert choice.refused()
    choice.accepted()
    choice.ended()
    assert not any(choice.closed() for _ in range(20)), "remembered: it is 3.1.1, and away"
    assert choice.version == "3.1.1"
    assert choice.refused(), "another broker at this address now"
    assert choice.version == "5"


def test_auto_stays_with_5_once_it_was_accepted() -> None:
    choice = ProtocolChoice("auto")
    choice.accepted()
    choice.ended()
    assert not any(choice.closed() for _ in range(20))
    assert choice.version == "5"


def test_a_broker_that_only_hangs_up_on_5_is_found_out() -> None:
    choice = ProtocolChoice("auto")
    assert [choice.closed() for _ in range(3)] == [False, False, True]
    choice.accepted()
    choice.ended()
    assert choice.version == "5", "perhaps it was only starting"
    assert choice.closed()
    choice.accepted()
    choice.ended()
    assert choice.version == "3.1.1"


def test_a_proxy_without_a_broker_behind_it_decides_nothing() -> None:
    choice = ProtocolChoice("auto")
    versions = []
    for _ in range(12):
        versions.append(choice.version)
        choice.closed()
    assert versions == ["5", "5", "5", "3.1.1"] * 3
    choice = ProtocolChoice("auto")
    for _ in range(3):
        choice.closed()
    choice.accepted()
    choice.ended()
    choice.accepted()
    assert choice.version == "5", "the proxy has its broker again, which speaks 5"
