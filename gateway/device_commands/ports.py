"""Ports of the sender of commands."""

from collections.abc import Sequence
from typing import Protocol

from gateway.domain.device_command.command import CommandRecord, CommandState, DeviceCommand
from gateway.domain.device_command.lifecycle import Decide


class DeviceCommandStore(Protocol):
    """Commands and their audit. Blocking; `add` and `change` run in the desk's thread. Every call may raise
    StoreError."""

    def add(self, command: DeviceCommand, per_minute: int) -> tuple[DeviceCommand, bool]:
        """Keep a new command and its first line of audit: (the command, True). The same key with the same content
        again: (the first one, False). Raises Conflict for a key with other content, CommandError 429 when the device
        got `per_minute` commands within the last minute."""

    def change(self, command: str, decide: Decide) -> tuple[DeviceCommand, bool]:
        """One transaction: read the command, `decide`, apply it, add a line of audit: (the command after it, whether
        anything happened). On disk when it returns. Raises CommandError 404 and what `lifecycle.apply` raises."""

    def get(self, command: str) -> DeviceCommand | None:
        """The command with this id."""

    def waiting(self) -> list[DeviceCommand]:
        """Commands that wait for approval, sending, an answer or their read-back, oldest first."""

    def listed(
        self,
        limit: int,
        before: tuple[int, str] | None = None,
        device: int | None = None,
        states: Sequence[CommandState] = (),
        is_open: bool | None = None,
    ) -> list[DeviceCommand]:
        """Newest first, below `before` (time of creation, id)."""

    def audit(self, command: str) -> list[CommandRecord]:
        """Its audit, oldest first."""
