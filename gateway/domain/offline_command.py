"""Commands that were made without a connection and arrive together: the order in which they count, and their results.
Times are µs since 1970 UTC."""

from collections.abc import Sequence

from msgspec import Struct

from gateway.domain.workorder import Act, Command

_RANK = {act: place for place, act in enumerate(Act)}


class PossibleAct(Struct, frozen=True):
    """Act that is possible instead, as text in both languages."""

    act: str
    text_en: str
    text_zh: str


class RefusedCommand(Struct, frozen=True):
    """Command that was refused when it arrived, kept under its id: the same one again is refused in the same way,
    whatever its order is by then. `status`, `code` and texts of the refusal; `state` and `version` of the order."""

    tenant: str
    id: str
    digest: str
    order: str
    at: int
    status: int
    code: str
    text_en: str
    text_zh: str
    state: str = ""
    version: int = 0
    possible: tuple[PossibleAct, ...] = ()


class CommandResult(Struct, frozen=True):
    """Result of one command: `refusal` None = carried out, now or before."""

    command: Command
    refusal: RefusedCommand | None = None

    @property
    def status(self) -> int:
        """As HTTP status."""
        return 200 if self.refusal is None else self.refusal.status


def in_order(commands: Sequence[Command], contents: Sequence[str], now: int) -> list[int]:
    """Indexes of commands in the order in which they count: by the time at which they happened; at one time in the
    order of an order's life, then by id. It does not depend on the order in which they arrived. `contents`: digests."""

    def key(index: int) -> tuple[int, int, str, str]:
        command = commands[index]
        return command.occurred_at or now, _RANK[command.act], command.command_id, contents[index]

    return sorted(range(len(commands)), key=key)
