"""Configuration of the relay. Durations are µs."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from gateway.delivery.retry_schedule import RETRIES
from gateway.domain.duration import DAY, HOUR, MINUTE, SECOND
from gateway.section import Duration, Section, wrong

_Positive = Annotated[Duration, Field(gt=0)]


class BreakerConfig(Section):
    """Limits of the circuit breaker of an endpoint. It opens after `failures` in a row, or when at least `sample`
    attempts ended within `window` and the share `share` of them failed; for `pause`, doubled with every failed probe
    up to `longest`; it closes after `successes` probes."""

    failures: Annotated[int, Field(ge=1, le=100)] = 3
    sample: Annotated[int, Field(ge=2, le=200)] = 10
    share: Annotated[float, Field(gt=0, le=1)] = 0.7
    window: _Positive = 5 * MINUTE
    pause: _Positive = 1 * SECOND
    longest: _Positive = 15 * SECOND
    successes: Annotated[int, Field(ge=1, le=20)] = 1


class DeliveryConfig(Section):
    """`concurrency` attempts run at once per endpoint, each of another subject. An attempt is given up after
    `deadline` (a sink has its own shorter limit); `lease` is how long a delivery belongs to this process. `retries`
    are the waits after failed attempts, spread by ±`jitter`; Retry-After is obeyed up to `retry_after_max`. On stop,
    attempts under way may end within `drain` (the whole gateway has 10 s). `poll` bounds how long a change by another
    process goes unseen.

    `backoff: false` is for tests and drills: every retry is due at once and no breaker opens.
    """

    concurrency: Annotated[int, Field(ge=1, le=16)] = 8
    deadline: _Positive = 40 * SECOND
    lease: _Positive = 60 * SECOND
    drain: Annotated[Duration, Field(ge=0, le=8 * SECOND)] = 5 * SECOND
    poll: _Positive = 30 * SECOND
    retries: tuple[_Positive, ...] = RETRIES
    jitter: Annotated[float, Field(ge=0, le=0.5)] = 0.2
    retry_after_max: Annotated[Duration, Field(gt=0, le=7 * DAY)] = 6 * HOUR
    backoff: bool = True
    breaker: BreakerConfig = BreakerConfig()

    @model_validator(mode="after")
    def _lease_outlives_deadline(self) -> Self:
        if self.lease < self.deadline + 5 * SECOND:
            raise wrong("delivery.lease")
        return self
