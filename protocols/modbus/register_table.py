"""The four tables of the Modbus data model."""

from enum import StrEnum


class RegisterTable(StrEnum):
    """Which table of the data model (MODBUS Application Protocol V1.1b3, 4.3): read by function code 1 (coil),
    2 (discrete), 3 (holding) or 4 (input)."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"

    @property
    def of_bits(self) -> bool:
        """Whether an address holds one bit, not one register."""
        return self in (RegisterTable.COIL, RegisterTable.DISCRETE)

    @property
    def contents(self) -> str:
        """What it holds, for the log: `coils`, `holding registers`."""
        return _CONTENTS[self]


_CONTENTS = {
    RegisterTable.COIL: "coils",
    RegisterTable.DISCRETE: "discrete inputs",
    RegisterTable.HOLDING: "holding registers",
    RegisterTable.INPUT: "input registers",
}
