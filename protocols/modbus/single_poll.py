"""One poll cycle of one device, watched: for `fieldgate try modbus`."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.domain.device import Device
from gateway.domain.duration import SECOND
from gateway.domain.error_reasons import reason
from gateway.domain.errors import SourceError
from gateway.domain.language_values import Phrase
from gateway.domain.reading import Quality
from gateway.domain.text import Sayable
from gateway.ports import Clock, Directory
from protocols.modbus.config import ModbusConfig
from protocols.modbus.cycle import Cycle
from protocols.modbus.link import ExceptionResponse, Link, LinkDown, Silent
from protocols.modbus.polled_devices import Roster
from protocols.modbus.profile import ModbusMap, RegisterTable
from protocols.modbus.registers import BoundRegister
from protocols.modbus.slave import Slave
from protocols.modbus.source import open_link
from protocols.modbus.stats import ModbusStats


@dataclass(frozen=True, slots=True)
class Request:
    """Asked for `count` registers from `address` on: the `words`, or why there are none."""

    table: str
    address: int
    count: int
    words: tuple[int, ...] = ()
    error: Sayable | str = ""


@dataclass(frozen=True, slots=True)
class Poll:
    """What came of it. A row: register, the words of it (None = not read), value in the point's unit, quality.

    `at` µs. `failure`: why nothing at all was answered.
    """

    link: str
    unit: int
    at: int
    requests: tuple[Request, ...]
    rows: tuple[tuple[BoundRegister, Sequence[int] | None, float, Quality], ...]
    failure: Sayable | str = ""


class _Watched:
    """A link that remembers what was asked and answered."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.requests: list[Request] = []
        self.words: dict[tuple[RegisterTable, int], int] = {}

    @property
    def strays(self) -> int:
        """As Link."""
        return self._link.strays

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        """As Link."""
        try:
            words = await self._link.read(unit, table, address, count)
        except SourceError as error:
            self.requests.append(Request(str(table.value), address, count, error=_why(error)))
            raise
        self.requests.append(Request(str(table.value), address, count, tuple(words)))
        self.words.update({(table, address + i): word for i, word in enumerate(words)})
        return words

    async def close(self) -> None:
        """As Link."""
        await self._link.close()

    def of(self, register: BoundRegister) -> list[int] | None:
        """Its words, None when one of them was not read."""
        places = [(register.table, register.address + i) for i in range(register.count)]
        return [self.words[place] for place in places] if all(place in self.words for place in places) else None


async def poll_once(
    source: str, config: ModbusConfig, directory: Directory, maps: Mapping[str, ModbusMap], clock: Clock,
    fleet: Iterable[Device], device: str,
) -> Poll | None:  # fmt: skip
    """None when this source does not poll the device."""
    backoff = config.backoff.build()
    roster = Roster(source, config, directory, maps, backoff, lambda: fleet)
    roster.refresh(0)
    if device not in roster.targets:
        return None
    place, target = roster.places[device], roster.targets[device]
    link = _Watched(open_link(config.links[place.link]))

    def ticks() -> int:
        return round(asyncio.get_running_loop().time() * SECOND)

    cycle = Cycle(
        link, Slave(place.link, place.unit, backoff), target, directory.state_code, ModbusStats(), ticks, clock.now
    )
    try:
        frame = await cycle.run()
    except (LinkDown, Silent) as error:
        return Poll(place.link, place.unit, clock.now(), tuple(link.requests), (), _why(error))
    finally:
        await link.close()
    rows = tuple(
        (register, link.of(register), float(value), Quality(int(quality)))
        for register, value, quality in zip(target.layout.registers, frame.values, frame.quality, strict=True)
    )
    return Poll(place.link, place.unit, frame.at, tuple(link.requests), rows)


def _why(error: SourceError) -> Sayable | str:
    match error:
        case Silent(reason=label):
            return Phrase(f"modbus.silent.{label}", {"detail": str(error).removeprefix(label).strip()})
        case ExceptionResponse(code=code):
            return Phrase(f"modbus.exception.{code if 0 < code < 7 else 'other'}", {"code": code})
    return reason(error)
