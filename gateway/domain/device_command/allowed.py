"""A command that the configuration allows for a device."""

from dataclasses import dataclass
from typing import Any

from gateway.domain.device_command.definition import CommandDefinition


@dataclass(frozen=True, slots=True)
class AllowedCommand:
    """`source` sends it; `form`: what the adapter of that source loaded from the profile; `per_minute` commands at most
    for one device."""

    definition: CommandDefinition
    source: str
    per_minute: int
    form: Any
