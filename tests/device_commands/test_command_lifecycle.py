"""The life of a command to a device: whatever happens in whatever order, it is sent once at most."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.device_command.command import CommandEvent, CommandState, DeviceCommand, Outcome, Verification
from gateway.domain.device_command.lifecycle import MOVES, Happening, apply, possible
from gateway.domain.errors import CommandError, Conflict
from gateway.domain.workorder import SYSTEM, Actor, Role

E, S, V = CommandEvent, CommandState, Verification
BY_PERSONS = {E.APPROVE, E.REFUSE, E.SETTLE}
PEOPLE = [Actor(name, role) for name in ("ann", "bob") for role in Role if role is not Role.SYSTEM]


def command(approval: str = "supervisor", requester: str = "ann") -> DeviceCommand:
    state = S.AWAITING_APPROVAL if approval else S.APPROVED
    return DeviceCommand(
        "c1",
        "default",
        "k",
        "d",
        1,
        0,
        "stop",
        "broker",
        {},
        "",
        requester,
        Role.OPERATOR,
        0,
        0,
        1_000_000,
        state,
        approval=approval,
    )


happenings = st.builds(
    Happening,
    st.sampled_from(list(CommandEvent)),
    st.integers(1, 2_000_000),
    st.sampled_from([SYSTEM, *PEOPLE]),
    reason=st.sampled_from(["", "seen at the device"]),
    outcome=st.sampled_from([None, *Outcome]),
    verify_until=st.sampled_from([0, 5_000_000]),
    verified=st.sampled_from([None, True, False]),
)


@given(st.sampled_from(["", "supervisor", "admin"]), st.lists(happenings, max_size=40))
def test_any_order_of_events(approval: str, events: list[Happening]) -> None:
    one, sent, approver = command(approval), 0, ""
    for event in events:
        try:
            after = apply(one, event)
        except CommandError:
            continue
        assert after.version == one.version + 1
        assert after.updated_at >= one.updated_at
        assert after.open == (after.ended_at == 0)
        assert (one.state, event.event) in MOVES or one.verification is V.PENDING
        if event.event is E.APPROVE:
            approver = event.actor.id
            assert event.actor.id != one.requester
            assert event.actor.role in ({Role.ADMIN} if approval == "admin" else {Role.SUPERVISOR, Role.ADMIN})
        if event.event in BY_PERSONS:
            assert event.actor is not SYSTEM
        sent += event.event is E.SEND
        one = after
    assert sent <= 1, "nothing leads back to approved"
    assert not (sent and approval and not approver), "not without the second person"
    assert bool(one.sent_at) == bool(sent)


@pytest.mark.parametrize("state", list(CommandState))
def test_what_is_possible_is_what_is_accepted(state: CommandState) -> None:
    for verification in Verification:
        one = replace(command(), state=state, verification=verification)
        for actor in PEOPLE:
            for event in BY_PERSONS:
                happening = Happening(event, 10, actor, reason="seen", outcome=Outcome.DONE)
                try:
                    apply(one, happening)
                    accepted = True
                except CommandError:
                    accepted = False
                assert accepted == (event.value in possible(one, actor)), (state, verification, actor, event)


def test_an_approval_that_comes_too_late_is_none() -> None:
    with pytest.raises(Conflict, match="not approved in time"):
        apply(command(), Happening(E.APPROVE, 1_000_000, Actor("bob", Role.ADMIN)))


def test_settling_needs_a_reason() -> None:
    lost = replace(command(), state=S.UNCERTAIN)
    with pytest.raises(CommandError, match="reason"):
        apply(lost, Happening(E.SETTLE, 5, Actor("bob", Role.ENGINEER), outcome=Outcome.DONE))
    done = apply(lost, Happening(E.SETTLE, 5, Actor("bob", Role.ENGINEER), reason="seen", outcome=Outcome.NOT_DONE))
    assert (done.state, done.outcome, done.open) == (S.SETTLED, "not_done", False)


@pytest.mark.parametrize(
    ("verified", "until", "found"),
    [(None, 0, V.NONE), (True, 0, V.VERIFIED), (False, 0, V.NOT_VERIFIED), (True, 9, V.PENDING)],
)
def test_what_the_source_read_back_counts_with_the_point(
    verified: bool | None, until: int, found: Verification
) -> None:
    sent = replace(command(), state=S.SENT)
    assert apply(sent, Happening(E.ANSWER_OK, 5, verified=verified, verify_until=until)).verification is found
