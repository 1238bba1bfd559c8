"""A command to a device as it is kept, and the events of its life. Times are µs since 1970 UTC."""

from enum import StrEnum

from msgspec import Struct

from gateway.domain.device_command.definition import Value
from gateway.domain.workorder import Role


class CommandState(StrEnum):
    """`handed_over`: sent to a device that answers nothing. `not_sent`: nothing left the gateway. `uncertain`: the
    gateway stopped between sending and answer; a person decides (`settled`)."""

    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    NOT_SENT = "not_sent"
    SENT = "sent"
    HANDED_OVER = "handed_over"
    ANSWERED_OK = "answered_ok"
    ANSWERED_ERROR = "answered_error"
    TIMED_OUT = "timed_out"
    UNCERTAIN = "uncertain"
    SETTLED = "settled"


class Verification(StrEnum):
    """Result of the read-back. `none`: not asked for, or not reached."""

    NONE = "none"
    PENDING = "pending"
    VERIFIED = "verified"
    NOT_VERIFIED = "not_verified"


class CommandEvent(StrEnum):
    """What happens to a command."""

    APPROVE = "approve"
    REFUSE = "refuse"
    EXPIRE = "expire"
    SEND = "send"
    FAIL_TO_SEND = "fail_to_send"
    HAND_OVER = "hand_over"
    ANSWER_OK = "answer_ok"
    ANSWER_ERROR = "answer_error"
    TIME_OUT = "time_out"
    LOSE = "lose"
    VERIFY = "verify"
    FAIL_TO_VERIFY = "fail_to_verify"
    SETTLE = "settle"


class Outcome(StrEnum):
    """A person's decision about a command whose effect is not known."""

    DONE = "done"
    NOT_DONE = "not_done"


class DeviceCommand(Struct, frozen=True):
    """One command. `key`: the idempotency key; `digest` of what was asked for; `device` is the registry's id;
    `source`: the source that sends it; `expires_at`: until then it must be approved, and then sent; `verify_until`:
    until then the read-back must succeed (0 = none is under way); `reason`: of a refusal, a failure or a decision;
    `answer`: the device's own words, shortened; `version` rises with every event."""

    id: str
    tenant: str
    key: str
    digest: str
    device: int
    component: int
    name: str
    source: str
    parameters: dict[str, Value]
    note: str
    requester: str
    requester_role: Role
    created_at: int
    updated_at: int
    expires_at: int
    state: CommandState
    verification: Verification = Verification.NONE
    approval: str = ""
    approver: str = ""
    reason: str = ""
    answer: str = ""
    outcome: str = ""
    sent_at: int = 0
    ended_at: int = 0
    verify_until: int = 0
    version: int = 1

    @property
    def open(self) -> bool:
        """It waits for a person, for the device, or for its read-back."""
        return self.state in _OPEN or self.verification is Verification.PENDING


_OPEN = frozenset({CommandState.AWAITING_APPROVAL, CommandState.APPROVED, CommandState.SENT, CommandState.UNCERTAIN})


class CommandRecord(Struct, frozen=True):
    """One line of the audit of a command; it is never changed. `seq` is the version of the command after it; `before`
    and `after` are states; `data` holds what belongs to the event: parameters, values of the point before and after."""

    command: str
    tenant: str
    seq: int
    type: str
    actor: str
    role: str
    before: str
    after: str
    data: dict[str, Value]
    at: int
