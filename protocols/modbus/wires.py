"""How a link is wired: TCP, TLS, a serial port of this machine."""

import asyncio
import errno
import os
import termios
from contextlib import suppress
from pathlib import Path
from typing import Literal, Protocol

import structlog

from gateway.domain.errors import SourceRejected
from gateway.domain.language_values import Phrase
from gateway.tls_files import ClientTlsFiles
from protocols.modbus.connection import open_serial
from protocols.modbus.link import LinkDown

log: structlog.stdlib.BoundLogger = structlog.get_logger("modbus")
TLS_LOOK = 30.0
"""s between two looks at the TLS files of a connection."""
_GONE = (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EIO)
_TAKEN = (errno.EAGAIN, errno.EBUSY)
_DENIED = (errno.EACCES, errno.EPERM)


class Wire(Protocol):
    """`where` for people; `lost`: the text for a connection that ends at once."""

    @property
    def where(self) -> str:
        """`10.0.3.7:502`, `/dev/ttyUSB0`."""

    @property
    def lost(self) -> str:
        """Key of the text."""

    async def connect(self, protocol: asyncio.Protocol) -> None:
        """Connect `protocol`. Raises OSError, SourceRejected, or LinkDown where the user needs more words."""

    async def renewed(self) -> bool:
        """Whether a connection should be made anew: there are other certificates."""


class TcpWire:
    """A host and port, with TLS when there are `files` (Modbus/TCP Security: mutual TLS around the frames of Modbus
    TCP). `server_name`: the name in the other's certificate, "" = the host."""

    lost = "modbus.down.closed"

    def __init__(
        self, host: str, port: int, where: str, files: ClientTlsFiles | None = None, server_name: str | None = None
    ) -> None:
        self._host, self._port, self._files, self._server_name = host, port, files, server_name
        self.where = where
        self._looked = 0.0

    async def connect(self, protocol: asyncio.Protocol) -> None:
        """See Wire."""
        loop = asyncio.get_running_loop()
        if self._files is None:
            await loop.create_connection(lambda: protocol, self._host, self._port)
            return
        context = await asyncio.to_thread(self._files.context)
        self._looked = loop.time()
        name = self._server_name or self._host
        await loop.create_connection(lambda: protocol, self._host, self._port, ssl=context, server_hostname=name)

    async def renewed(self) -> bool:
        """See Wire. Files that cannot be used are logged, once for each change."""
        now = asyncio.get_running_loop().time()
        if self._files is None or not self._files.watched or now < self._looked + TLS_LOOK:
            return False
        self._looked = now
        try:
            if not await asyncio.to_thread(self._files.renewed):
                return False
        except SourceRejected as error:
            log.warning("TLS files cannot be used", source=self.where, error=error)
            return False
        log.info("TLS files changed", source=self.where)
        return True


class SerialWire:
    """A serial port: `path`, `baud`, parity and stop bits; 8 data bits, as RTU has them."""

    lost = "modbus.down.port_lost"

    def __init__(self, path: str, baud: int, parity: Literal["none", "even", "odd"], stop_bits: int) -> None:
        self.where = path
        self._baud, self._stop_bits = baud, stop_bits
        self._parity: Literal["N", "E", "O"] = "N" if parity == "none" else "E" if parity == "even" else "O"

    async def connect(self, protocol: asyncio.Protocol) -> None:
        """See Wire."""
        try:
            await open_serial(protocol, self.where, self._baud, self._parity, self._stop_bits)
        except (ValueError, termios.error) as error:
            fields = {"where": self.where, "baud": self._baud, "parity": self._parity, "stop": self._stop_bits}
            raise LinkDown.of("modbus.down.port_settings", **fields) from error
        except OSError as error:
            if error.errno in _GONE:
                raise LinkDown.of("modbus.down.port_missing", where=self.where) from error
            if error.errno in _DENIED:
                raise LinkDown.of("modbus.down.port_denied", where=self.where) from error
            if error.errno in _TAKEN:
                holder = await asyncio.to_thread(_holder, self.where)
                raise LinkDown.of("modbus.down.port_taken", where=self.where, holder=holder) from error
            if error.errno is None:  # pyserial: it opened, and has no speed and parity
                raise LinkDown.of("modbus.down.no_port", where=self.where) from error
            raise

    async def renewed(self) -> bool:
        """See Wire."""
        return False


def _holder(path: str) -> Phrase | str:
    """The program that has a port open, as far as this one may look."""
    wanted = os.path.realpath(path)
    pids: set[int] = set()
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # it ended, or belongs to somebody else
            if str(entry.readlink()) == wanted:
                pids.add(int(entry.parts[2]))
    if not pids:
        return ""
    pid = min(pids, key=lambda one: (one == os.getpid(), one))
    with suppress(OSError):
        return Phrase("modbus.down.holder", {"name": Path(f"/proc/{pid}/comm").read_text().strip(), "pid": str(pid)})
    return ""
