"""What people do with commands: request, approve, refuse, settle. Blocking, in the desk's thread."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

import msgspec

from gateway.device_commands.ports import DeviceCommandStore
from gateway.domain.device import Device
from gateway.domain.device_command.allowed import AllowedCommand
from gateway.domain.device_command.command import CommandEvent, CommandState, DeviceCommand, Outcome
from gateway.domain.device_command.definition import Values, checked, refusal
from gateway.domain.device_command.lifecycle import Happening
from gateway.domain.duration import MINUTE
from gateway.domain.nearest import nearest
from gateway.domain.workorder import Actor

SEND_WITHIN = MINUTE
"""µs after its approval (or its request, where nobody approves) in which a command is sent, or not at all."""
Allowed = Callable[[Device], Mapping[str, AllowedCommand]]
"""Commands that the configuration in force allows for a device, by name."""


@dataclass(frozen=True, slots=True)
class RequestedCommand:
    """What a person asks for. `key`: the same key again is the same command."""

    device: Device
    name: str
    values: Values
    key: str
    component: int = 0
    note: str = ""


class CommandRequests:
    """Acts of people on commands of one tenant."""

    def __init__(self, store: DeviceCommandStore, allowed: Allowed, tenant: str) -> None:
        self._store, self._allowed, self._tenant = store, allowed, tenant

    def request(self, wanted: RequestedCommand, actor: Actor, now: int) -> tuple[DeviceCommand, bool]:
        """(the command, True if it is new). Raises CommandError: 404 not allowed for this device, 422 parameters, 429
        too many, 409 for a key that was used for something else."""
        device = wanted.device
        found = self._allowed(device)
        one = found.get(wanted.name)
        if one is None:
            known, near = ", ".join(sorted(found)) or "-", nearest(wanted.name, list(found))
            raise refusal(404, "not_allowed_here", name=wanted.name, device=device.code, known=known, near=near)
        definition = one.definition
        least, most = (1, device.components) if definition.each else (0, 0)
        if not least <= wanted.component <= most:
            raise refusal(422, "component", name=wanted.name, low=least, high=most)
        values = checked(definition, wanted.values)
        approval = definition.approval
        wait = definition.approve_within if approval else SEND_WITHIN
        command = DeviceCommand(
            id=str(10**15 + secrets.randbelow(8 * 10**15)),  # a number that every device reads exactly
            tenant=self._tenant,
            key=wanted.key,
            digest=_digest(wanted, values, actor),
            device=device.id,
            component=wanted.component,
            name=wanted.name,
            source=one.source,
            parameters=values,
            note=wanted.note,
            requester=actor.id,
            requester_role=actor.role,
            created_at=now,
            updated_at=now,
            expires_at=now + wait,
            state=CommandState.AWAITING_APPROVAL if approval else CommandState.APPROVED,
            approval=approval,
        )
        return self._store.add(command, one.per_minute)

    def approve(self, command: str, actor: Actor, now: int, note: str = "") -> DeviceCommand:
        """The second person agrees: it is sent within SEND_WITHIN. Raises CommandError."""
        act = Happening(CommandEvent.APPROVE, now, actor, reason=note, expires_at=now + SEND_WITHIN)
        return self._change(command, act)

    def refuse(self, command: str, actor: Actor, now: int, reason: str) -> DeviceCommand:
        """It is never sent. The requester may take it back this way. Raises CommandError."""
        return self._change(command, Happening(CommandEvent.REFUSE, now, actor, reason=reason))

    def settle(self, command: str, actor: Actor, now: int, outcome: Outcome, reason: str) -> DeviceCommand:
        """A person records whether the device carried it out. Raises CommandError."""
        return self._change(command, Happening(CommandEvent.SETTLE, now, actor, reason=reason, outcome=outcome))

    def _change(self, command: str, act: Happening) -> DeviceCommand:
        return self._store.change(command, partial(_always, act))[0]


def _always(act: Happening, _command: DeviceCommand) -> Happening:
    return act


def _digest(wanted: RequestedCommand, values: Values, actor: Actor) -> str:
    content = (wanted.device.id, wanted.component, wanted.name, sorted(values.items()), wanted.note, actor.id)
    return sha256(msgspec.json.encode(content)).hexdigest()
