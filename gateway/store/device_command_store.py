"""Commands to devices in SQL, each with its audit (port `gateway.device_commands.ports.DeviceCommandStore`)."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, func, insert, or_, select, update

from gateway.domain.device_command.command import (
    CommandRecord,
    CommandState,
    DeviceCommand,
    Verification,
)
from gateway.domain.device_command.definition import refusal
from gateway.domain.device_command.lifecycle import Decide, Happening, apply
from gateway.domain.duration import MINUTE, SECOND
from gateway.domain.errors import Conflict
from gateway.store import tables as t
from gateway.store.database import Database
from gateway.store.row_mapping import columns, json_text

_COMMAND = columns(t.device_command)
_RECORD = columns(t.device_command_audit)
_WAITING = (CommandState.AWAITING_APPROVAL, CommandState.APPROVED, CommandState.SENT)


class SqlDeviceCommands:
    """Commands of one tenant. Reads may run in any thread, writes in the desk's thread."""

    def __init__(self, database: Database, tenant: str = "default") -> None:
        self._database, self._tenant = database, tenant

    def add(self, command: DeviceCommand, per_minute: int) -> tuple[DeviceCommand, bool]:
        """As the port."""
        c = t.device_command.c

        def work(connection: Connection) -> tuple[DeviceCommand, bool]:
            same = select(t.device_command).where(c.tenant == self._tenant, c.key == command.key)
            known = connection.execute(same).one_or_none()
            if known is not None:
                found = _command(known)
                if found.digest != command.digest:
                    fields = {"command": command.key}
                    acts = ("new_command_id", "same_command")
                    raise Conflict("command_reused", acts, key="desk.command_reused", fields=fields)
                return found, False
            recent = select(func.count()).where(
                c.tenant == self._tenant, c.device == command.device, c.created_at > command.created_at - MINUTE
            )
            if connection.execute(recent).scalar_one() >= per_minute:
                raise refusal(429, "too_many", most=per_minute, seconds=MINUTE // SECOND)
            connection.execute(insert(t.device_command), [_row(command)])
            data = {**command.parameters, **({"note": command.note} if command.note else {})}
            role = command.requester_role.value
            record = _record(command, "request", command.requester, role, "", data, command.created_at)
            connection.execute(insert(t.device_command_audit), [record])
            return command, True

        return self._database.transact(work)

    def change(self, command: str, decide: Decide) -> tuple[DeviceCommand, bool]:
        """As the port."""
        c = t.device_command.c
        row = select(t.device_command).where(c.tenant == self._tenant, c.id == command).with_for_update()

        def work(connection: Connection) -> tuple[DeviceCommand, bool]:
            known = connection.execute(row).one_or_none()
            if known is None:
                raise refusal(404, "unknown_command", id=command)
            before = _command(known)
            happening = decide(before)
            if happening is None:
                return before, False
            after = apply(before, happening)
            changed = update(t.device_command).where(c.id == command, c.version == before.version)
            connection.execute(changed.values(_row(after)))
            actor = happening.actor
            record = _record(
                after,
                happening.event.value,
                actor.id,
                actor.role.value,
                before.state.value,
                _data(happening),
                after.updated_at,
            )
            connection.execute(insert(t.device_command_audit), [record])
            return after, True

        return self._database.transact(work)

    def get(self, command: str) -> DeviceCommand | None:
        """As the port."""
        c = t.device_command.c
        row = select(t.device_command).where(c.tenant == self._tenant, c.id == command)
        return self._database.query(lambda connection: next((_command(one) for one in connection.execute(row)), None))

    def waiting(self) -> list[DeviceCommand]:
        """As the port."""
        c = t.device_command.c
        due = or_(c.state.in_([one.value for one in _WAITING]), c.verification == Verification.PENDING.value)
        rows = select(t.device_command).where(c.tenant == self._tenant, c.ended_at == 0, due)
        rows = rows.order_by(c.created_at, c.id)
        return self._database.query(lambda connection: [_command(row) for row in connection.execute(rows)])

    def listed(
        self,
        limit: int,
        before: tuple[int, str] | None = None,
        device: int | None = None,
        states: Sequence[CommandState] = (),
        is_open: bool | None = None,
    ) -> list[DeviceCommand]:
        """As the port."""
        c = t.device_command.c
        rows = select(t.device_command).where(c.tenant == self._tenant)
        if before is not None:
            at, last = before
            rows = rows.where(or_(c.created_at < at, (c.created_at == at) & (c.id < last)))
        if device is not None:
            rows = rows.where(c.device == device)
        if states:
            rows = rows.where(c.state.in_([state.value for state in states]))
        if is_open is not None:
            rows = rows.where(c.ended_at == 0 if is_open else c.ended_at != 0)
        rows = rows.order_by(c.created_at.desc(), c.id.desc()).limit(limit)
        return self._database.query(lambda connection: [_command(row) for row in connection.execute(rows)])

    def audit(self, command: str) -> list[CommandRecord]:
        """As the port."""
        c = t.device_command_audit.c
        rows = select(t.device_command_audit).where(c.tenant == self._tenant, c.command == command).order_by(c.seq)
        return self._database.query(lambda connection: [_record_of(row) for row in connection.execute(rows)])


def _row(command: DeviceCommand) -> dict[str, Any]:
    row = msgspec.structs.asdict(command)
    row["parameters"] = json_text(command.parameters)
    return row


def _command(row: Row[Any]) -> DeviceCommand:
    values = dict(zip(_COMMAND, row, strict=True))
    values["parameters"] = msgspec.json.decode(values["parameters"])
    return msgspec.convert(values, DeviceCommand)


def _data(happening: Happening) -> dict[str, object]:
    texts = {
        "reason": happening.reason,
        "answer": happening.answer,
        "outcome": "" if happening.outcome is None else happening.outcome.value,
    }
    return {**{name: text for name, text in texts.items() if text}, **happening.data}


def _record(
    after: DeviceCommand, kind: str, actor: str, role: str, before: str, data: dict[str, Any], at: int
) -> dict[str, Any]:
    return {
        "command": after.id,
        "tenant": after.tenant,
        "seq": after.version,
        "type": kind,
        "actor": actor,
        "role": role,
        "before": before,
        "after": after.state.value,
        "data": json_text(data),
        "at": at,
    }


def _record_of(row: Row[Any]) -> CommandRecord:
    values = dict(zip(_RECORD, row, strict=True))
    values["data"] = msgspec.json.decode(values["data"])
    return CommandRecord(**values)
