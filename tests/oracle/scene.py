"""What the generators make: a rule and its devices in a neutral form, that both sides can read.

The product gets it as YAML (`yaml_text`), the reference as it is. Times are µs since the start of the case.
Expressions are nested tuples, see `reference/expressions.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Expr = tuple[Any, ...]
SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
EPOCH_2026 = 1_767_225_600 * SECOND
"""2026-01-01T00:00:00Z, µs since 1970: where a case begins that says nothing else."""
LEVELS = ("notice", "minor", "major", "critical")


@dataclass(frozen=True)
class PointDef:
    """A point of the profile. `every` 0 = reported on change; `values` are the texts of a state; `each`: of every
    component; its readings are named `#2.x`.
    """

    kind: str = "gauge"
    every: int = 10 * SECOND
    values: tuple[str, ...] = ()
    rollover: float = 0.0
    reset: str = "swap"
    resolution: float = 0.0
    each: bool = False


@dataclass(frozen=True)
class LevelDef:
    """One level of a threshold rule. `gap` None = the default."""

    level: str
    when: Expr
    hold: int = 0
    gap: int | None = None
    clear: Expr | None = None
    clear_hold: int = 0
    auto_clear: bool = True


@dataclass(frozen=True)
class SignalDef:
    """A signal of `let`: `operator` of `of` (a point, or the predicate of a share), and its other keys."""

    operator: str
    of: Any
    over: int = 0
    per: str = ""
    coverage: float | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RuleDef:
    """A rule. `form` names the condition, `keys` its own keys; `levels` are those of `when` and `levels`.

    `group`: one alarm for all devices of an attribute `g`, whose conditions are quorums and aggregates; `components` of
    each of them. `pace`: its points speak so many
    times slower than every 10 s.
    """

    form: str
    points: Mapping[str, PointDef]
    levels: tuple[LevelDef, ...] = ()
    keys: Mapping[str, Any] = field(default_factory=dict)
    let: Mapping[str, SignalDef] = field(default_factory=dict)
    clear: Expr | None = None
    unless: Expr | None = None
    lateness: int = 0
    missing: int = 0
    downtime: str = "pause"
    pace: float = 1.0
    group: bool = False
    components: int = 0


@dataclass(frozen=True)
class Message:
    """One message of a device: its values are applied together. A value None is bad; a text is a state."""

    at: int
    received: int
    values: Mapping[str, float | str | None]


@dataclass(frozen=True)
class DeviceDef:
    """A device with its messages in the order in which they are written (ties of `received` keep it)."""

    messages: tuple[Message, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FactDef:
    """A fact from the desk about one device: `what` is unlatch, closed, cycle, set; `value` what it carries."""

    at: int
    device: int
    what: str
    value: Any = True


@dataclass(frozen=True)
class SceneDef:
    """A rule, devices that do not know of each other, restarts (at, length) and facts, until the last tick.

    `mode` says what is compared: `exact` every transition; `standing` the episodes that stand in the end; `covered`
    that they are the right ones, be it with another begin or end; `waited` the latter around a down-time, else the
    former.
    """

    rule: RuleDef
    devices: tuple[DeviceDef, ...]
    until: int
    restarts: tuple[tuple[int, int], ...] = ()
    facts: tuple[FactDef, ...] = ()
    start: int = EPOCH_2026
    zone: str = "UTC"
    mode: str = "exact"
    kind: str = ""

    @property
    def cases(self) -> int:
        """How many alarms are compared: one per device, or per group."""
        return len(self.groups) if self.rule.group else len(self.devices)

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups, in the order of their first members."""
        return tuple(dict.fromkeys(str(one.attrs["g"]) for one in self.devices))


@dataclass(frozen=True)
class Said:
    """A transition: `what` is raised, level_up, level_down, cleared."""

    at: int
    what: str
    level: str
    identity: tuple[str, ...] = ()
    count: int = 1


@dataclass(frozen=True)
class Episode:
    """From a raise to its end (None = open). `levels` are (at, level), the first of them the raise."""

    levels: tuple[tuple[int, str], ...]
    end: int | None
    identity: tuple[str, ...] = ()

    @property
    def begin(self) -> int:
        """When it was raised."""
        return self.levels[0][0]
