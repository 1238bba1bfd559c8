"""What passes between the sender of commands and a source."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway.domain.device import Device
from gateway.domain.device_command.definition import Values
from gateway.domain.errors import SourceError


class AnswerKind(StrEnum):
    """`none_expected`: the device answers nothing to this command. `silent`: no answer in time, or it cannot be
    trusted; the device may have carried the command out."""

    OK = "ok"
    ERROR = "error"
    NONE_EXPECTED = "none_expected"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class OutgoingCommand:
    """A command ready to be sent, once. `form`: what the source's adapter loaded from the profile; `timeout` µs for the
    answer; `at` µs, when it is sent."""

    id: str
    name: str
    device: Device
    component: int
    values: Values
    form: Any
    timeout: int
    at: int


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """Answer of a device. `text`: its own words, or the reason of a silence. `verified`: the source read the effect
    back itself (None = it did not); `before`, `after`: what it read, for the audit ("" = nothing)."""

    kind: AnswerKind
    text: str = ""
    verified: bool | None = None
    before: str = ""
    after: str = ""


class CommandNotSent(SourceError):
    """Nothing of the command left the gateway."""
