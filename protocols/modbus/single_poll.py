"""One poll cycle of one device, watched: for `fieldgate try modbus`."""

import asyncio

from gateway.adapter_ports import PolledValue, PollRequest, PollTrial, SourceServices
from gateway.domain.duration import SECOND
from gateway.domain.error_reasons import reason
from gateway.domain.errors import SourceError
from gateway.domain.language_values import Phrase
from gateway.domain.reading import Quality
from gateway.domain.text import Localized
from protocols.modbus.config import ModbusConfig
from protocols.modbus.cycle import Cycle
from protocols.modbus.link import ExceptionResponse, Link, LinkDown, Silent
from protocols.modbus.polled_devices import PolledDevices
from protocols.modbus.register_table import RegisterTable
from protocols.modbus.registers import BoundRegister
from protocols.modbus.slave import Slave
from protocols.modbus.source import open_link
from protocols.modbus.stats import ModbusStats


class _Watched:
    """A link that records requests and responses; `unit` is that of the device."""

    def __init__(self, link: Link, unit: int) -> None:
        self._link, self._unit = link, unit
        self.requests: list[PollRequest] = []
        self.words: dict[tuple[int, RegisterTable, int], int] = {}

    @property
    def strays(self) -> int:
        """As Link."""
        return self._link.strays

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        """As Link."""
        other = None if unit == self._unit else unit
        try:
            words = await self._link.read(unit, table, address, count)
        except SourceError as error:
            self.requests.append(PollRequest(str(table.value), address, count, error=why(error), unit=other))
            raise
        self.requests.append(PollRequest(str(table.value), address, count, tuple(words), unit=other))
        self.words.update({(unit, table, address + i): word for i, word in enumerate(words)})
        return words

    async def close(self) -> None:
        """As Link."""
        await self._link.close()

    def of(self, register: BoundRegister) -> tuple[int, ...] | None:
        """Its words, None when one of them was not read."""
        unit = self._unit + register.unit
        places = [(unit, register.table, start + i) for start, count in register.spans for i in range(count)]
        return tuple(self.words[place] for place in places) if self.words.keys() >= set(places) else None


async def poll_once(source: str, config: ModbusConfig, services: SourceServices, device: str) -> PollTrial | None:
    """None when this source does not poll the device."""
    backoff, directory, clock = config.backoff.build(), services.directory, services.clock
    polled = PolledDevices(source, config, directory, services.maps, backoff, services.devices)
    found = polled.whole(device)
    if found is None:
        return None
    place, target = found
    link = _Watched(open_link(config.links[place.link]), place.unit)

    def ticks() -> int:
        return round(asyncio.get_running_loop().time() * SECOND)

    cycle = Cycle(
        link, Slave(place.link, place.unit, backoff), target, directory.state_code, ModbusStats(), ticks, clock.now
    )
    try:
        frame = await cycle.run()
    except (LinkDown, Silent) as error:
        return PollTrial(place.link, place.unit, clock.now(), tuple(link.requests), (), why(error))
    finally:
        await link.close()
    rows = tuple(
        PolledValue(register.point, link.of(register), float(value), Quality(int(quality)))
        for register, value, quality in zip(target.layout.registers, frame.values, frame.quality, strict=True)
    )
    return PollTrial(place.link, place.unit, frame.at, tuple(link.requests), rows)


def why(error: SourceError) -> Localized | str:
    """The reason for which there is no answer, in words."""
    match error:
        case Silent(reason=label):
            detail = str(error).removeprefix(label).strip()
            what = Phrase(f"modbus.garbled.{detail.replace(' ', '_')}") if label == "garbled" else detail
            return Phrase(f"modbus.silent.{label}", {"detail": what})
        case ExceptionResponse(code=code):
            return Phrase(f"modbus.exception.{code if 0 < code < 7 else 'other'}", {"code": code})
    return reason(error)
