"""For `fieldgate doctor`: whether something listens at the addresses of the links."""

import asyncio
from typing import Final

from gateway.domain.error_reasons import reason
from gateway.domain.finding import DoctorFinding, bad, ok
from protocols.modbus.config import ModbusConfig

PATIENCE: Final = 3.0  # s


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
