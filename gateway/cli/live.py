"""API of the gateway on this machine, for commands that query it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from gateway.domain.error_reasons import reason
from gateway.domain.errors import StoreError, StoreUnavailable
from gateway.domain.text import Lang, localize
from gateway.domain.workorder import Role

if TYPE_CHECKING:
    import httpx

    from gateway.settings.model import Settings


@contextmanager
def running_gateway(
    settings: "Settings", role: Role, what: str, lang: Lang, patience: float
) -> Iterator["httpx.Client"]:
    """HTTP client with a temporary key. Raises StoreUnavailable when no gateway answers, StoreError when no key can be
    made."""
    import httpx

    from gateway.api.config import key_file
    from gateway.api.tls import pinned
    from gateway.store import ApiKeys, DatabasePlace, temporary_key

    api, place = settings.api, DatabasePlace(settings.data_dir, settings.database)
    if not api.port:
        raise StoreError(localize("review.no_port", lang, path=settings.data_dir))
    if not place.exists():
        raise StoreUnavailable(localize("live.not_running", lang, url=api.address))
    with ExitStack() as opened:
        verify = pinned(api.tls.cert) if api.tls else True
        client = opened.enter_context(
            httpx.Client(
                base_url=api.address,
                verify=verify,
                timeout=patience,
                trust_env=False,
                headers={"accept-language": lang},
            )
        )
        try:
            client.get("/healthz")  # create a key only when a gateway answers
        except httpx.TransportError as error:
            raise StoreUnavailable(localize("live.not_running", lang, url=api.address)) from error
        database = place.open()
        opened.callback(database.dispose)
        path = key_file(settings.data_dir, settings.tenant)
        try:
            key = opened.enter_context(temporary_key(ApiKeys(database, settings.tenant), path, role, what))
        except (OSError, StoreError) as error:
            raise StoreError(localize("review.no_key", lang, path=path, error=reason(error))) from error
        client.headers["authorization"] = f"Bearer {key}"
        yield client
