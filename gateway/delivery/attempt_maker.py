"""One attempt to send: with a deadline, its outcome for the delivery and for the breaker, and what is logged of it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

from gateway.delivery.attempt_outcome import AttemptOutcome, Result, SinkFault, outcome_of
from gateway.delivery.breaker import BreakerState
from gateway.delivery.config import DeliveryConfig
from gateway.delivery.endpoint_state import EndpointState, Leased
from gateway.delivery.queue_exchange import EndedAttempt
from gateway.delivery.reasons import Reason
from gateway.domain.delivery import Delivery
from gateway.domain.duration import SECOND
from gateway.domain.errors import DeliveryDeferred, DeliveryRefused, InvariantBroken
from gateway.domain.once_per_period import OncePerPeriod
from gateway.ports import Clock, Settled, Sink

_log = structlog.stdlib.get_logger(__name__)


class AttemptMaker:
    """For all endpoints of a relay. `monotonic` gives µs, `draw` a random number of [0, 1) for the time of the next
    attempt. Used from the event loop."""

    def __init__(
        self, clock: Clock, monotonic: Callable[[], int], config: DeliveryConfig, draw: Callable[[], float]
    ) -> None:
        self._clock, self._monotonic, self._config, self._draw = clock, monotonic, config, draw
        self._log_limit = OncePerPeriod()

    async def make(self, endpoint: EndpointState, leased: Leased, permit: int) -> EndedAttempt:
        """Send once, with this permit of the breaker. Raises InvariantBroken; CancelledError without an effect on the
        breaker."""
        now, delivery = self._monotonic(), leased.delivery
        try:
            result = await self._send(endpoint.sink, delivery)
        except asyncio.CancelledError:
            endpoint.breaker.neutral(permit)
            raise
        ended = self._monotonic()
        outcome = outcome_of(result, delivery.attempt, self._clock.now(), ended - now, self._draw(), self._config)
        self._update_breaker(endpoint, permit, outcome, ended)
        settled = self._uncharged_while_open(endpoint, outcome, ended)
        self._log_attempt(endpoint.sink.name, delivery, settled, disabled=outcome.disable)
        return EndedAttempt(leased, settled, outcome.disable)

    def _log_attempt(self, name: str, delivery: Delivery, settled: Settled, *, disabled: bool) -> None:
        """Log every dead letter; log a success or a failure only when it is the first of its kind."""
        reason, kind = Reason(settled.reason), settled.reason.partition(": ")[0]
        about = _log_fields(name, delivery)
        if settled.state == "dead" or disabled:
            _log.warning("endpoint disabled" if disabled else "dead letter", **about, reason=reason)
        elif settled.state == "retry" and settled.tried and self._log_limit.allows((name, kind), self._monotonic()):
            _log.warning("delivery failed", **about, reason=reason)
        elif settled.state == "delivered" and self._log_limit.allows((name, "delivered"), self._monotonic()):
            _log.info("first delivery", **about)

    async def _send(self, sink: Sink, delivery: Delivery) -> Result:
        try:
            async with asyncio.timeout(self._config.deadline / SECOND):
                return await sink.deliver(delivery)
        except (DeliveryDeferred, DeliveryRefused) as error:
            return error
        except TimeoutError:
            return DeliveryDeferred("timeout")
        except InvariantBroken:
            raise
        except Exception as error:  # noqa: BLE001 - a fault in one sink must not stop the deliveries of the others
            # The kind and the place only: the message could hold personal data or a secret.
            _log.error(
                "sink failed", endpoint=sink.name, delivery=delivery.id, kind=type(error).__name__, place=_place(error)
            )
            return SinkFault(type(error).__name__)

    def _update_breaker(self, endpoint: EndpointState, permit: int, outcome: AttemptOutcome, now: int) -> None:
        if not self._config.backoff:
            return
        before = endpoint.breaker.state(now)
        match outcome.signal:
            case "worked":
                endpoint.breaker.succeeded(permit, now)
            case "failed":
                endpoint.breaker.failed(permit, now)
            case "nothing":
                endpoint.breaker.neutral(permit)
        if outcome.pause:
            endpoint.breaker.pause_for(now, outcome.pause)
        after = endpoint.breaker.state(now)
        if before is BreakerState.CLOSED and after is BreakerState.OPEN:  # once, not with every probe that fails
            _log.warning("endpoint paused", endpoint=endpoint.sink.name, reason=Reason(outcome.settled.reason))
        elif before is BreakerState.HALF_OPEN and after is BreakerState.CLOSED:
            _log.info("endpoint works again", endpoint=endpoint.sink.name)

    def _uncharged_while_open(self, endpoint: EndpointState, outcome: AttemptOutcome, now: int) -> Settled:
        """While an endpoint does not work at all, attempts do not count: the message is sent again when the breaker
        allows the next probe, however long that takes."""
        until = endpoint.breaker.until(now)
        if outcome.signal != "failed" or until is None:
            return outcome.settled
        next_at = self._clock.now() + until - now
        reason = outcome.settled.reason.removeprefix("exhausted: ")
        return replace(outcome.settled, state="retry", reason=reason, next_at=next_at, charge=False)


def _place(error: BaseException) -> str:
    """`sink.py:41` where it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"


def _log_fields(endpoint: str, delivery: Delivery) -> dict[str, object]:
    return {
        "endpoint": endpoint,
        "delivery": delivery.id,
        "subject": delivery.subject,
        "type": delivery.type,
        "attempt": delivery.attempt,
    }
