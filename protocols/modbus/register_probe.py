"""For `fieldgate probe modbus`: one request at a time of one link, and the identification of a device."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from gateway.probe_ports import ProbeAnswer
from protocols.modbus.config import LinkConfig
from protocols.modbus.link import ExceptionResponse, Silent
from protocols.modbus.register_table import RegisterTable
from protocols.modbus.single_poll import why
from protocols.modbus.source import open_link

OBJECTS: Final = {0: "vendor", 1: "product", 2: "revision", 3: "url", 4: "name", 5: "model", 6: "application"}
"""Objects of device identification (MODBUS Application Protocol V1.1b3, 6.21, table of objects)."""
_BASIC, _REGULAR = 1, 2
_MOST = 8


class LinkProbe:
    """A `gateway.probe_ports.RegisterProbe`. `keys`: of a link of the configuration."""

    def __init__(self, keys: Mapping[str, Any]) -> None:
        self._config = LinkConfig.model_validate(dict(keys))
        self._link = open_link(self._config)

    async def read(self, unit: int, table: str, address: int, count: int) -> ProbeAnswer:
        """See the port."""
        try:
            words = await self._link.read(unit, RegisterTable(table), address, count)
        except (ExceptionResponse, Silent) as error:
            refused = error.code if isinstance(error, ExceptionResponse) else 0
            return ProbeAnswer((), why(error), refused)
        return ProbeAnswer(tuple(words))

    async def identify(self, unit: int) -> Mapping[str, str]:
        """See the port. On a connection of its own, after the other is closed: many devices accept one. Of other
        kinds of link: nothing."""
        if self._config.tcp is None:
            return {}
        await self._link.close()
        host, port = self._config.tcp
        found: dict[str, str] = {}
        for category in (_BASIC, _REGULAR):
            try:
                async with asyncio.timeout(3):
                    found |= await _identification(host, port, unit, category)
            except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
                break
        return found

    async def close(self) -> None:
        """See the port."""
        await self._link.close()


async def _identification(host: str, port: int, unit: int, category: int) -> dict[str, str]:
    """Function 43/14 (6.21): the objects of a category, over as many responses as it takes. Raises ValueError."""
    reader, writer = await asyncio.open_connection(host, port)
    found: dict[str, str] = {}
    try:
        following = 0
        for number in range(1, _MOST + 1):
            body = bytes([unit, 0x2B, 0x0E, category, following])
            writer.write(number.to_bytes(2, "big") + b"\0\0" + len(body).to_bytes(2, "big") + body)
            head = await reader.readexactly(6)
            answer = await reader.readexactly(int.from_bytes(head[4:6], "big"))
            if int.from_bytes(head[:2], "big") != number or answer[:3] != bytes([unit, 0x2B, 0x0E]) or len(answer) < 8:
                raise ValueError("no device identification")
            more, following, objects = answer[5], answer[6], answer[8:]
            for _ in range(answer[7]):
                key, size = objects[0], objects[1]
                text = objects[2 : 2 + size].decode("utf-8", "replace").strip("\0 ")
                if key in OBJECTS and text.isprintable():
                    found[OBJECTS[key]] = text
                objects = objects[2 + size :]
            if more != 0xFF:
                break
    except IndexError:
        raise ValueError("a damaged device identification") from None
    finally:
        writer.close()
    return found
