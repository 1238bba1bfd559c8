"""Commands that were executed: the same id with the same content is a repeat, with another content a conflict."""

from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.errors import CommandError, Conflict
from gateway.domain.text import localize
from gateway.domain.workorder import ExecutedCommand


def refused(status: int, code: str, **fields: object) -> CommandError:
    """A refusal in the words of the catalogue: `code` is a key of `desk.`."""
    key = f"desk.{code}"
    return CommandError(status, code, localize(key, "en", **fields), key=key, fields=fields)


def conflicting(code: str, **fields: object) -> Conflict:
    """409 in the words of the catalogue; what is possible stands in the order."""
    return Conflict(code, ("read_order",), key=f"desk.{code}", fields=fields)


class ExecutedCommands:
    """The commands of one tenant. Every part of the desk that executes commands of people asks here first."""

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant

    def repeated(self, work: UnitOfWork, command_id: str, content: str) -> ExecutedCommand | None:
        """The command with this id if it was executed before; `content` is its digest. Raises CommandError 422
        without an id, Conflict when the id was used for something else."""
        if not command_id.strip():
            raise refused(422, "command_id")
        done = work.transaction.command(self._tenant, command_id)
        pending = (c for c in work.changes.commands if (c.tenant, c.id) == (self._tenant, command_id))
        done = done or next(pending, None)
        if done is not None and done.digest != content:
            fields = {"command": command_id}
            raise Conflict(
                "command_reused", ("new_command_id", "same_command"), key="desk.command_reused", fields=fields
            )
        return done

    def record(self, work: UnitOfWork, command_id: str, content: str, order: str) -> None:
        """Keep the command with this transaction; `order` is the id of the order that it changed, "" = none."""
        work.changes.commands.append(ExecutedCommand(command_id, self._tenant, content, order, work.now))
