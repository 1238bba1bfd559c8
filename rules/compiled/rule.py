"""A whole rule, and what holds for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.domain.alarm import NoticePlan, OrderPlan
from rules.compiled.condition import Condition
from rules.compiled.expression import AttrTest, Expression, TextOf
from rules.compiled.signals import Signal
from rules.compiled.timing import Active, Flap, Inhibit, Quorum


@dataclass(frozen=True, slots=True)
class Watch:
    """Which things: profiles of these kinds whose attributes pass; `each` = one alarm per component.

    `group`: one alarm per value of this attribute (site, area, region, customer or any attribute); the watched devices
    are its members.
    """

    kinds: tuple[str, ...]
    each: bool = False
    where: AttrTest | None = field(default=None, compare=False)
    where_text: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Rule:
    """A compiled rule. `revision` is the hash of its meaning; `source` the normalised mapping it was compiled from.

    `title` and `why` hold both languages, `en` and `zh`; a text written once stands for both, no `why` is "" in both.
    `mode` live, shadow or off; `clear_after` µs of silence that clears (0 = missing data never clears);
    `downtime` pause, reset or count; `points` the names it reads; `lateness` µs; `identity` extra texts in the alarm
    key; `stale_after` µs, 0 = never; `unless` vetoes raising, and only that. `order` and `notice` are what every alarm
    asks for; `skill_of` is `then.order.skill` as an expression (`code.skill`); `level` as one: `LevelRule.level_of`.
    """

    id: str
    revision: str
    title: Mapping[str, str]
    why: Mapping[str, str]
    mode: str
    watch: Watch
    signals: tuple[Signal, ...]
    condition: Condition
    points: tuple[str, ...]
    order: OrderPlan | None = None
    notice: NoticePlan | None = None
    clear_after: int = 0
    downtime: str = "pause"
    owner: str = ""
    source: bytes = b""
    lateness: int = 0
    unless: Expression | None = None
    active: Active | None = None
    identity: tuple[TextOf, ...] = ()
    inhibit: Inhibit | None = None
    flap: Flap | None = None
    stale_after: int = 0
    quorums: tuple[Quorum, ...] = ()
    skill_of: TextOf | None = None


@dataclass(frozen=True, slots=True)
class Quiet:
    """Orders and notices of the devices that pass `where` are held from `start` to `end` µs; never those of safety.

    With `zone` "" the times were written with an offset; else `start`, `end` are already in that zone's UTC times.
    """

    where: AttrTest = field(compare=False)
    where_text: str = ""
    start: int = 0
    end: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """`500 per 10m`: at most `count` in any `span` µs."""

    count: int
    span: int


@dataclass(frozen=True, slots=True)
class RulePolicy:
    """What holds for all rules: `quiet` and `limits` of the rule files. `state` bytes, 0 = unlimited."""

    quiet: tuple[Quiet, ...] = ()
    alarms_per_rule: Budget | None = None
    orders_per_site: Budget | None = None
    state: int = 0
    source: bytes = b""
