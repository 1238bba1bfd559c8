"""What leaves the house: signed events to OA systems, notices to customers."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one endpoint. `id` is stable over retries (the receiver's idempotency key).

    `body` are the exact bytes that are signed and sent; `attempt` counts from 1.
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
    """The receiver took it. `reference` is the id it answered with, if any."""

    status: int
    reference: str = ""
    detail: str = ""
