"""For `fieldgate doctor`: whether something listens at the addresses of the links, and how a running gateway polls."""

import asyncio
from collections.abc import Mapping
from typing import Final

from gateway.domain.error_reasons import reason
from gateway.domain.finding import DoctorFinding, bad, ok, warn
from protocols.modbus.config import ModbusConfig

PATIENCE: Final = 3.0  # s
OVERRUNS: Final = 0.01
"""Share of due times that may be left out without a finding."""


async def links(name: str, config: ModbusConfig) -> list[DoctorFinding]:
    """Whether something listens there. Only while no gateway runs: many devices accept one connection."""

    async def one(link: str, host: str, port: int) -> DoctorFinding:
        where = f"{host}:{port}"
        try:
            async with asyncio.timeout(PATIENCE):
                _, writer = await asyncio.open_connection(host, port)
                writer.close()
        except (OSError, TimeoutError) as error:
            return bad(
                "doctor.link_away", "doctor.link_away.do", source=name, link=link, where=where, why=reason(error)
            )
        return ok("doctor.link", source=name, link=link, where=where)

    return list(await asyncio.gather(*(one(link, *entry.tcp) for link, entry in config.links.items())))


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
