"""The port of a source that can send commands to its devices."""

from typing import Protocol, runtime_checkable

from gateway.domain.device_command.exchange import CommandAnswer, OutgoingCommand


@runtime_checkable
class CommandPort(Protocol):
    """A source whose adapter has a `command_form` implements it. Runs on the event loop of the sources."""

    async def send_command(self, command: OutgoingCommand) -> CommandAnswer:
        """Send the command once, and wait for its answer no longer than `command.timeout`. Never sends it again by
        itself, over another connection neither; an answer to anything else is not taken for its answer.

        Raises CommandNotSent when nothing left the gateway, so that a person may send it again without doubt.
        """
