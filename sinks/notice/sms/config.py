"""Configuration of a short-message gateway."""

from typing import Annotated, Literal

from pydantic import Field

from sinks.http.config import HttpEndpoint


class SmsConfig(HttpEndpoint):
    """`sign` is the approved name shown in front of the message. `templates` translates our template names, or
    `name.language` where languages differ, into the gateway's approved codes; empty = the names are the codes."""

    type: Literal["sms"]
    sign: Annotated[str, Field(min_length=1, max_length=40)]
    templates: Annotated[dict[str, str], Field(default_factory=dict)]
