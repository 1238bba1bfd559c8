"""Shared part of the sinks of signed HTTP endpoints: keys, client, one signed POST."""

from collections.abc import Mapping

from gateway.domain.delivery import Delivery
from gateway.domain.duration import SECOND
from gateway.domain.errors import DeliveryDeferred, DeliveryRefused
from gateway.ports import Clock
from sinks.http.address import parse_target, permitted
from sinks.http.client import Client, HttpResponse, Resolve, SendFailed, system_resolve
from sinks.http.config import HttpEndpoint
from sinks.http.signing import headers, valid_id, weakness
from sinks.http.verdict import of_failure

_SECRET_WAIT = 60 * SECOND


class SignedEndpoint:
    """Signs the exact bytes it sends, with all live keys."""

    def __init__(self, config: HttpEndpoint, clock: Clock, resolve: Resolve = system_resolve) -> None:
        self.clock = clock
        self._config = config
        self._target = parse_target(config.url)
        self._keys: tuple[bytes, ...] = ()
        self._client = Client(
            self._target, config.allow, timeout=config.timeout / SECOND, ca_file=config.ca_file, resolve=resolve
        )

    async def check(self) -> None:
        """Read the secrets again and check them, the URL and the certificate authority. Connects to nothing. Raises
        DeliveryRefused."""
        try:
            keys = self._config.keys()
        except (ValueError, OSError) as error:
            # An OSError names the file; a ValueError of ours never holds the secret.
            raise DeliveryRefused(f"secret: {error}") from None
        for key in keys:
            if flaw := weakness(key):
                raise DeliveryRefused(f"secret_{flaw}")
        self._keys = keys
        address = self._target.address
        if address is not None and not permitted(address, self._config.allow, tls=self._target.tls):
            raise DeliveryRefused("address")
        try:
            self._client.context()
        except OSError as error:
            raise DeliveryRefused(f"authority: {error.strerror or type(error).__name__}") from None

    async def post(self, delivery: Delivery, body: bytes, content_type: str, extra: Mapping[str, str]) -> HttpResponse:
        """One signed POST. Raises DeliveryDeferred or DeliveryRefused when there was no HTTP status."""
        if not valid_id(delivery.id):
            raise DeliveryRefused("bad_id")
        if not self._keys:
            try:
                self._keys = self._config.keys()
            except (ValueError, OSError):  # a file that is not there yet: nothing was tried
                raise DeliveryDeferred("secret", retry_after=_SECRET_WAIT, charge=False) from None
        signed = headers(self._keys, delivery.id, self.clock.now() // SECOND, body)
        common = {
            "content-type": content_type,
            "idempotency-key": delivery.id,
            "x-fieldgate-attempt": str(delivery.attempt),
        }
        try:
            return await self._client.post(body, {**common, **signed, **extra})
        except SendFailed as failure:
            raise of_failure(failure, delivery.attempt) from None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
