"""API of the gateway with these settings on this machine, called with its admin key file."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from gateway.api.config import key_file
from gateway.api.tls import pinned
from gateway.domain.text import Lang

if TYPE_CHECKING:
    from gateway.settings.model import Settings

TIMEOUT = 60.0  # s


@contextmanager
def local_api(settings: "Settings", lang: Lang) -> Iterator[httpx.Client]:
    """HTTP client for that API. Requests raise httpx.TransportError when no gateway runs; without a key file the
    response is 401."""
    api = settings.api
    try:
        secret = key_file(settings.data_dir, settings.tenant).read_text("utf-8").strip()
    except OSError:
        secret = ""
    headers = {"authorization": f"Bearer {secret}", "accept-language": lang}
    verify = pinned(api.tls.cert) if api.tls else True
    with httpx.Client(base_url=api.address, verify=verify, headers=headers, timeout=TIMEOUT, trust_env=False) as client:
        yield client
