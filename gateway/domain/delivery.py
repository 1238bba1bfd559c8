"""Messages that leave the gateway: signed events to OA systems, notices to customers."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one endpoint. `id` is stable over retries (the receiver's idempotency key).

    `body` is the exact sequence of bytes that is signed and sent; `attempt` counts from 1.
    """

    id: str
    endpoint: str
    type: str
    subject: str
    body: bytes = field(repr=False)  # may hold personal data: never in a log or traceback
    content_type: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """Accepted by the receiver. `reference` is the id in its response, if any."""

    status: int
    reference: str = ""
    detail: str = ""
