"""What a request costs on a link: pure. The planner weighs registers that nobody wants against another request by it.

Bytes of a frame: MODBUS Application Protocol V1.1b3, 6.1 to 6.4, with the header of Modbus TCP or address and CRC of a
serial line (Modbus over Serial Line V1.02, 2.5.1; it wants 3.5 characters of silence between two frames).
"""

from dataclasses import dataclass

from gateway.domain.duration import MS, SECOND
from protocols.modbus.register_table import RegisterTable

_SILENCE = 3.5  # characters
_FRAMES = 20
"""Bytes of a request and of its response without data; Modbus TCP has more of them, and its bytes cost nothing."""
_ENDLESS = 65536


@dataclass(frozen=True, slots=True)
class LinkTiming:
    """`turnaround` µs from the last byte of a request to the first of the response and on to the next request, `byte`
    µs for one byte on the wire; 0 = too little to count."""

    turnaround: int = 5 * MS
    byte: float = 0.0

    @classmethod
    def serial(cls, baud: int, turnaround: int, bits: int = 10) -> "LinkTiming":
        """A line of `baud`, with `bits` for one character; the silence before and after a request is added."""
        byte = bits * SECOND / baud
        return cls(round(turnaround + 2 * _SILENCE * byte), byte)

    def cost(self, table: RegisterTable, count: int) -> int:
        """µs for one request of `count` registers or bits."""
        return round(self.turnaround + (_FRAMES + _octets(table, count)) * self.byte)

    def worthwhile_gap(self, table: RegisterTable) -> int:
        """The most unused registers or bits that cost no more than another request."""
        if not self.byte:
            return _ENDLESS
        octets = (self.turnaround + _FRAMES * self.byte) / self.byte
        return int(octets * 8) if table.of_bits else int(octets / 2)


def _octets(table: RegisterTable, count: int) -> int:
    return (count + 7) // 8 if table.of_bits else 2 * count
