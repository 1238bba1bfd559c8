"""Judgements on the state of one part each. Pure: they take numbers and times (µs) and return the problem, None =
none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.domain.byte_size import format_size
from gateway.domain.clocks import BUILT
from gateway.domain.duration import HOUR, MINUTE, SECOND, iso
from gateway.domain.errors import Problem, StoreError, StoreFull, StoreRejected
from gateway.domain.language_values import DurationText, Phrase
from gateway.domain.record import ClockStep
from gateway.domain.refused_text import RefusedText

LOW = 2
"""Multiple of the floor below which the disk is low."""
CLAMPED_SHARE, CLAMPED_LEAST = 0.5, 10
"""Share, and least number, of readings with an impossible time that indicate a wrong clock."""
FOR_ALL = "store.why."
"""Errors of stores whose text names no address."""
SHOWN = HOUR
"""Time for which a step of the clock is shown."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A problem of a part. `vital`: the gateway is not ready. `logged`: the part that found it logs it itself.

    `phrase` may change between looks (a number, a time); `phrase.key` identifies the problem.
    """

    phrase: Phrase
    vital: bool = False
    logged: bool = False


@dataclass(frozen=True, slots=True)
class HealthState:
    """Problems at one moment; parts in order are left out. `sources`, `endpoints` and `stores` of readings by name,
    `parts`: disk, clock, rules, configuration, texts."""

    parts: Mapping[str, Trouble] = field(default_factory=dict)
    sources: Mapping[str, Trouble] = field(default_factory=dict)
    endpoints: Mapping[str, Trouble] = field(default_factory=dict)
    stores: Mapping[str, Trouble] = field(default_factory=dict)
    free: int = 0
    """Free bytes on the disk of the data folder."""
    floor: int = 0
    """Free bytes below which the journal does not grow."""
    clamped: float = 0.0
    """Share of the newest readings whose time was impossible."""

    @property
    def ready(self) -> bool:
        """Nothing vital is wrong."""
        every = (*self.parts.values(), *self.sources.values(), *self.endpoints.values(), *self.stores.values())
        return not any(trouble.vital for trouble in every)


def disk(free: int, floor: int) -> Trouble | None:
    """At the floor the journal stops growing: new messages are refused once it has no free room inside."""
    if free <= floor:
        return Trouble(Phrase("ready.disk_floor", {"free": format_size(free), "floor": format_size(floor)}), vital=True)
    if free < LOW * floor:
        return Trouble(Phrase("ready.disk_low", {"free": format_size(free), "floor": format_size(floor)}))
    return None


@dataclass(frozen=True, slots=True)
class Clocks:
    """State of the gateway's own clock: `behind` the journal by µs while `suspect`; the last step, seen at
    `stepped`; `clamped` of the recent `readings` had an impossible event time."""

    now: int
    behind: int = 0
    suspect: bool = False
    step: ClockStep | None = None
    stepped: int = 0
    clamped: int = 0
    readings: int = 0

    @property
    def share(self) -> float:
        """Share of readings with an impossible time, 0 to 1."""
        return self.clamped / self.readings if self.readings else 0.0


def clock(state: Clocks) -> Trouble | None:
    """The most serious problem of the clock."""
    if state.suspect and state.behind > 0:
        whole = -(-state.behind // SECOND) * SECOND
        return Trouble(Phrase("api.clock.behind", {"behind": DurationText(whole)}))
    if state.now < BUILT:
        return Trouble(Phrase("ready.clock_unset", {"now": iso(state.now)}))
    if state.readings >= CLAMPED_LEAST and state.share >= CLAMPED_SHARE:
        fields = {"share": round(100 * state.share), "count": state.readings, "now": iso(state.now)}
        return Trouble(Phrase("ready.clock_clamps", fields))
    if state.step is not None and 0 <= state.now - state.stepped < SHOWN:
        fields = {"before": iso(state.step.frm), "now": iso(state.step.to)}
        return Trouble(Phrase("ready.clock_set", fields), logged=True)
    return None


def rules(broken: Sequence[str], most: int = 10) -> Trouble | None:
    """Problem of rules that do not compile."""
    if not broken:
        return None
    more = f" +{len(broken) - most}" if len(broken) > most else ""
    return Trouble(Phrase("ready.rules_broken", {"names": ", ".join(sorted(broken)[:most]) + more}))


def configuration(problems: Sequence[Problem], since: int, at_start: Sequence[str]) -> Trouble | None:
    """Problem of files that could not be loaded since `since` µs, or of keys that take effect at the next start."""
    phrases: list[Phrase] = []
    if problems:
        place = f"{Path(problems[0].file).name}:{problems[0].line}"
        fields = {"count": len(problems), "place": place, "since": iso(since)}
        phrases.append(Phrase("ready.files_wrong", fields))
    if at_start:
        phrases.append(Phrase("ready.at_start", {"keys": ", ".join(at_start)}))
    if not phrases:
        return None
    phrase = phrases[0] if len(phrases) == 1 else Phrase("ready.both", {"one": phrases[0], "other": phrases[1]})
    return Trouble(phrase, logged=True)


def texts(refused: Sequence[RefusedText]) -> Trouble | None:
    """Problem of state texts that were refused and not cleared since."""
    if not refused:
        return None
    fields = {
        "count": sum(one.count for one in refused),
        "devices": len({one.device for one in refused}),
        "points": len({(one.profile, one.point) for one in refused}),
    }
    return Trouble(Phrase("ready.texts_refused", fields), logged=True)


def store(error: BaseException | None, waiting: int, missed: int, pressed: bool) -> Trouble | None:
    """Problem of a store of readings: `waiting` records of the journal are not in it yet, `missed` must come from the
    first store, `pressed`: the journal has begun to delete them. The task that writes the store logs that it is
    down."""
    if missed:
        return Trouble(Phrase("ready.store_missed", {"count": missed}), logged=True)
    if pressed:
        return Trouble(Phrase("ready.store_pressed", {"count": waiting}))
    if error is not None:
        return Trouble(Phrase("ready.store_down", {"why": why(error), "count": waiting}), logged=True)
    return None


def why(error: BaseException) -> Phrase:
    """Reason why a store fails, without addresses and paths, as anyone may read it."""
    if isinstance(error, StoreError) and error.key.startswith(FOR_ALL):
        return Phrase(error.key, error.fields)
    if isinstance(error, StoreRejected):
        return Phrase("ready.why.rejected")
    return Phrase("ready.why.full" if isinstance(error, StoreFull) else "store.why.away")


def silence(connected: int, newest: int | None, after: int, now: int) -> Trouble | None:
    """Problem of a source connected since `connected` whose newest message came at `newest` (None = none yet), if
    that is more than `after` µs ago."""
    since = now - (connected if newest is None else max(newest, connected))
    if not after or since < after:
        return None
    key = "source.unheard" if newest is None else "source.silent"
    return Trouble(Phrase(key, {"since": DurationText(since // MINUTE * MINUTE)}))
