"""The life of a command to a device as a table: from, event, to. Pure; every refusal has a reason.

A command leaves `approved` for `sent` once, and nothing leads back: it cannot be sent twice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from gateway.domain.device_command.command import CommandEvent, CommandState, DeviceCommand, Outcome, Verification
from gateway.domain.device_command.definition import Value
from gateway.domain.errors import CommandError, Conflict
from gateway.domain.text import TextKey, localize
from gateway.domain.workorder import SYSTEM, Actor, Role

S, E, V = CommandState, CommandEvent, Verification
MOVES: Mapping[tuple[CommandState, CommandEvent], CommandState] = {
    (S.AWAITING_APPROVAL, E.APPROVE): S.APPROVED,
    (S.AWAITING_APPROVAL, E.REFUSE): S.REFUSED,
    (S.AWAITING_APPROVAL, E.EXPIRE): S.EXPIRED,
    (S.APPROVED, E.REFUSE): S.REFUSED,
    (S.APPROVED, E.EXPIRE): S.EXPIRED,
    (S.APPROVED, E.FAIL_TO_SEND): S.NOT_SENT,
    (S.APPROVED, E.SEND): S.SENT,
    (S.SENT, E.FAIL_TO_SEND): S.NOT_SENT,
    (S.SENT, E.HAND_OVER): S.HANDED_OVER,
    (S.SENT, E.ANSWER_OK): S.ANSWERED_OK,
    (S.SENT, E.ANSWER_ERROR): S.ANSWERED_ERROR,
    (S.SENT, E.TIME_OUT): S.TIMED_OUT,
    (S.SENT, E.LOSE): S.UNCERTAIN,
    (S.UNCERTAIN, E.SETTLE): S.SETTLED,
    (S.TIMED_OUT, E.SETTLE): S.SETTLED,
    (S.HANDED_OVER, E.SETTLE): S.SETTLED,
    (S.ANSWERED_OK, E.SETTLE): S.SETTLED,
}  # fmt: skip
_READ_BACK = frozenset({S.HANDED_OVER, S.ANSWERED_OK, S.TIMED_OUT})
"""States in which the read-back decides about the effect."""
_BY_PERSONS = {
    E.APPROVE: frozenset({Role.SUPERVISOR, Role.ADMIN}),
    E.REFUSE: frozenset({Role.SUPERVISOR, Role.ADMIN}),
    E.SETTLE: frozenset({Role.OPERATOR, Role.ENGINEER, Role.SUPERVISOR, Role.ADMIN}),
}


@dataclass(frozen=True, slots=True)
class Happening:
    """An event with what belongs to it. `expires_at`: of an approval, until when the command must be sent;
    `verify_until`: the end of the read-back that begins (0 = none); `verified`: the source itself read back."""

    event: CommandEvent
    at: int
    actor: Actor = SYSTEM
    reason: str = ""
    answer: str = ""
    outcome: Outcome | None = None
    expires_at: int = 0
    verify_until: int = 0
    verified: bool | None = None
    data: Mapping[str, Value] = field(default_factory=dict)


def apply(command: DeviceCommand, happening: Happening) -> DeviceCommand:
    """The command after the event. Raises CommandError (403, 422) or Conflict when a person may not do it, or not
    now."""
    event, at = happening.event, happening.at
    after = _read_back(command, happening) if event in (E.VERIFY, E.FAIL_TO_VERIFY) else _moved(command, happening)
    ended = 0 if after.open else at
    return replace(after, version=command.version + 1, updated_at=max(at, command.updated_at), ended_at=ended)


def possible(command: DeviceCommand, actor: Actor) -> tuple[str, ...]:
    """Acts of persons that `actor` may do now: approve, refuse, settle."""
    return tuple(
        event.value
        for event in _BY_PERSONS
        if (command.state, event) in MOVES and _wrong_person(command, event, actor) is None and _due(command, event)
    )


def _moved(command: DeviceCommand, happening: Happening) -> DeviceCommand:
    event, actor = happening.event, happening.actor
    to = MOVES.get((command.state, event))
    if to is None or not _due(command, event):
        raise _conflict(command, event, actor)
    if event in _BY_PERSONS and (wrong := _wrong_person(command, event, actor)) is not None:
        raise wrong
    if event is E.APPROVE and happening.at >= command.expires_at:
        raise _conflict(command, event, actor, "too_late")
    if event in (E.REFUSE, E.SETTLE) and not happening.reason.strip():
        raise _refused(422, "needs_reason", command)
    changes: dict[str, object] = {"state": to, "reason": happening.reason or command.reason}
    if event is E.APPROVE:
        changes |= {"approver": actor.id, "expires_at": happening.expires_at, "reason": happening.reason}
    elif event is E.SEND:
        changes |= {"sent_at": happening.at}
    elif event is E.SETTLE:
        changes |= {"outcome": "" if happening.outcome is None else happening.outcome.value}
    if happening.answer:
        changes |= {"answer": happening.answer}
    if to in _READ_BACK and event is not E.SETTLE:
        changes |= _begun(happening)
    return replace(command, **changes)


def _begun(happening: Happening) -> dict[str, object]:
    """What the source itself found counts when it is bad; when it is good, the point decides if one is named."""
    if happening.verified is False:
        return {"verification": V.NOT_VERIFIED}
    if happening.verify_until:
        return {"verification": V.PENDING, "verify_until": happening.verify_until}
    return {"verification": V.VERIFIED if happening.verified else V.NONE}


def _read_back(command: DeviceCommand, happening: Happening) -> DeviceCommand:
    if command.verification is not V.PENDING:
        raise _conflict(command, happening.event, happening.actor)
    found = V.VERIFIED if happening.event is E.VERIFY else V.NOT_VERIFIED
    return replace(command, verification=found, reason=happening.reason or command.reason)


def _due(command: DeviceCommand, event: CommandEvent) -> bool:
    """Persons decide about an effect that is not known: not while the read-back is under way, nor after it
    succeeded. What a device answered stands unless its read-back failed."""
    if event is not E.SETTLE:
        return True
    if command.verification in (V.PENDING, V.VERIFIED):
        return False
    return command.state in (S.UNCERTAIN, S.TIMED_OUT) or command.verification is V.NOT_VERIFIED


def _wrong_person(command: DeviceCommand, event: CommandEvent, actor: Actor) -> CommandError | None:
    if event is E.REFUSE and actor.id == command.requester:
        return None
    roles = _BY_PERSONS[event]
    if event is E.APPROVE and command.approval == "admin":
        roles = frozenset({Role.ADMIN})
    if actor.role not in roles:
        return _refused(403, "not_allowed", command, role=actor.role.value, act=TextKey(f"command.act.{event.value}"))
    if event is E.APPROVE and actor.id == command.requester:
        return _refused(403, "second_person", command)
    return None


def _conflict(command: DeviceCommand, event: CommandEvent, actor: Actor, code: str = "not_now") -> Conflict:
    acts = possible(command, actor) or ("read_command",)
    kind = "act" if event in _BY_PERSONS else "event"
    fields = {
        "id": command.id,
        "act": TextKey(f"command.{kind}.{event.value}"),
        "state": TextKey(f"command.state.{command.state.value}"),
    }
    key = f"command.{code}"
    return Conflict(code, acts, key=key, fields=fields, state=command.state.value, version=command.version)


def _refused(status: int, code: str, command: DeviceCommand, **fields: object) -> CommandError:
    fields |= {"id": command.id}
    return CommandError(status, code, localize(f"command.{code}", "en", **fields), key=f"command.{code}", fields=fields)


Decide = Callable[[DeviceCommand], Happening | None]
"""What happens to a command as it is now; None = nothing any more."""
