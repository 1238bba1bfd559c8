"""A SunSpec device as register words, laid out by hand after the SunSpec models 1, 103 and 203 and the DER model 701.

It shares nothing with the decoder: offsets are those of the printed model tables, counted from the id of the model.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

BASE = 40_000
_NOT_IMPLEMENTED = 0x8000
_NO_NUMBER = 0xFFFF


def _text(words: list[int], at: int, size: int, text: str) -> None:
    octets = text.encode().ljust(2 * size, b"\0")
    words[at : at + size] = struct.unpack(f">{size}H", octets)


def _signed(value: int) -> int:
    return value & 0xFFFF


def common() -> list[int]:
    """Model 1, 66 registers."""
    words = [1, 66] + [0] * 66
    _text(words, 2, 16, "Example Solar")
    _text(words, 18, 16, "ES-10K")
    _text(words, 42, 8, "1.2.3")
    _text(words, 50, 16, "SN0042")
    words[66:68] = [1, _NOT_IMPLEMENTED]
    return words


def inverter() -> list[int]:
    """Model 103: 16.4 A, 230.1 V on phase A, 3774 W, 49.98 Hz, 1234567 Wh, 41.5 degC, status MPPT."""
    words = [103, 50] + [_NOT_IMPLEMENTED] * 50
    words[2:7] = [1640, 546, 547, 547, _signed(-2)]  # A, AphA, AphB, AphC, A_SF
    words[7:10] = [_NO_NUMBER] * 3  # voltages between phases
    words[10:14] = [2301, 2298, 2304, _signed(-1)]  # PhVphA, PhVphB, PhVphC, V_SF
    words[14:16] = [3774, 0]  # W, W_SF
    words[16:18] = [4998, _signed(-2)]  # Hz, Hz_SF
    words[24:27] = [1234567 >> 16, 1234567 & 0xFFFF, 0]  # WH, WH_SF
    words[27:29] = [_NO_NUMBER, _NOT_IMPLEMENTED]  # DCA
    words[29:31] = [_NO_NUMBER, _NOT_IMPLEMENTED]  # DCV
    words[33] = 415  # TmpCab
    words[37] = _signed(-1)  # Tmp_SF
    words[38:40] = [4, _NO_NUMBER]  # St, StVnd
    words[40:52] = [0, 0b1000] + [0xFFFF] * 10  # Evt1: DC_DISCONNECT, others not implemented
    return words


def meter() -> list[int]:
    """Model 203: 400.2 V between A and B, -1500 W, 87.5 kWh exported."""
    words = [203, 105] + [_NOT_IMPLEMENTED] * 105
    words[12] = 4002  # PhVphAB
    words[15] = _signed(-1)  # V_SF
    words[18], words[22] = _signed(-150), 1  # W, W_SF
    words[38:40] = [0, 875]  # TotWhExp
    words[40:46] = [0] * 6
    words[46:48] = [0, 0]  # TotWhImp: nothing counted
    words[48:54] = [0] * 6
    words[54] = 2  # TotWh_SF
    words[55:107] = [0] * 52
    return words


def der() -> list[int]:
    """Model 701: its scale factors stand more than a request behind the values."""
    words = [701, 153] + [_NO_NUMBER] * 153
    for first, last in ((10, 14), (35, 45), (64, 68), (87, 91), (113, 122)):  # signed ones
        words[first : last + 1] = [_NOT_IMPLEMENTED] * (last + 1 - first)
    words[10], words[116] = 2750, 0  # W, W_SF
    words[15], words[114] = 4003, _signed(-1)  # LLV, V_SF
    return words


@dataclass
class SunSpecUnit:
    """A unit of `ModbusServer`: registers 0 to the end of the models; what lies before the marker is refused."""

    models: tuple[list[int], ...] = field(default_factory=lambda: (common(), inverter(), meter()))
    base: int = BASE
    identification: Mapping[int, str] = field(default_factory=lambda: {0: "Example Solar", 1: "ES-10K", 2: "1.2.3"})

    @property
    def reserved(self) -> tuple[tuple[int, int], ...]:
        """Everything before the marker."""
        return ((0, self.base - 1),) if self.base else ()

    @property
    def size(self) -> int:
        """Up to the end of the last model."""
        return len(self.image())

    def image(self) -> list[int]:
        """All words."""
        words = [0] * self.base + [0x5375, 0x6E53]
        for model in self.models:
            words += model
        return [*words, 0xFFFF, 0]
