"""Hazards found on an inspection: each has a rectification and a recheck, and an end. Times are µs since 1970 UTC."""

from dataclasses import dataclass, field
from enum import StrEnum

from msgspec import Struct

from gateway.domain.alarm import Level
from gateway.domain.workorder import Actor


class HazardState(StrEnum):
    """`rectifying`: its rectification order is not resolved · `rechecking`: it is, and the recheck is open · `cleared`:
    a recheck passed · `withdrawn` by a supervisor, with a reason."""

    RECTIFYING = "rectifying"
    RECHECKING = "rechecking"
    CLEARED = "cleared"
    WITHDRAWN = "withdrawn"

    @property
    def ended(self) -> bool:
        """Nothing is left to do."""
        return self in {HazardState.CLEARED, HazardState.WITHDRAWN}


class Hazard(Struct, frozen=True):
    """One hazard; `no` is that of the inspection order and a number: `WO-20261122-00017-H1`.

    `inspection`, `rectification`, `recheck` are ids of orders; `recheck` is the newest ("" = none yet), `rechecks`
    counts them. `passed`: result of the newest recheck, None = none yet. `code`: of the firm's list of hazards.
    """

    tenant: str
    no: str
    inspection: str
    device: int
    code: str
    level: Level
    title_en: str
    title_zh: str
    note: str
    state: HazardState
    rectification: str
    found_at: int
    found_by: str
    recheck: str = ""
    rechecks: int = 0
    passed: bool | None = None
    result_note: str = ""
    ended_at: int | None = None
    ended_by: str = ""
    reason: str = ""


class FoundHazard(Struct, frozen=True):
    """A hazard as an inspector records it on the order `order` (number). `device` 0 = that of the order."""

    order: str
    actor: Actor
    command_id: str
    code: str
    title_en: str
    title_zh: str
    level: Level = Level.MAJOR
    device: int = 0
    note: str = ""
    skill: str = ""
    sla: str = ""


@dataclass(slots=True)
class HazardChanges:
    """Hazards that one transaction writes."""

    hazards: list[Hazard] = field(default_factory=list)
