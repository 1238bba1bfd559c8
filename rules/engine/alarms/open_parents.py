"""Open alarms of the rules that others are inhibited by, found by the place they share."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gateway.domain.alarm import Change, Thing
from rules.compiled import Rule
from rules.engine.alarms.place import place_of
from rules.engine.state.fleet import Fleet
from rules.engine.state.thing_table import LONG_AGO
from rules.engine.transitions import AlarmKey, PendingTransition

Same = tuple[str, ...]
Place = tuple[str, ...]
Who = tuple[Thing, tuple[str, ...]]


@dataclass(slots=True)
class OpenParent:
    """An alarm whose condition is on since `at` µs, and where it was then, for every `same` in use."""

    at: int
    places: dict[Same, Place] = field(default_factory=dict)


class OpenParents:
    """The condition decides: a parent that is held, merged or unstable itself is a parent all the same."""

    def __init__(self, world: Fleet) -> None:
        self.world = world
        self.uses: dict[str, dict[Same, int]] = {}
        self.open: dict[str, dict[Who, OpenParent]] = {}
        self._at: dict[tuple[str, Same, Place], dict[Who, OpenParent]] = {}

    # --- which rules are parents
    def use(self, rule: str, same: Same) -> bool:
        """One more rule is inhibited by `rule`; True when `rule` was no parent before."""
        uses = self.uses.setdefault(rule, {})
        uses[same] = uses.get(same, 0) + 1
        return len(uses) == 1 and uses[same] == 1

    def fit(self, rule: Rule, same: Same) -> None:
        """Find the place by `same` of the open alarms of `rule` that have none yet."""
        for who, alarm in self.open.get(rule.id, {}).items():
            if same not in alarm.places:
                self._place(rule, who, alarm, same)

    def unuse(self, rule: str, same: Same) -> None:
        """One rule less."""
        uses = self.uses[rule]
        uses[same] -= 1
        if not uses[same]:
            del uses[same]
        if not uses:
            del self.uses[rule]
            for who in list(self.open.get(rule, ())):
                self._remove(rule, who)

    def seed(self, rule: Rule, alarms: Iterable[Who]) -> None:
        """Alarms of `rule` that were on before it was a parent."""
        for who in alarms:
            self._add(rule, who, LONG_AGO)

    # --- their alarms
    def note(self, made: PendingTransition) -> None:
        """The condition of a parent changed."""
        who = made.thing, made.identity
        if made.change is Change.RAISED:
            self._remove(made.rule.id, who)
            self._add(made.rule, who, made.at)
        elif made.change in (Change.CLEARED, Change.WITHDRAWN):
            self._remove(made.rule.id, who)

    def step_back(self, to: int) -> None:
        """The clock was set back to `to` µs: no alarm is on since later."""
        for alarms in self.open.values():
            for alarm in alarms.values():
                alarm.at = min(alarm.at, to)

    def since(self, key: AlarmKey) -> int:
        """When an open alarm was raised, µs; long ago when it is not known."""
        alarm = self.open.get(key[0], {}).get(key[1:])
        return alarm.at if alarm is not None else LONG_AGO

    def drop(self, rule: str) -> list[AlarmKey]:
        """The rule is gone, or starts again: its alarms that were open."""
        gone: list[AlarmKey] = [(rule, *who) for who in self.open.get(rule, ())]
        for _, thing, identity in gone:
            self._remove(rule, (thing, identity))
        return gone

    def find(self, rule: str, same: Same, place: Place, latest: int) -> AlarmKey | None:
        """The first open alarm of `rule` at this place that was on at `latest` µs."""
        for who, alarm in self._at.get((rule, same, place), {}).items():
            if alarm.at <= latest:
                return rule, *who
        return None

    def places(self, key: AlarmKey) -> Iterator[tuple[Same, Place]]:
        """Where an open alarm is."""
        alarm = self.open.get(key[0], {}).get(key[1:])
        return iter(alarm.places.items() if alarm is not None else ())

    def load(self, rule: str, who: Who, at: int, places: Iterable[tuple[Same, Place]]) -> None:
        """Put back an alarm of a snapshot."""
        alarm = OpenParent(at, dict(places))
        self.open.setdefault(rule, {})[who] = alarm
        for same, place in alarm.places.items():
            self._at.setdefault((rule, same, place), {})[who] = alarm

    def _add(self, rule: Rule, who: Who, at: int) -> None:
        alarm = self.open.setdefault(rule.id, {})[who] = OpenParent(at)
        for same in sorted(self.uses.get(rule.id, ())):
            self._place(rule, who, alarm, same)

    def _place(self, rule: Rule, who: Who, alarm: OpenParent, same: Same) -> None:
        place = place_of(self.world, rule, who[0], same)
        if place is not None:
            alarm.places[same] = place
            self._at.setdefault((rule.id, same, place), {})[who] = alarm

    def _remove(self, rule: str, who: Who) -> None:
        alarms = self.open.get(rule, {})
        alarm = alarms.pop(who, None)
        if alarm is None:
            return
        if not alarms:
            del self.open[rule]
        for same, place in alarm.places.items():
            bucket = self._at[rule, same, place]
            del bucket[who]
            if not bucket:
                del self._at[rule, same, place]
