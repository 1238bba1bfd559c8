"""Configuration of a webhook endpoint."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from gateway.section import wrong
from sinks.http.config import HttpEndpoint

_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_.*")


def _patterns(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values or ("",):
        if not value or not set(value) <= _CHARACTERS:
            raise wrong("delivery.events", value=value)
    return values


class WebhookConfig(HttpEndpoint):
    """`events` are globs over event types without their prefix: events that the desk queues for this endpoint.
    `hold_reasons`: what this system writes as reason of a hold -> code of `desk.hold_reasons`."""

    type: Literal["webhook"]
    events: Annotated[tuple[str, ...], AfterValidator(_patterns)] = ("workorder.*",)
    hold_reasons: dict[Annotated[str, Field(min_length=1, max_length=200)], str] = Field(default={}, max_length=200)
