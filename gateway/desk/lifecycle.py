"""The life of an order as a table: from, act, to, who, on what condition. Pure; every refusal has a reason.

reference: workorders 5.2, `new -> assigned -> accepted -> in_progress <-> on_hold -> resolved -> closed`. What the
table does not list is illegal.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from gateway.desk.hold_reasons import OTHER, WAITING_CHILD
from gateway.desk.order_codes import CodeKind
from gateway.desk.policy import DeskPolicy
from gateway.desk.priorities import URGENCIES, is_urgency
from gateway.domain.errors import CommandError, Conflict
from gateway.domain.order_facts import NO_FACTS, OrderFacts
from gateway.domain.text import TextKey, TextList, localize
from gateway.domain.workorder import Act, Actor, Command, OrderState, Role, WorkOrder

S = OrderState
R = Role
DESK = frozenset({R.OPERATOR, R.SUPERVISOR, R.ADMIN, R.INTEGRATOR, R.SYSTEM})
FIELD = frozenset({R.ENGINEER, R.SUPERVISOR, R.ADMIN, R.INTEGRATOR})
ANY_ROLE = DESK | FIELD
_DEFAULTS = DeskPolicy()
CANCEL_REASONS = frozenset({"duplicate", "false_alarm", "merged", "customer", "withdrawn"})


@dataclass(frozen=True, slots=True)
class MoveContext:
    """Arguments of a guard: the order, the command, the number of listed alarms that are still raised, the time µs,
    the settings of the desk, and facts of other tables."""

    order: WorkOrder
    command: Command
    raised: int
    now: int = 0
    policy: DeskPolicy = _DEFAULTS
    facts: OrderFacts = NO_FACTS


@dataclass(frozen=True, slots=True)
class Refusal:
    """Reason for refusing an act: `status` 403 wrong person, 409 wrong time, 422 something missing; `key` of the
    catalogue."""

    status: int
    key: str
    fields: dict[str, object] = field(default_factory=dict)


Guard = Callable[[MoveContext], Refusal | None]


def _is_assignee(s: MoveContext) -> Refusal | None:
    """An engineer may act only on the orders assigned to them; the other roles act on anyone's."""
    if s.command.actor.role is R.ENGINEER and s.order.assignee != s.command.actor.id:
        return Refusal(403, "desk.not_assignee", {"no": s.order.no, "actor": s.command.actor.id})
    return None


def _needs(*names: str) -> Guard:
    def guard(s: MoveContext) -> Refusal | None:
        missing = [name for name in names if not getattr(s.command, name).strip()]
        fields: dict[str, object] = {"act": act_text(s.command.act), "missing": ", ".join(missing)}
        return Refusal(422, "desk.missing", fields) if missing else None

    return guard


def _reason_under_alarm(s: MoveContext) -> Refusal | None:
    if s.raised and not s.command.reason.strip():
        return Refusal(422, "desk.close_needs_reason", {"no": s.order.no, "raised": s.raised})
    return None


def _not_yet_there(s: MoveContext) -> Refusal | None:
    return Refusal(409, "desk.arrived", {"no": s.order.no}) if s.order.arrived_at is not None else None


def _no_open_children(s: MoveContext) -> Refusal | None:
    """An order waits for those it handed off."""
    fields = {"no": s.order.no, "count": s.facts.open_children}
    return Refusal(409, "desk.open_children", fields) if s.facts.open_children else None


def _child_ended(s: MoveContext) -> Refusal | None:
    return _no_open_children(s) if s.order.hold_reason == WAITING_CHILD else None


def _known_codes(s: MoveContext) -> Refusal | None:
    """Fault, cause and remedy of the firm's list, where only those are taken."""
    codes = s.policy.codes
    for kind in CodeKind:
        written = str(getattr(s.command, kind.value))
        if codes.refuses(kind, written):
            fields = {
                "written": written,
                "kind": TextKey(f"word.code.{kind.value}"),
                "write": codes.suggestion(kind, written),
            }
            return Refusal(422, "desk.unknown_code", fields)
    return None


def _stops_done(s: MoveContext) -> Refusal | None:
    fields = {"no": s.order.no, "count": s.facts.open_stops}
    return Refusal(409, "desk.open_stops", fields) if s.facts.open_stops else None


def _recheck_result(s: MoveContext) -> Refusal | None:
    return Refusal(409, "desk.recheck_missing", {"no": s.facts.hazard}) if s.facts.recheck_missing else None


def _chain_ended(s: MoveContext) -> Refusal | None:
    """Inspection and rectification end after their hazards; a recheck is not cancelled while its hazard is open."""
    facts, act = s.facts, s.command.act
    if facts.open_hazards:
        return Refusal(409, "desk.open_hazards", {"no": s.order.no, "count": facts.open_hazards})
    recheck_closes = s.order.type == RECHECK and act is Act.CLOSE
    if facts.hazard and not facts.hazard_ended and not recheck_closes:
        return Refusal(409, "desk.hazard_open", {"no": s.order.no, "hazard": facts.hazard})
    return None


def _chain_open(s: MoveContext) -> Refusal | None:
    if not s.facts.hazard or not s.facts.hazard_ended:
        return None
    return Refusal(409, "desk.hazard_over", {"no": s.order.no, "hazard": s.facts.hazard})


def _hold_reason(s: MoveContext) -> Refusal | None:
    reasons = s.policy.hold_reasons
    code = reasons.code_of(s.command.reason)
    if code is None or code not in reasons.choices():
        allowed = ", ".join(reasons.choices())
        return Refusal(422, "desk.hold_reason", {"reason": s.command.reason, "allowed": allowed})
    return _needs("note")(s) if code == OTHER else None


def _urgency(s: MoveContext) -> Refusal | None:
    if is_urgency(s.command.urgency):
        return None
    return Refusal(422, "desk.urgency", {"written": s.command.urgency, "allowed": ", ".join(URGENCIES)})


def _cancel_reason(s: MoveContext) -> Refusal | None:
    if s.command.reason not in CANCEL_REASONS - {"withdrawn"} and s.command.actor.role is not R.SYSTEM:
        allowed = ", ".join(sorted(CANCEL_REASONS - {"withdrawn"}))
        return Refusal(422, "desk.cancel_reason", {"reason": s.command.reason, "allowed": allowed})
    return None


@dataclass(frozen=True, slots=True)
class Move:
    """One legal move. `to` gives the next state; `guards` are checked in order, the first refusal counts."""

    act: Act
    sources: frozenset[OrderState]
    to: Callable[[WorkOrder], OrderState]
    roles: frozenset[Role]
    guards: tuple[Guard, ...] = ()


def _to(state: OrderState) -> Callable[[WorkOrder], OrderState]:
    return lambda _order: state


def _reopened(order: WorkOrder) -> OrderState:
    if order.state is S.RESOLVED:  # verification failed: the same person goes on
        return S.IN_PROGRESS
    return S.ASSIGNED if order.assignee else S.NEW


def _resumed(order: WorkOrder) -> OrderState:
    """Back to work; an order that was handed off before that, to where it was."""
    return OrderState(order.held_from) if order.held_from else S.IN_PROGRESS


RECHECK = "recheck"  # type of the order that checks a rectified hazard
OPEN = frozenset({S.NEW, S.ASSIGNED, S.ACCEPTED, S.IN_PROGRESS, S.ON_HOLD})
MOVES: tuple[Move, ...] = (
    Move(Act.ASSIGN, OPEN, _to(S.ASSIGNED), DESK, (_needs("assignee"),)),
    Move(Act.ACCEPT, frozenset({S.ASSIGNED}), _to(S.ACCEPTED), FIELD, (_is_assignee,)),
    Move(Act.REJECT, frozenset({S.ASSIGNED}), _to(S.NEW), FIELD, (_is_assignee, _needs("reason"))),
    Move(Act.ARRIVE, frozenset({S.ACCEPTED}), _to(S.ACCEPTED), FIELD, (_is_assignee, _not_yet_there)),
    Move(Act.START, frozenset({S.ACCEPTED}), _to(S.IN_PROGRESS), FIELD, (_is_assignee,)),
    Move(Act.HOLD, frozenset({S.IN_PROGRESS}), _to(S.ON_HOLD), FIELD, (_is_assignee, _needs("reason"),
    _hold_reason)),
    Move(Act.RESUME, frozenset({S.ON_HOLD}), _resumed, FIELD, (_is_assignee, _child_ended)),
    Move(Act.RESOLVE, frozenset({S.IN_PROGRESS}), _to(S.RESOLVED), FIELD, (_is_assignee, _needs("fault", "cause",
    "remedy"), _known_codes, _no_open_children, _stops_done, _recheck_result)),
    Move(Act.CLOSE, frozenset({S.RESOLVED}), _to(S.CLOSED), DESK, (_reason_under_alarm, _no_open_children,
    _chain_ended)),
    # the desk itself ends what nobody has accepted: the fault went away, or was taken back
    Move(Act.CLOSE, frozenset({S.NEW, S.ASSIGNED}), _to(S.CLOSED), frozenset({R.SYSTEM})),
    Move(Act.CANCEL, OPEN, _to(S.CANCELLED), DESK, (_cancel_reason, _no_open_children, _chain_ended)),
    Move(Act.MERGE, OPEN, _to(S.CANCELLED), DESK, (_needs("into"), _no_open_children, _chain_ended)),
    Move(Act.REOPEN, frozenset({S.RESOLVED, S.CLOSED}), _reopened, DESK, (_needs("reason"), _chain_open)),
    Move(Act.COMMENT, frozenset(S), lambda order: order.state, ANY_ROLE, (_needs("note"),)),
    Move(Act.SET_URGENCY, OPEN, lambda order: order.state, DESK, (_urgency, _needs("reason"))),
)  # fmt: skip
EVENT = {
    Act.ASSIGN: "assigned", Act.ACCEPT: "accepted", Act.REJECT: "rejected", Act.ARRIVE: "arrived", Act.START:
    "started", Act.HOLD: "held", Act.RESUME: "resumed", Act.RESOLVE: "resolved", Act.CLOSE: "closed", Act.CANCEL:
    "cancelled", Act.MERGE: "merged", Act.REOPEN: "reopened", Act.COMMENT: "comment_added", Act.SET_URGENCY: "updated",
}  # fmt: skip


def decide(situation: MoveContext) -> WorkOrder | Refusal:
    """The order after the command (version and times are the caller's), or why not."""
    order, command = situation.order, situation.command
    lines = [move for move in MOVES if move.act is command.act and order.state in move.sources]
    if not lines:
        return Refusal(409, "desk.illegal_move", {"no": order.no, "state": _state(order), "act": act_text(command.act)})
    mine = [move for move in lines if command.actor.role in move.roles]
    if not mine:
        return Refusal(
            403, "desk.not_allowed", {"role": command.actor.role.value, "act": act_text(command.act), "no": order.no}
        )
    move = mine[0]
    for guard in move.guards:
        if refusal := guard(situation):
            return refusal
    return _after(situation, move.to(order))


def legal(order: WorkOrder, actor: Actor) -> tuple[Act, ...]:
    """The acts that `actor` may do now, without checking their contents: for the buttons of the console."""
    return tuple(
        move.act
        for move in MOVES
        if order.state in move.sources
        and actor.role in move.roles
        and not (_is_assignee in move.guards and actor.role is R.ENGINEER and order.assignee != actor.id)
    )


def act_text(act: Act) -> TextKey:
    """The act as people call it."""
    return TextKey(f"desk.act.{act.value}")


def _state(order: WorkOrder) -> TextKey:
    return TextKey(f"word.state.{order.state.value}")


def conflict(
    order: WorkOrder, actor: Actor, code: str, fields: Mapping[str, object], without: Act | None = None
) -> Conflict:
    """409 with the acts that `actor` may do to the order now; the text lists them, too (`{possible}`)."""
    acts = tuple(dict.fromkeys(act.value for act in legal(order, actor) if act is not without)) or ("read_order",)
    words = TextList(tuple(f"possible.{act}" for act in acts))
    known_fields = {"no": order.no, "possible": words, **fields}
    return Conflict(code, acts, key=f"desk.{code}", fields=known_fields, state=order.state.value, version=order.version)


def refuse(refusal: Refusal, order: WorkOrder, actor: Actor) -> CommandError:
    """A refusal as the API's error; with `key` and `fields` it can be localized."""
    if refusal.status == 409:
        return conflict(order, actor, refusal.key.removeprefix("desk."), refusal.fields)
    return CommandError(
        refusal.status,
        refusal.key.removeprefix("desk."),
        localize(refusal.key, "en", **refusal.fields),
        key=refusal.key,
        fields=refusal.fields,
        state=order.state.value,
        version=order.version,
    )


def _after(situation: MoveContext, to: OrderState) -> WorkOrder:
    order, command = situation.order, situation.command
    changes: dict[str, object] = {"state": to}
    match command.act:
        case Act.ASSIGN:
            changes |= {"assignee": command.assignee, "accepted_at": None, "arrived_at": None}
            changes |= {"hold_reason": "", "held_from": ""}
        case Act.REJECT:
            changes |= {"assignee": "", "rejections": order.rejections + 1}
        case Act.ARRIVE:
            changes |= {"arrived_at": situation.now}
        case Act.HOLD:
            changes |= {"hold_reason": situation.policy.hold_reasons.code_of(command.reason) or command.reason}
        case Act.RESUME:
            changes |= {"hold_reason": "", "held_from": ""}
        case Act.RESOLVE:
            codes = situation.policy.codes
            changes |= {
                "fault_found": codes.canonical(CodeKind.FAULT, command.fault),
                "cause": codes.canonical(CodeKind.CAUSE, command.cause),
                "remedy": codes.canonical(CodeKind.REMEDY, command.remedy),
            }
        case Act.SET_URGENCY:
            changes |= {"urgency": command.urgency}
        case Act.CLOSE | Act.CANCEL:
            changes |= {"close_reason": command.reason}
        case Act.MERGE:
            changes |= {"close_reason": "merged", "merged_into": command.into}
        case Act.REOPEN:
            changes |= {
                "reopen_count": order.reopen_count + 1,
                "close_reason": "",
                "closed_at": None,
                "resolved_at": None,
                "arrived_at": order.arrived_at if to is S.IN_PROGRESS else None,
                "hold_reason": "",
                "fault_found": "",
                "cause": "",
                "remedy": "",
            }
        case _:
            pass
    return msgspec.structs.replace(order, **changes)


_STAMP = {
    S.ACCEPTED: "accepted_at", S.IN_PROGRESS: "started_at", S.RESOLVED: "resolved_at", S.CLOSED: "closed_at",
    S.CANCELLED: "closed_at",
}  # fmt: skip


def stamped(before: WorkOrder, after: WorkOrder, now: int) -> WorkOrder:
    """`after` with the time it entered its state; work that resumes keeps its first start. Who starts is there."""
    if after.state is S.IN_PROGRESS and after.arrived_at is None:
        after = msgspec.structs.replace(after, arrived_at=now)
    name = _STAMP.get(after.state)
    if name is None or before.state is after.state or (name == "started_at" and after.started_at is not None):
        return after
    return msgspec.structs.replace(after, **{name: now})
