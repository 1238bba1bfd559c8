"""For `fieldgate doctor`: whether the address can be listened on, and the files of TLS can be used. Pushes nothing."""

import asyncio
import socket
from contextlib import closing

from gateway.domain.error_reasons import reason
from gateway.domain.finding import DoctorFinding, bad, ok
from protocols.http.config import HttpConfig
from protocols.http.listener import server_context

_SECONDS = 5.0


async def address_works(name: str, config: HttpConfig, running: bool) -> list[DoctorFinding]:
    """Beside a running gateway a connection is made and closed; else the port is bound for a moment."""
    if config.tls is not None:
        try:
            await asyncio.to_thread(server_context, config.tls)
        except OSError as error:
            return [bad("doctor.http_tls", "doctor.http_tls.do", source=name, error=reason(error))]
    try:
        await asyncio.to_thread(_connect if running else _bind, config.address)
    except OSError as error:
        fields = {"source": name, "listen": config.listen, "error": reason(error)}
        if running:
            return [bad("doctor.http_silent", "doctor.http_silent.do", **fields)]
        return [bad("doctor.http_taken", "doctor.http_taken.do", **fields)]
    return [ok("doctor.http_listens" if running else "doctor.http", source=name, listen=config.listen)]


def _connect(address: tuple[str, int]) -> None:
    with closing(socket.create_connection(address, _SECONDS)):
        pass


def _bind(address: tuple[str, int]) -> None:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
