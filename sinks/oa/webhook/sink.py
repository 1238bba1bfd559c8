"""The webhook sink: CloudEvents 1.0 structured JSON under Standard Webhooks headers.

Signed by `sinks/http/signing.py`. The body was made by the desk with the event's id in it; the webhook-id is the same:
`delivery.id` is the event id.
"""

from gateway.domain.delivery import Delivery, Receipt
from gateway.ports import Clock
from sinks.http.client import Resolve, system_resolve
from sinks.http.endpoint import SignedEndpoint
from sinks.http.verdict import excerpt, of_status
from sinks.oa.webhook.config import WebhookConfig

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


class WebhookSink:
    """One OA endpoint (ports.Sink)."""

    def __init__(self, name: str, config: WebhookConfig, clock: Clock, resolve: Resolve = system_resolve) -> None:
        self._name = name
        self._endpoint = SignedEndpoint(config, clock, resolve)

    @property
    def name(self) -> str:
        """Its key in the configuration."""
        return self._name

    async def check(self) -> None:
        """Check that secrets are strong enough, the URL is allowed and the authority readable. Raises
        DeliveryRefused."""
        await self._endpoint.check()

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Receipt of a delivery; any 2xx means that the receiver accepted it. Raises DeliveryDeferred,
        DeliveryRefused."""
        answer = await self._endpoint.post(delivery, delivery.body, delivery.content_type or CONTENT_TYPE, {})
        if error := of_status(answer, delivery.attempt, self._endpoint.clock.now()):
            raise error
        return Receipt(answer.status, detail=excerpt(answer.body))

    async def close(self) -> None:
        """Close the connections."""
        await self._endpoint.close()
