"""A test event sent to an endpoint outside of the queue: no delivery, breaker or count changes."""

import asyncio
from dataclasses import dataclass
from time import monotonic_ns

from gateway.domain.delivery import Delivery
from gateway.domain.duration import SECOND
from gateway.domain.errors import DeliveryDeferred, DeliveryRefused
from gateway.ports import Sink

_BY_STATUS = {
    400: "body", 401: "secret", 403: "secret", 404: "url", 405: "method", 410: "gone", 411: "body", 413: "size",
    415: "body", 422: "body", 429: "busy", 503: "busy",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class EndpointTestResult:
    """`ok`: the receiver accepted it. `status` is the HTTP status, 0 = no answer; `latency` µs; `reason` (see
    `explain`) "" when ok; `answer` a redacted excerpt of the body; `hint`: a text `delivery.hint.<hint>` with
    advice."""

    ok: bool
    status: int
    latency: int
    reason: str
    answer: str
    hint: str


async def test_endpoint(sink: Sink, delivery: Delivery, deadline: int) -> EndpointTestResult:
    """Send `delivery` once, for at most `deadline` µs."""
    begun = monotonic_ns()
    status, reason, answer = 0, "", ""
    try:
        await sink.check()
        async with asyncio.timeout(deadline / SECOND):
            receipt = await sink.deliver(delivery)
        status, answer = receipt.status, receipt.detail
    except TimeoutError:
        reason = "timeout"
    except (DeliveryDeferred, DeliveryRefused) as error:
        status, reason = error.status, error.reason
        label, _, detail = reason.partition(": ")
        reason, answer = (label, detail.partition(" ")[2]) if status else (reason, "")
    return EndpointTestResult(
        not reason, status, (monotonic_ns() - begun) // 1000, reason, answer, hint(reason, status)
    )


def hint(reason: str, status: int) -> str:
    """Key of the text `delivery.hint.<key>`: what to check first."""
    if not reason:
        return "ok"
    if status:
        return _BY_STATUS.get(status, "redirect" if 300 <= status < 400 else "receiver" if status >= 500 else "refused")
    label = reason.partition(": ")[0]
    labels = {"timeout", "resolve", "connect", "tls", "address", "broken", "authority"}
    return label if label in labels else "own_secret" if label.startswith("secret") else "log"
