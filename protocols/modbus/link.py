"""A link carries one request at a time to the units behind it. `bus_link` is the real one."""

from typing import Protocol

from gateway.domain.errors import SourceError
from protocols.modbus.register_table import RegisterTable


class ExceptionResponse(SourceError):
    """The unit is there and answered with an exception `code` (MODBUS Application Protocol, section 7)."""

    def __init__(self, code: int, detail: str = "") -> None:
        self.code, self.reason = code, f"exception_{code}"
        super().__init__(f"{self.reason}: {detail}" if detail else self.reason)


class Silent(SourceError):
    """The unit gave no valid response. `reason`: timeout, garbled, or gateway (exceptions 10 and 11)."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        super().__init__(f"{reason} {detail}".strip())


class LinkDown(SourceError):
    """No connection; the state of the units behind it is unknown."""


class Link(Protocol):
    """One bus or one connection. A serial line keeps its quiet time itself."""

    @property
    def strays(self) -> int:
        """Number of frames and bytes that belong to no request, so far."""

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        """Exactly `count` words; of a table of bits, 0 or 1 each. Callers wait for each other.

        Raises ExceptionResponse, Silent or LinkDown.
        """

    async def close(self) -> None:
        """Give up the connection; a later read opens it again."""
