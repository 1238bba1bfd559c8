"""Messages to systemd (sd_notify): live, stopping, and that the event loop turns. Without systemd none is sent."""

import asyncio
import os
import socket
from collections.abc import Mapping

import structlog

log = structlog.get_logger()
TWICE = 2
"""Pings within the time after which the service manager takes the loop for hung; one may come late."""


class ServiceManager:
    """`every` seconds between two pings, 0 = nobody waits for them."""

    def __init__(self, env: Mapping[str, str] = os.environ) -> None:
        """NOTIFY_SOCKET is a path, or @ and an abstract name; WATCHDOG_USEC µs; WATCHDOG_PID whom it is meant for."""
        self._address = env.get("NOTIFY_SOCKET", "")
        self._sent = True  # a failure is logged once, not with every ping
        usec = env.get("WATCHDOG_USEC", "")
        meant = env.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        self.every = int(usec) / 1_000_000 / TWICE if self._address and meant and usec.isdecimal() else 0.0

    def notify(self, state: str) -> None:
        """`READY=1`, `STOPPING=1`, `WATCHDOG=1`. Never waits."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
                end.setblocking(False)
                end.sendto(state.encode(), address)
        except OSError as error:
            if self._sent:
                log.warning("the service manager cannot be told", state=state, error=error.strerror or str(error))
            self._sent = False
        else:
            self._sent = True

    async def run(self) -> None:
        """Ping from the event loop, until cancelled: a loop that hangs pings no more, and is started again."""
        while self.every:
            self.notify("WATCHDOG=1")
            await asyncio.sleep(self.every)
