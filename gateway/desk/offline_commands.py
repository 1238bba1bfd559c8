"""Commands that were made without a connection: each is carried out or refused by itself, many in one transaction."""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.desk.commands import Commands
from gateway.desk.executed_commands import ExecutedCommands
from gateway.desk.ports import DeskTransaction
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.errors import CommandError, Conflict
from gateway.domain.offline_command import CommandResult, PossibleAct, RefusedCommand
from gateway.domain.text import Lang, localize
from gateway.domain.workorder import Command

OFFLINE_CHUNK: Final = 50
"""Commands in one transaction."""
_UNKNOWN, _REUSED = 404, "command_reused"


class OfflineCommands:
    """Commands of one tenant. What is refused is kept, so that a batch that is sent twice gives one result."""

    def __init__(self, commands: Commands, tenant: str) -> None:
        self._commands, self._tenant = commands, tenant
        self._executed = ExecutedCommands(tenant)

    def run(self, work: UnitOfWork, commands: Sequence[Command]) -> list[CommandResult]:
        """Carry out commands in this order, in the transaction of `work`, each in a unit of work of its own: a refused
        one changes nothing and stops no other."""
        return [CommandResult(one, self._one(work.transaction, one, work.now)) for one in commands]

    def _one(self, transaction: DeskTransaction, command: Command, now: int) -> RefusedCommand | None:
        content, work = self._commands.content(command), UnitOfWork(transaction, now)
        try:
            done = self._executed.repeated(work, command.command_id, content)
            before = None if done else transaction.refused_command(self._tenant, command.command_id)
            if before is not None and before.digest == content:
                return before
            if before is not None:
                raise reused(command)
            self._commands.order(work, command)
        except CommandError as error:
            refusal = self._refusal(command, content, error, now)
            if error.status == _UNKNOWN or error.code == _REUSED:
                return refusal
            work = UnitOfWork(transaction, now)  # without what was prepared for the refused command
            work.changes.refusals.append(refusal)
            work.write()
            return refusal
        work.write()
        return None

    def _refusal(self, command: Command, content: str, error: CommandError, now: int) -> RefusedCommand:
        key, fields = error.extra.get("key"), error.extra.get("fields")
        known = fields if isinstance(fields, Mapping) else {}

        def text(lang: Lang) -> str:
            return localize(key, lang, **known) if isinstance(key, str) and key else error.detail

        acts = error.possible if isinstance(error, Conflict) else ()
        possible = [
            PossibleAct(act, *(localize(f"possible.{act}", lang, **known) for lang in _LANGUAGES)) for act in acts
        ]
        state, version = error.extra.get("state", ""), error.extra.get("version", 0)
        return RefusedCommand(
            self._tenant,
            command.command_id,
            content,
            command.order,
            now,
            error.status,
            error.code,
            text("en"),
            text("zh"),
            str(state),
            version if isinstance(version, int) else 0,
            tuple(possible),
        )


_LANGUAGES: tuple[Lang, Lang] = ("en", "zh")


def reused(command: Command) -> Conflict:
    """409: the id was used for something else."""
    fields = {"command": command.command_id}
    return Conflict(_REUSED, ("new_command_id", "same_command"), key="desk.command_reused", fields=fields)
