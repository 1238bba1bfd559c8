"""Reasons of a hold are codes of a list."""

import pytest
from desk_kit import World, transition

from gateway.desk.hold_reasons import OTHER, WAITING_CHILD, HoldReasons
from gateway.domain.errors import CommandError
from gateway.domain.language_values import InBothLanguages
from gateway.domain.workorder import Act


def test_a_list_of_the_settings_replaces_all_but_the_built_in_ones() -> None:
    reasons = HoldReasons.of({"gate_key": InBothLanguages("waiting for the key", "等待钥匙")})
    assert reasons.choices() == (OTHER, "gate_key")
    assert {reasons.code_of(text) for text in ("gate_key", " Waiting for the KEY", "等待钥匙")} == {"gate_key"}
    assert {reasons.code_of(text) for text in ("parts", "")} == {None}
    assert reasons.name_of("part ordered") == InBothLanguages("part ordered", "part ordered")  # from before the list


def test_a_hold_names_a_reason_of_the_list(world: World) -> None:
    world.apply(transition(1))
    no = world.order().no
    world.work_through(no, Act.ACCEPT)
    world.act(no, Act.START)
    for reason in ("lunch", WAITING_CHILD):
        with pytest.raises(CommandError) as error:
            world.act(no, Act.HOLD, reason=reason)
        assert (error.value.status, error.value.code) == (422, "hold_reason")
        assert "waiting_parts" in str(error.value)
        assert reason == WAITING_CHILD or WAITING_CHILD not in str(error.value)
    with pytest.raises(CommandError, match="note"):
        world.act(no, Act.HOLD, reason=OTHER)
    world.act(no, Act.HOLD, reason="等待备件", note="a fan, on Monday")
    event = world.events()[-1]["data"]
    assert event["workOrder"]["holdReason"] == "waiting_parts"
    assert event["workOrder"]["holdReasonName"] == {"en": "waiting for parts", "zh": "等待备件"}
    assert event["note"] == "a fan, on Monday"
