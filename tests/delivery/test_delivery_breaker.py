"""The breaker: a state machine with its own model, and the promises that matter."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.delivery.breaker import Breaker, BreakerState
from gateway.delivery.config import BreakerConfig
from gateway.domain.duration import MINUTE, SECOND

POLICY = BreakerConfig.model_validate(
    {"failures": 3, "sample": 10, "share": 0.5, "window": "1m", "pause": "10s", "longest": "60s", "successes": 2}
)


def fail(breaker: Breaker, now: int, times: int = 1) -> None:
    for _ in range(times):
        permit = breaker.admit(now)
        assert permit is not None
        breaker.failed(permit, now)


def succeed(breaker: Breaker, now: int) -> None:
    permit = breaker.admit(now)
    assert permit is not None
    breaker.succeeded(permit, now)


def test_opens_after_failures_in_a_row_and_probes() -> None:
    breaker = Breaker(POLICY)
    fail(breaker, 0, 2)
    succeed(breaker, 0)
    fail(breaker, 0, 2)
    assert breaker.state(0) is BreakerState.CLOSED
    fail(breaker, 0)
    assert breaker.until(0) == 10 * SECOND
    assert breaker.allowed(10 * SECOND - 1, 4) == 0
    assert breaker.allowed(10 * SECOND, 4) == 1
    permit = breaker.admit(10 * SECOND)
    assert permit is not None
    assert breaker.admit(10 * SECOND) is None
    breaker.succeeded(permit, 11 * SECOND)
    assert breaker.state(11 * SECOND) is BreakerState.HALF_OPEN
    succeed(breaker, 12 * SECOND)
    assert breaker.state(12 * SECOND) is BreakerState.CLOSED


def test_opens_by_share_within_the_window() -> None:
    breaker = Breaker(POLICY)
    for i in range(5):
        fail(breaker, i)
        if i < 4:
            succeed(breaker, i)
    assert breaker.state(5) is BreakerState.CLOSED  # nine attempts: below the sample
    succeed(breaker, 5)
    fail(breaker, 6)
    assert breaker.state(6) is BreakerState.OPEN
    patient = Breaker(POLICY)
    for i in range(5):
        fail(patient, i)
        succeed(patient, i)
    fail(patient, 2 * MINUTE)  # the old ones have left the window
    assert patient.state(2 * MINUTE) is BreakerState.CLOSED


def test_pauses_double_up_to_the_longest_and_begin_anew() -> None:
    breaker, now, pauses = Breaker(POLICY), 0, []
    fail(breaker, now, 3)
    for _ in range(5):
        until = breaker.until(now)
        assert until is not None
        pauses.append((until - now) // SECOND)
        now = until
        fail(breaker, now)
    assert pauses == [10, 20, 40, 60, 60]
    now = breaker.until(now) or 0
    succeed(breaker, now)
    succeed(breaker, now)
    fail(breaker, now, 3)
    assert breaker.until(now) == now + 10 * SECOND


def test_results_of_an_older_state_change_nothing() -> None:
    breaker = Breaker(POLICY)
    old = [breaker.admit(0) for _ in range(5)]
    for permit in old[:3]:
        assert permit is not None
        breaker.failed(permit, 0)
    until = breaker.until(0)
    assert old[3] is not None
    assert old[4] is not None
    breaker.failed(old[3], SECOND)
    breaker.succeeded(old[4], SECOND)
    assert breaker.until(SECOND) == until
    probe = breaker.admit(10 * SECOND)
    breaker.failed(old[3], 10 * SECOND)
    breaker.neutral(old[4])
    assert breaker.allowed(10 * SECOND, 4) == 0  # the probe is still under way
    assert probe is not None
    breaker.neutral(probe)
    assert breaker.allowed(10 * SECOND, 4) == 1


def test_rest_keeps_the_longer_pause_and_is_not_a_failure() -> None:
    breaker = Breaker(POLICY)
    breaker.pause_for(0, 30 * SECOND)
    breaker.pause_for(SECOND, 5 * SECOND)
    assert breaker.until(SECOND) == 30 * SECOND
    succeed(breaker, 30 * SECOND)
    succeed(breaker, 30 * SECOND)
    fail(breaker, 30 * SECOND, 3)
    assert breaker.until(30 * SECOND) == 40 * SECOND


ACTS = st.sampled_from(["admit", "ok", "bad", "nothing", "rest"])
STEPS = st.lists(st.tuples(st.integers(0, 30 * SECOND), ACTS, st.integers(0, 5)))


@settings(max_examples=300)
@given(STEPS)
def test_any_history(steps: list[tuple[int, str, int]]) -> None:
    """Never more than one probe; an open breaker admits nothing and always ends; closed admits everything."""
    breaker, now = Breaker(POLICY), 0
    permits: list[int] = []
    probes: set[int] = set()  # permits of the half-open state under way
    for after, what, which in steps:
        now += after
        state = breaker.state(now)
        if what == "admit":
            permit = breaker.admit(now)
            if state is BreakerState.OPEN:
                assert permit is None
            if state is BreakerState.CLOSED:
                assert permit is not None
            if permit is not None:
                permits.append(permit)
                if state is BreakerState.HALF_OPEN:
                    assert permit not in probes
                    probes.add(permit)
        elif what == "rest":
            breaker.pause_for(now, which * SECOND)
        elif permits:
            permit = permits.pop(which % len(permits))
            probes.discard(permit)
            if what == "ok":
                breaker.succeeded(permit, now)
            elif what == "bad":
                breaker.failed(permit, now)
            else:
                breaker.neutral(permit)
        until = breaker.until(now)
        if until is not None:
            assert now < until <= now + 60 * SECOND
        assert breaker.allowed(now, 4) in {0, 1, 4}
