"""What a rule decided without a reading, and what has to be decided again because of a reading that came later."""

from collections.abc import Callable

from rules.engine.state.reevaluations import Reevaluations
from rules.engine.state.thing_table import ThingTable


class Decided:
    """`until`: row -> µs of the newest change that a tick or a fact decided, until a newer reading comes.

    `noted` is called with the row whenever that changes; `ignored`: readings put everything right at once, so that
    nothing is kept.
    """

    def __init__(self, rule: str, space: ThingTable, reevaluations: Reevaluations) -> None:
        self.rule, self.space, self.reevaluations = rule, space, reevaluations
        self.until: dict[int, int] = {}
        self.ignored = False
        self.noted: Callable[[int], None] | None = None

    def note(self, thing: int, at: int) -> None:
        """A tick or a fact decided about the thing, as of `at` µs, with the readings there were."""
        if self.ignored:
            return
        self.until[thing] = max(at, self.until.get(thing, at))
        if self.noted is not None:
            self.noted(thing)

    def take_row(self, thing: int, other: "Decided", row: int) -> None:
        """The thing is row `row` of the same rule in another engine."""
        self.until.pop(thing, None)
        if row in other.until:
            self.until[thing] = other.until[row]

    def overtaken(self, thing: int, t: int, *, moment: bool = False) -> bool:
        """True if a reading of the thing at `t` µs is no newer than what was decided without it, or a `moment` older.

        Then the rule is not judged by it here: it is evaluated again later, with all readings in order (RULES 5).
        """
        until = self.until.get(thing)
        if until is None:
            return False
        if moment:
            return t < until
        if t > until:
            del self.until[thing]
            return False
        self.reevaluate(thing, t)
        return True

    def reevaluate(self, thing: int, since: int) -> None:
        """What this rule decided about the thing at or after `since` µs has to be decided again."""
        place = self.space.things[thing]
        subject = place.device if place.device > 0 else (self.rule, place.group)
        self.reevaluations.add(subject, self.rule, since)

    def reevaluate_later(self, thing: int, since: int, until: int) -> None:
        """The same of a thing that is compared with others, once engine time is `until` µs."""
        self.reevaluations.add_later(self.space.things[thing].device, self.rule, since, until)

    def reevaluate_soon(self, thing: int, since: int) -> None:
        """The same of a thing alone that is compared with others, not more often than once a minute."""
        self.reevaluations.add_soon(self.space.things[thing].device, self.rule, since)
