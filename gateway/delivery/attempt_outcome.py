"""The outcome of an attempt: settlement of the delivery and signal for the breaker. Pure."""

from dataclasses import dataclass, replace
from typing import Literal

from gateway.delivery.config import DeliveryConfig
from gateway.delivery.retry_schedule import RETRIES, retry_delay
from gateway.domain.delivery import Receipt
from gateway.domain.errors import DeliveryDeferred, DeliveryRefused
from gateway.ports import Settled

_MESSAGE = frozenset({400, 409, 411, 413, 414, 415, 422, 431})
"""HTTP statuses caused by this message; all other failures are of the endpoint."""

BreakerSignal = Literal["worked", "failed", "nothing"]


@dataclass(frozen=True, slots=True)
class SinkFault:
    """The sink raised an unexpected error: a fault of this program, not of the endpoint."""

    kind: str


Result = Receipt | DeliveryDeferred | DeliveryRefused | SinkFault


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """`pause` µs: the wait that the endpoint asked for (0 = none). `disable`: the endpoint is gone."""

    settled: Settled
    signal: BreakerSignal
    pause: int = 0
    disable: bool = False


def outcome_of(
    result: Result, attempt: int, now: int, latency: int, draw: float, config: DeliveryConfig
) -> AttemptOutcome:
    """`now` in µs is the end of the attempt (counted from 1) and `draw` in [0, 1) the jitter's."""
    outcome = _outcome(result, attempt, now, draw, config)
    return replace(outcome, settled=replace(outcome.settled, latency=latency))


def _outcome(result: Result, attempt: int, now: int, draw: float, config: DeliveryConfig) -> AttemptOutcome:
    match result:
        case Receipt():
            return AttemptOutcome(
                Settled("delivered", status=result.status, reference=result.reference, excerpt=result.detail), "worked"
            )
        case DeliveryRefused() if result.disable:
            # Kept, not dead: it goes out, in its order, when a person has enabled the endpoint again.
            kept = Settled("retry", result.reason, result.status, next_at=now, charge=False)
            return AttemptOutcome(kept, "nothing", disable=True)
        case DeliveryRefused():
            return AttemptOutcome(Settled("dead", result.reason, result.status), _signal(result.status, refused=True))
        case DeliveryDeferred():
            signal: BreakerSignal = _signal(result.status) if result.charge else "nothing"
            pause = 0
            if config.backoff and result.status in {429, 503}:
                pause = min(result.retry_after, config.retry_after_max)
            return AttemptOutcome(_retry(result, attempt, now, draw, config), signal, pause)
        case SinkFault():
            return AttemptOutcome(
                _retry(DeliveryDeferred(f"fault: {result.kind}"), attempt, now, draw, config), "nothing"
            )


def _signal(status: int, *, refused: bool = False) -> BreakerSignal:
    if status == 0:
        return "nothing" if refused else "failed"
    return "worked" if status in _MESSAGE or 200 <= status < 300 else "failed"


def _retry(error: DeliveryDeferred, attempt: int, now: int, draw: float, config: DeliveryConfig) -> Settled:
    # What does not count waits like a first failure, for ever if need be; the plan itself may be empty.
    step, retries = (attempt, config.retries) if error.charge else (1, config.retries or RETRIES)
    delay = retry_delay(
        step,
        retries,
        jitter=config.jitter,
        draw=draw,
        retry_after=error.retry_after,
        retry_after_max=config.retry_after_max,
    )
    if delay is None:
        return Settled("dead", f"exhausted: {error.reason}", error.status)
    next_at = now + (delay if config.backoff else 0)
    return Settled("retry", error.reason, error.status, next_at=next_at, charge=error.charge)
