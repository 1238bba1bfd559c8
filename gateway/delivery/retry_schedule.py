"""The retry schedule: waits between the attempts of a delivery. Pure: the draw of the jitter is passed in."""

from collections.abc import Sequence

from gateway.domain.duration import HOUR, MINUTE, SECOND

RETRIES = (
    5 * SECOND, 12 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR,
)  # fmt: skip
"""Waits in µs after attempt 1, 2, ... (as Standard Webhooks recommends, but for 12 s): eleven attempts in three days.
This is for one message: an endpoint that fails three times in a row is probed by its breaker (`relay`)."""


def retry_delay(
    attempt: int, retries: Sequence[int], *, jitter: float, draw: float, retry_after: int = 0, retry_after_max: int = 0
) -> int | None:
    """µs from the failed attempt (counted from 1) to the next; None = there is no next.

    `draw` in [0, 1) spreads the wait over ±`jitter`. A `retry_after` is obeyed up to `retry_after_max` and only ever
    lengthened, by up to `jitter`, so that endpoints with the same Retry-After are not called at the same time.
    """
    if attempt > len(retries):
        return None
    planned = retries[max(attempt, 1) - 1] * (1 + jitter * (2 * draw - 1))
    requested = min(retry_after, retry_after_max) * (1 + jitter * draw)
    return round(max(planned, requested))
