"""For `fieldgate doctor`: whether the links can be opened, and how a running gateway polls."""

import asyncio
from collections.abc import Mapping
from typing import Final

from gateway.domain.error_reasons import reason
from gateway.domain.finding import DoctorFinding, bad, ok, warn
from protocols.modbus.config import LinkConfig, ModbusConfig
from protocols.modbus.link import LinkDown
from protocols.modbus.source import open_link

PATIENCE: Final = 3.0  # s
OVERRUNS: Final = 0.01
"""Share of due times that may be left out without a finding."""


async def links(name: str, config: ModbusConfig) -> list[DoctorFinding]:
    """Whether each can be opened: connection, TLS, serial port. Nothing is sent. Only while no gateway runs: many
    devices accept one connection, and a serial port has one user."""

    async def one(link: str, wired: LinkConfig) -> DoctorFinding:
        opened = open_link(wired)
        try:
            async with asyncio.timeout(PATIENCE):
                await opened.open()
        except (LinkDown, TimeoutError) as error:
            why = error.fields.get("why") if isinstance(error, LinkDown) else None
            fields = {"source": name, "link": link, "where": wired.where, "why": why or reason(error)}
            return bad("doctor.link_away", "doctor.link_away.do", **fields)
        finally:
            await opened.close()
        return ok("doctor.link", source=name, link=link, where=wired.where)

    return list(await asyncio.gather(*(one(link, wired) for link, wired in config.links.items())))


def polls(name: str, values: Mapping[tuple[str, ...], float]) -> list[DoctorFinding]:
    """Polls that were left out, and limits that devices taught, by the metrics of a running gateway: (family, value of
    its label) -> value. Pure."""
    found = []
    due = sum(value for key, value in values.items() if key[0] == "modbus_due")
    late = values.get(("modbus_due", "overrun"), 0.0)
    if late > OVERRUNS * due:
        links = [
            f"{link}: {int(count)}"
            for (family, *_, link), count in values.items()
            if family == "modbus_overruns" and count
        ]
        fields = {"source": name, "late": int(late), "due": int(due), "links": ", ".join(sorted(links))}
        found.append(warn("modbus.doctor.overruns", "modbus.doctor.overruns.do", **fields))
    learned = {kind: int(values.get(("modbus_learned", kind), 0)) for kind in ("caps", "cuts", "holes")}
    if any(learned.values()):
        found.append(warn("modbus.doctor.learned", "modbus.doctor.learned.do", source=name, **learned))
    return found
