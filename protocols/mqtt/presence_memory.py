"""What was published of the presence of devices, in a small file: over a restart nothing is published twice."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog

from gateway.durable import replace_synced
from protocols.mqtt.presence import KnownPresence
from protocols.mqtt.presence_config import OFFLINE, ONLINE

_KEEP: Final = 5.0
"""s between two writes, at least."""

log = structlog.get_logger()

Kept = Mapping[int, tuple[KnownPresence, bool]]
"""Device -> (its state, whether its births are retained)."""


class PresenceMemory:
    """`file` None: nothing is kept."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._kept: Kept = {}
        self._written = 0.0

    async def read(self) -> Kept:
        """Of the last run."""
        self._kept = await asyncio.to_thread(self._read)
        return self._kept

    async def write(self, states: Kept) -> None:
        """Now and then, when something has changed."""
        now = asyncio.get_running_loop().time()
        if self._file is None or states == self._kept or now - self._written < _KEEP:
            return
        self._kept, self._written = states, now
        try:
            await asyncio.to_thread(_write, self._file, states)
        except OSError as error:
            log.warning("presence not remembered", file=str(self._file), error=str(error))

    def _read(self) -> Kept:
        if self._file is None or not self._file.exists():
            return {}
        try:
            found = json.loads(self._file.read_text("utf-8"))
            return {int(device): _known(entry) for device, entry in found.items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            log.warning("presence of the last run not known", file=str(self._file), error=str(error))
            return {}


def _known(entry: object) -> tuple[KnownPresence, bool]:
    """`[state, number, births are retained]`; `true` and `false` in files of the first release."""
    if isinstance(entry, bool):
        return KnownPresence(ONLINE if entry else OFFLINE, 1), False
    if not isinstance(entry, list) or [type(part) for part in entry] != [str, int, bool]:
        raise ValueError(f"no presence: {entry!r}")
    state, number, retained = entry
    return KnownPresence(state, number), retained


def _write(file: Path, states: Kept) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_synced(file, {device: [known.state, known.number, kept] for device, (known, kept) in states.items()})
