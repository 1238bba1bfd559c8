"""A serial bus in memory, with the time that its bytes take. It carries the requests of a Modbus source like a link.

Time is that of the event loop, so that a day passes at once in a loop with virtual time.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

_REQUEST, _RESPONSE = 8, 5
"""Bytes of a request and of a response without data (Modbus over Serial Line V1.02, 2.5.1)."""
_SILENCE = 3.5  # characters between two frames


@dataclass(slots=True)
class ModbusBus:
    """A line of `baud` whose units answer `think` s after a request. `dead` never answer: the caller waits `timeout` s.

    `image` (unit, table, address, count, now) -> words; `requests` counts by unit; `busy` s that the line was in use.
    """

    image: Callable[[int, str, int, int, float], Sequence[int]]
    baud: int = 9600
    think: float = 0.02
    timeout: float = 0.3
    dead: set[int] = field(default_factory=set)
    requests: dict[int, int] = field(default_factory=dict)
    log: list[tuple[float, int, str, int, int]] = field(default_factory=list)
    busy: float = 0.0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def exchange(self, unit: int, table: str, address: int, count: int) -> Sequence[int] | None:
        """Words of one request after the time it takes; None when the unit is dead."""
        async with self._turn:
            loop = asyncio.get_running_loop()
            self.requests[unit] = self.requests.get(unit, 0) + 1
            self.log.append((loop.time(), unit, table, address, count))
            took = self.timeout if unit in self.dead else self.time_of(table, count)
            self.busy += took
            await asyncio.sleep(took)
            return None if unit in self.dead else self.image(unit, table, address, count, loop.time())

    def time_of(self, table: str, count: int) -> float:
        """s for one answered request."""
        octets = (count + 7) // 8 if table in ("coil", "discrete") else 2 * count
        return self.think + (_REQUEST + _RESPONSE + octets + 2 * _SILENCE) * 10 / self.baud
