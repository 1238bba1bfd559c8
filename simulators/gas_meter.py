"""Gas meters with realistic values: a household's week, a counter that only rises, a battery that empties.

Everything is a pure function of (seed, serial number, time): equal arguments give equal values, and the volume is
exactly the integral of the flow. Coil 0: valve closed. Discrete inputs 0: battery low, 1: case opened. Registers of
every meter, 0-based, holding and input alike:

| register | type | meaning |
|---|---|---|
| 0 | u16 | model, 0x4753 |
| 1 | u16 | serial number |
| 10-11 | u32 CDAB | volume, 0.001 m3 |
| 12-13 | f32 ABCD | flow, m3/h |
| 14 | u16 | pressure, 0.01 kPa; 0xFFFF = no sensor |
| 15 | i16 | temperature, 0.1 degC; 0x8000 = no sensor |
| 16 | u16 | battery, mV |
| 18 | bits | 0-1 valve: 0 open, 1 closed, 2 moving, 3 fault · 4 battery low · 5 case opened |
| 20-39 | u16 | flow of the last 20 whole hours, litres |
| 40-44 | | reserved: exception 2 |
| 50-97 | u32 CDAB | volume at the end of the last 24 whole hours, 0.001 m3 |
"""

import math
import random
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate

from simulators.modbus_server import ModbusServer

MODEL = 0x4753
SIZE = 100
RESERVED = ((40, 44),)
LOW_BATTERY = 3000
HOURS = 168
_HOUR = 3600.0
_WEEK = HOURS * _HOUR
_DAY = (  # share of a household's daily use, by hour: breakfast, lunch, dinner, bath
    0.2, 0.1, 0.1, 0.1, 0.2, 0.8, 2.4, 3.0, 1.6, 0.7, 0.9, 2.2, 2.6, 1.0, 0.6, 0.6, 1.2, 3.4, 4.2, 3.0, 2.0, 1.8,
    1.2, 0.5,
)  # fmt: skip
_MONDAY = 4 * 24 * _HOUR  # 1970-01-05 was a Monday: weeks begin there


@dataclass(slots=True)
class GasMeter:
    """One meter. `now` s since 1970.

    Faults: `regulator` the pressure at rest, kPa · `stuck` freezes every value at that time (s since 1970) ·
    `no_sensor` loses pressure and temperature · `opened` the tamper switch.
    """

    serial: int
    seed: int
    now: Callable[[], float] = time.time
    regulator: float = 2.0
    stuck: float | None = None
    no_sensor: bool = False
    opened: bool = False
    _hourly: list[float] = field(init=False)
    _until: list[float] = field(init=False)
    _start: float = field(init=False)
    _base: float = field(init=False)
    _valve: int = 0
    _closed: float = 0.0

    def __post_init__(self) -> None:
        rng = random.Random(f"{self.seed}/{self.serial}")  # noqa: S311 - a simulation must be repeatable
        size = rng.uniform(0.6, 3.2) / sum(_DAY)  # m3 a day
        weekend = rng.uniform(1.0, 1.4)
        self._hourly = [
            size * _DAY[hour % 24] * (weekend if hour // 24 >= 5 else 1.0) * rng.uniform(0.6, 1.4)
            for hour in range(HOURS)
        ]
        self._until = [0.0, *accumulate(self._hourly)]
        self._start = rng.uniform(50.0, 4000.0)  # m3 in the year 2020
        self._base = self._since(1_577_836_800.0)

    @property
    def size(self) -> int:
        """See simulators.modbus_server.ModbusUnit."""
        return SIZE

    @property
    def reserved(self) -> tuple[tuple[int, int], ...]:
        """See simulators.modbus_server.ModbusUnit."""
        return RESERVED

    @property
    def valve(self) -> int:
        """0 open, 1 closed, 2 moving, 3 fault. While it is closed there is no flow, and the counter does not change."""
        return self._valve

    @valve.setter
    def valve(self, state: int) -> None:
        now = self.now()
        if self._valve == 1:
            self._base += self._since(now) - self._since(self._closed)
        self._valve, self._closed = state, now

    def flow(self, at: float) -> float:
        """Flow at `at` (s since 1970), m3/h."""
        return 0.0 if self._shut(at) else self._hourly[int((at - _MONDAY) % _WEEK // _HOUR)]

    def volume(self, at: float) -> float:
        """Counter at `at`, m3."""
        return self._start + self._since(self._closed if self._shut(at) else at) - self._base

    def pressure(self, at: float) -> float:
        """Pressure, kPa: that of the regulator, a little less while gas flows."""
        return self.regulator - 0.2 * self.flow(at) + 0.05 * math.sin(at / 977.0 + self.serial)

    def temperature(self, at: float) -> float:
        """Temperature, degC, by season and time of day."""
        return (
            15.0
            - 9.0 * math.cos(2 * math.pi * at / (365.25 * 24 * _HOUR))
            + 3.0 * math.sin(2 * math.pi * (at % 86400 - 9 * _HOUR) / 86400)
        )

    def battery(self, at: float) -> float:
        """Battery, mV: 3650 when new, about 60 less every year since 2020."""
        years = (at - 1_577_836_800.0) / (365.25 * 24 * _HOUR)
        return max(2500.0, 3650.0 - 60.0 * years - self.serial % 50)

    def image(self) -> list[int]:
        """See simulators.modbus_server.ModbusUnit."""
        at = self.now() if self.stuck is None else self.stuck
        words = [0] * SIZE
        words[0:2] = [MODEL, self.serial & 0xFFFF]
        words[10:12] = _low_first(self.volume(at))
        words[12:14] = struct.unpack(">2H", struct.pack(">f", self.flow(at)))
        words[14] = 0xFFFF if self.no_sensor else round(self.pressure(at) * 100)
        words[15] = 0x8000 if self.no_sensor else round(self.temperature(at) * 10) & 0xFFFF
        words[16] = round(self.battery(at))
        battery_low, opened = self.discrete_inputs()
        words[18] = self.valve | battery_low << 4 | opened << 5
        hour = at // _HOUR
        for index in range(20):
            words[20 + index] = round(1000 * self.flow((hour - 1 - index) * _HOUR))
        for index in range(24):
            words[50 + 2 * index : 52 + 2 * index] = _low_first(self.volume((hour - index) * _HOUR))
        return words

    def coils(self) -> list[bool]:
        """See simulators.modbus_server.BitUnit."""
        return [self.valve == 1]

    def discrete_inputs(self) -> list[bool]:
        """See simulators.modbus_server.BitUnit."""
        return [self.battery(self.now() if self.stuck is None else self.stuck) < LOW_BATTERY, self.opened]

    def _shut(self, at: float) -> bool:
        return self._valve == 1 and at >= self._closed

    def _since(self, at: float) -> float:
        """m3 used since the first Monday of 1970, valve open."""
        weeks, rest = divmod(at - _MONDAY, _WEEK)
        hour, second = divmod(rest, _HOUR)
        index = min(int(hour), HOURS - 1)
        return weeks * self._until[-1] + self._until[index] + self._hourly[index] * second / _HOUR


def _low_first(volume: float) -> tuple[int, int]:
    litres = int(volume * 1000 + 1e-6) & 0xFFFFFFFF
    return litres & 0xFFFF, litres >> 16


class GasMeterServer(ModbusServer):
    """`async with GasMeterServer(meters=200, seed=7) as server:` meters 1 .. n answer under unit ids 1 .. n (n <= 247)
    on server.port. `now` s since 1970, to let time pass faster or stand still."""

    def __init__(
        self,
        meters: int = 1,
        seed: int = 7,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        now: Callable[[], float] = time.time,
    ) -> None:
        if not 1 <= meters <= 247:
            raise ValueError(f"{meters} meters: one Modbus line has 1 to 247 unit ids")
        self.meters = {serial: GasMeter(serial, seed, now) for serial in range(1, meters + 1)}
        super().__init__(self.meters, port=port, host=host)
