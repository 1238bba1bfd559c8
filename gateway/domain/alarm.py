"""Alarms as the engine makes them: transitions with their evidence."""

from enum import IntEnum, StrEnum

import msgspec
from msgspec import Struct

from gateway.domain.text import Lang


class Level(IntEnum):
    """Ordered severities, everywhere: notice < minor < major < critical."""

    NOTICE = 1
    MINOR = 2
    MAJOR = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        """Name as in rule files: `major`."""
        return self.name.lower()


class Change(StrEnum):
    """Effect of a transition on an alarm (RULES section 5)."""

    RAISED = "raised"
    LEVEL_UP = "level_up"
    LEVEL_DOWN = "level_down"
    CLEARED = "cleared"
    WITHDRAWN = "withdrawn"
    MERGED = "merged"  # a note, no change of state: this alarm is part of its parent's episode (`parent`)


class Thing(Struct, frozen=True, order=True):
    """Subject of one alarm: a component of a device (0 = the device itself), or a group (device 0)."""

    device: int
    component: int = 0
    group: str = ""


class ReadingSeen(Struct, frozen=True):
    """A reading in evidence. `value` is a number in `unit`, or the text of a state; times are µs."""

    point: str
    value: float | str | None
    unit: str
    at: int
    received: int
    quality: int


class SignalSeen(Struct, frozen=True):
    """A `let` signal in evidence: its value over [start, end) µs; None = unknown. `made`: how the rule defines it."""

    name: str
    value: float | None
    unit: str
    start: int = 0
    end: int = 0
    coverage: float = 1.0
    made: str = ""


class ThresholdSeen(Struct, frozen=True):
    """A number the condition compared with, canonical unit; its origin: `rule`, `attr device temp_trip`, `default`."""

    value: float
    unit: str
    origin: str


class MemberSeen(Struct, frozen=True):
    """Member of a group that voted or was counted. `device` is its code; `component` 0 = the whole device.

    `since` µs is the time its vote became true, 0 = it was counted in an aggregate. `readings` are its readings, those
    of a component as `2.status`, or the value of its signal.
    """

    device: str
    component: int
    since: int
    readings: tuple[ReadingSeen, ...] = ()


class Evidence(Struct, frozen=True):
    """Evidence of a decision: the values the engine used. `condition` is the text of the true condition.

    Of a group: `members` are those that voted, earliest vote first, or those whose readings an aggregate counted, most
    decisive first. `others` is the number of members not listed. `sentence_en`, `sentence_zh`: the evidence as one
    sentence, "" = an alarm from a release without sentences.
    """

    condition: str = ""
    readings: tuple[ReadingSeen, ...] = ()
    signals: tuple[SignalSeen, ...] = ()
    thresholds: tuple[ThresholdSeen, ...] = ()
    members: tuple[MemberSeen, ...] = ()
    others: int = 0
    sentence_en: str = ""
    sentence_zh: str = ""

    def sentence_in(self, lang: Lang) -> str:
        """The sentence in `lang`."""
        return self.sentence_zh if lang == "zh" else self.sentence_en


class OrderPlan(Struct, frozen=True):
    """`then.order` with its expressions evaluated. Durations are µs; `fault` defaults to the rule id."""

    type: str
    fault: str
    skill: str = ""
    sla: str = ""
    assign: str = ""
    after: int = 0
    reopen_within: int = 0
    cooldown: int = 0
    batch_by: str = ""
    batch_every: int = 0


class NoticePlan(Struct, frozen=True):
    """`then.notice`. `audience` and `template` name things of the configuration; `remind` µs (0 = once)."""

    audience: str
    template: str
    klass: str = "service"
    remind: int = 0
    max: int = 1


class AlarmPlan(Struct, frozen=True):
    """Effects a rule requests for a raised alarm. `why` is English; `why_zh` "" = the rule has it in one language
    only."""

    title_en: str
    title_zh: str
    why: str = ""
    order: OrderPlan | None = None
    notice: NoticePlan | None = None
    why_zh: str = ""

    def why_in(self, lang: Lang) -> str:
        """The `why` in `lang`."""
        return self.why_zh or self.why if lang == "zh" else self.why


class Parent(Struct, frozen=True):
    """The alarm whose episode a merged one belongs to."""

    rule: str
    thing: Thing
    identity: tuple[str, ...] = ()


class Transition(Struct, frozen=True):
    """One change of one alarm. (partition, seq, ordinal) is its identity: unique for ever, the same on replay.

    `at` event time, `decided` engine time, µs. `level` is the level after the change (of a clear: the last one).
    `live` is False for a rule in shadow mode: recorded, never delivered.

    `count`: raises, multiples or matches it stands for · `unstable`: a flapping alarm · `stale`: the event
    is older than the rule's `stale_after`, a record only · `muted`: outside the rule's `active`, no notice ·
    `held_until` µs: orders and notices wait (`quiet`), 0 = not · `limited`: the limit it exceeds (`alarms_per_rule`,
    `orders_per_site`), "" = none: joins the storm parent · `parent` of a MERGED: rule and thing · `episode` µs: this is
    about the past episode that was raised then (a re-evaluation found it, ended it or withdrew it), independent of the
    present alarm; 0 = the present alarm.
    """

    partition: int
    seq: int
    ordinal: int
    change: Change
    rule: str
    revision: str
    tenant: str
    thing: Thing
    level: Level
    at: int
    decided: int
    plan: AlarmPlan
    evidence: Evidence = Evidence()
    identity: tuple[str, ...] = ()
    reason: str = ""
    late: bool = False
    imported: bool = False
    suspect: bool = False
    live: bool = True
    count: int = 1
    unstable: bool = False
    stale: bool = False
    muted: bool = False
    held_until: int = 0
    limited: str = ""
    parent: Parent | None = None
    episode: int = 0

    @property
    def id(self) -> str:
        """`0-1042-1`: partition, sequence, ordinal."""
        return f"{self.partition}-{self.seq}-{self.ordinal}"


class AlarmChange(Struct, frozen=True):
    """One transition in the history of its alarm. `id` is the transition's, `alarm` that of the episode.

    Times µs; `reason` as in Transition; `evidence` bounded like that of the alarm.
    """

    id: str
    tenant: str
    alarm: str
    change: Change
    level: Level
    at: int
    decided: int
    reason: str
    late: bool
    count: int
    evidence: Evidence


_encoder = msgspec.json.Encoder()


def canonical(transition: Transition) -> bytes:
    """The bytes that replay must reproduce exactly."""
    return _encoder.encode(transition)
