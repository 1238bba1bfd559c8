"""A careful walk over units and addresses: one small request at a time, bounded, and an end where a device refuses."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from gateway.domain.text import Localized
from gateway.probe_ports import RegisterProbe

BLOCK = 10
"""Registers in one request."""
MOST_REQUESTS = 1000


@dataclass(frozen=True, slots=True)
class ScannedBlock:
    """The words of a block, or why a unit is not read any further there."""

    unit: int
    address: int
    count: int
    words: tuple[int, ...] = ()
    error: Localized | str = ""
    refused: int = 0


async def scan(probe: RegisterProbe, units: range, table: str, addresses: range) -> AsyncIterator[ScannedBlock]:
    """Blocks in order of unit and address. A refused block of several registers is read up to the last one that is
    there; then, and at silence, the next unit follows. At most MOST_REQUESTS requests."""
    left = MOST_REQUESTS
    for unit in units:
        at = addresses.start
        while at < addresses.stop and left > 0:
            count = min(BLOCK, addresses.stop - at)
            answer = await probe.read(unit, table, at, count)
            left -= 1
            if not answer.error:
                yield ScannedBlock(unit, at, count, answer.words)
                at += count
                continue
            if answer.refused:
                there = 0
                while there < count - 1 and left > 0:
                    single = await probe.read(unit, table, at + there, 1)
                    left -= 1
                    if single.error:
                        break
                    yield ScannedBlock(unit, at + there, 1, single.words)
                    there += 1
                at, count = at + there, count - there
            yield ScannedBlock(unit, at, count, (), answer.error, answer.refused)
            break
