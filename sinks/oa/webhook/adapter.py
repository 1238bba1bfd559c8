"""Exports of this folder (`gateway.adapter_ports.EndpointAdapter`). Parts are imported on first use."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from gateway.adapter_ports import ConfigFindings, EndpointAdapter
from gateway.domain.errors import Problem
from gateway.ports import Clock
from sinks.oa.webhook.config import WebhookConfig

if TYPE_CHECKING:
    from sinks.oa.webhook.sink import WebhookSink

FAMILIES = ("workorder", "alarm")
"""Families of events that a webhook can receive."""


def _build(name: str, config: WebhookConfig, clock: Clock) -> "WebhookSink":
    from sinks.oa.webhook.sink import WebhookSink

    return WebhookSink(name, config, clock)


def _check(name: str, config: WebhookConfig, file: str) -> ConfigFindings:
    from sinks.http.check import check_secrets

    found = check_secrets(name, config, file)
    for index, pattern in enumerate(config.events):
        if not any(fnmatchcase(family, pattern.split(".", 1)[0]) for family in FAMILIES):
            fields = {"value": pattern, "known": ", ".join(f"{family}.*" for family in FAMILIES)}
            found.problems.append(Problem(file, f"endpoints.{name}.events[{index}]", "config.events", fields))
    return found


def _verify(config: WebhookConfig, headers: Mapping[str, str], body: bytes, now: int, tolerance: int) -> str:
    from sinks.http.signing import verify

    return verify(config.keys(), headers, body, now, tolerance)


ADAPTER = EndpointAdapter(
    name="webhook",
    config=WebhookConfig,
    build=_build,
    payload="event",
    events=lambda config: config.events,
    check=_check,
    verify=_verify,
)
