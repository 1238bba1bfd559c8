"""Messages to systemd (sd_notify): ready, stopping, watchdog. Without systemd none is sent."""

import asyncio
import os
import socket
from collections.abc import Mapping

import structlog

log = structlog.get_logger()
TWICE = 2
"""Messages within the watchdog time; one may be late."""


class ServiceManager:
    """`every` seconds between two watchdog messages, 0 = no watchdog."""

    def __init__(self, env: Mapping[str, str] = os.environ) -> None:
        """NOTIFY_SOCKET is a path, or @ and an abstract name; WATCHDOG_USEC in µs; WATCHDOG_PID the process it
        applies to."""
        self._address = env.get("NOTIFY_SOCKET", "")
        self._sent = True  # a failure is logged once, not with every ping
        usec = env.get("WATCHDOG_USEC", "")
        meant = env.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        self.every = int(usec) / 1_000_000 / TWICE if self._address and meant and usec.isdecimal() else 0.0

    def notify(self, state: str) -> None:
        """Send `READY=1`, `STOPPING=1` or `WATCHDOG=1`. Never waits."""
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
        """Send watchdog messages from the event loop until cancelled: if the loop hangs they stop, and systemd
        restarts the process."""
        while self.every:
            self.notify("WATCHDOG=1")
            await asyncio.sleep(self.every)
