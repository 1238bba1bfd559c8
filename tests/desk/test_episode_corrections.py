"""Past episodes that a second look found, ended otherwise or took back, beside what stands now (`episode`)."""

from desk_kit import NOW, World, transition

from gateway.domain.alarm import Change
from gateway.domain.duration import HOUR, SECOND
from gateway.domain.workorder import Act, AlarmState, OrderState


def _episodes(world: World) -> list[tuple[int, int | None, AlarmState]]:
    """(raised, cleared, state), seconds after NOW, oldest first."""
    found = sorted(world.queries.alarms().items, key=lambda one: one.raised_at)
    return [
        (
            (one.raised_at - NOW) // SECOND,
            None if one.cleared_at is None else (one.cleared_at - NOW) // SECOND,
            one.state,
        )
        for one in found
    ]


def test_an_earlier_episode_is_recorded_beside_the_open_one(world: World) -> None:
    world.apply(transition(50))
    past = NOW + 10 * SECOND
    world.apply(
        transition(60, ordinal=0, at=past, late=True, episode=past),
        transition(60, Change.CLEARED, ordinal=1, at=past + 5 * SECOND, late=True, episode=past),
    )
    assert _episodes(world) == [(10, 15, AlarmState.CLEARED), (50, None, AlarmState.RAISED)]
    order = world.order()
    assert (order.count, order.state, order.condition_cleared_at) == (1, OrderState.NEW, None)
    world.apply(transition(70, Change.CLEARED))
    assert world.order().condition_cleared_at == NOW + 70 * SECOND


def test_a_past_episode_gets_its_true_end_and_its_order_too(world: World) -> None:
    world.apply(transition(1), transition(9, Change.CLEARED))
    world.apply(transition(12, Change.CLEARED, at=NOW + 4 * SECOND, late=True, episode=NOW + SECOND))
    assert _episodes(world) == [(1, 4, AlarmState.CLEARED)]
    assert world.order().condition_cleared_at == NOW + 4 * SECOND


def test_a_past_episode_that_never_was_cancels_an_untouched_order(world: World) -> None:
    world.apply(transition(1), transition(9, Change.CLEARED))
    world.apply(transition(12, Change.WITHDRAWN, late=True, episode=NOW + SECOND))
    assert _episodes(world)[0][2] is AlarmState.WITHDRAWN
    assert (world.order().state, world.order().close_reason) == (OrderState.CANCELLED, "withdrawn")


def test_an_accepted_order_of_an_episode_that_never_was_stays(world: World) -> None:
    world.apply(transition(1), transition(9, Change.CLEARED))
    world.work_through(world.order().no, Act.ACCEPT)
    world.apply(transition(12, Change.WITHDRAWN, late=True, episode=NOW + SECOND))
    assert world.order().state is OrderState.ACCEPTED


def test_what_is_not_known_or_still_open_is_left_alone(world: World) -> None:
    world.apply(transition(1))
    applied = world.apply(transition(5, Change.CLEARED, late=True, episode=NOW + SECOND))
    assert applied.orphaned == 1
    assert _episodes(world) == [(1, None, AlarmState.RAISED)]
    assert world.apply(transition(6, Change.WITHDRAWN, late=True, episode=NOW + 3 * SECOND)).orphaned == 1


def test_a_condition_that_ends_after_its_order_was_closed_is_noted(world: World) -> None:
    world.apply(transition(1))
    world.work_through(world.order().no, Act.CLOSE, reason="done")
    before = world.order()
    assert before.condition_cleared_at is None
    world.apply(transition(2, Change.CLEARED))
    order = world.order()
    assert (order.state, order.condition_cleared_at) == (OrderState.CLOSED, NOW + 2 * SECOND)
    assert order.version == before.version, "no news: nobody waits for it"
    world.desk.tick(NOW + 5 * HOUR)
    assert world.order().state is OrderState.CLOSED
