"""What devices taught by refusing requests, over restarts: one small file for a source.

It holds for the registers, limits and address it was learned with; after a change of these it is forgotten.
"""

import json
from collections.abc import Mapping
from hashlib import blake2s
from pathlib import Path
from typing import Any

import structlog

from gateway.domain.error_reasons import reason
from gateway.durable import replace_synced
from protocols.modbus.plan import NOTHING, Learned, RegisterSpan
from protocols.modbus.register_table import RegisterTable

log: structlog.stdlib.BoundLogger = structlog.get_logger("modbus")


def fingerprint(*parts: object) -> str:
    """A short digest: the same for the same values."""
    return blake2s(repr(parts).encode(), digest_size=8).hexdigest()


def to_json(learned: Learned) -> dict[str, Any]:
    """As the file has it."""
    return {
        "caps": sorted([unit, table.value, most] for (unit, table), most in learned.caps),
        "cuts": sorted([unit, table.value, address] for (unit, table), address in learned.cuts),
        "holes": sorted([one.unit, one.table.value, one.address, one.count] for one in learned.holes),
    }


def from_json(raw: Mapping[str, Any]) -> Learned:
    """The inverse. Raises KeyError, TypeError, ValueError for anything else."""
    return Learned(
        frozenset(((int(unit), RegisterTable(table)), int(most)) for unit, table, most in raw["caps"]),
        frozenset(((int(unit), RegisterTable(table)), int(address)) for unit, table, address in raw["cuts"]),
        frozenset(
            RegisterSpan(RegisterTable(table), int(address), int(count), int(unit))
            for unit, table, address, count in raw["holes"]
        ),
    )


class LearnedLimits:
    """By device code. `file` None: they last as long as the process. A file that cannot be read is as good as none."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._known: dict[str, tuple[str, Learned]] = {}
        self._changed = False
        if file is not None:
            self._load(file)

    def _load(self, file: Path) -> None:
        try:
            for code, one in json.loads(file.read_text("utf-8")).items():
                self._known[code] = str(one["of"]), from_json(one)
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("learned limits cannot be read and are learned again", file=str(file), reason=reason(error))

    def of(self, code: str, key: str) -> Learned:
        """What was learned of a device with this fingerprint."""
        known, learned = self._known.get(code, ("", NOTHING))
        return learned if known == key else NOTHING

    def keep(self, code: str, key: str, learned: Learned) -> None:
        """Replace what is known of a device; `save` writes it."""
        if self.of(code, key) == learned:
            return
        self._changed = True
        if learned == NOTHING:
            self._known.pop(code, None)
        else:
            self._known[code] = key, learned

    def save(self) -> None:
        """Write the file if anything changed, which is rare. A disk that refuses costs a line in the log: all is
        learned again."""
        if not self._changed or self._file is None:
            return
        self._changed = False
        value = {code: {"of": key} | to_json(one) for code, (key, one) in self._known.items()}
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_synced(self._file, value)
        except OSError as error:
            log.warning("learned limits are not on disk", file=str(self._file), reason=reason(error))
