"""Requests that write (MODBUS Application Protocol V1.1b3, 6.5, 6.6, 6.11, 6.12), and the port of a link that can."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from protocols.modbus.register_table import RegisterTable

COILS = (5, 15)
_ON = b"\xff\x00"


@dataclass(frozen=True, slots=True)
class RegisterWrite:
    """`function` 5 (one coil), 6 (one register), 15 (coils) or 16 (registers); `words` from `address` on, of coils 0 or
    1 each."""

    table: RegisterTable
    function: int
    address: int
    words: tuple[int, ...]

    @property
    def echo(self) -> bytes:
        """What the response repeats: the address, and the value (5, 6) or the number (15, 16)."""
        if self.function == 5:
            rest = _ON if self.words[0] else b"\0\0"
        else:
            rest = (self.words[0] if self.function == 6 else len(self.words)).to_bytes(2, "big")
        return self.address.to_bytes(2, "big") + rest


@runtime_checkable
class WritingLink(Protocol):
    """A `Link` that can write."""

    async def write(self, unit: int, write: RegisterWrite) -> None:
        """Send once, between two requests and never inside one; requests that wait already go first. Returns when the
        unit has repeated the request.

        Raises LinkDown (nothing was sent), ExceptionResponse (the unit refuses) or Silent (no response, or the
        connection ended: the unit may have carried it out). It is never sent again.
        """
