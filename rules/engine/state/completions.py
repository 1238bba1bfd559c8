"""When the work of plans was done, or closed without it (RULES section 5, `due`, `every`): it outlives edits."""

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.record import Closed, CycleDone
from rules.compiled import Rule

KEPT = 4
"""Completions that are remembered for each rule and thing."""
Key = tuple[str, int, int]


class Completion(Struct, frozen=True):
    """`known_at` µs: the record with the fact."""

    known_at: int
    fact: CycleDone

    @property
    def done(self) -> int:
        """When the work was done, µs: not after it was known."""
        return min(self.known_at, self.fact.at or self.known_at)


class CompletionsState(Struct, frozen=True, array_like=True):
    """`done`: of each plan on a thing, the newest last. `closed`: key -> (known_at µs, dates or terms)."""

    done: list[list[Completion]] = []
    closed: list[tuple[Key, tuple[int, str]]] = []


class Completions:
    """Of every plan on every thing the newest, by rule, device and component; and when an order was closed without the
    work, by whose dates or terms: those of another meaning are none.
    """

    def __init__(self) -> None:
        self._kept: dict[Key, list[Completion]] = {}
        self._closed: dict[Key, tuple[int, str]] = {}

    def add(self, known_at: int, fact: CycleDone) -> None:
        """The work was done, known from a record at `known_at` µs."""
        kept = self._kept.setdefault((fact.rule, fact.device, fact.component), [])
        kept.append(Completion(known_at, fact))
        del kept[:-KEPT]

    def close(self, known_at: int, rule: Rule, device: int, component: int) -> None:
        """The order of a plan that was raised on a thing was closed at `known_at` µs, and nothing was done."""
        self._closed[rule.id, device, component] = known_at, rule.condition.plan_meaning()

    def closed(self, rule: Rule, device: int, component: int, until: int) -> int:
        """When that was last, µs, if it was known by `until` µs; 0 = never, or of other dates or terms."""
        known_at, meaning = self._closed.get((rule.id, device, component), (0, ""))
        return known_at if known_at <= until and meaning == rule.condition.plan_meaning() else 0

    def of(self, rule: str, device: int, component: int, until: int) -> list[Completion]:
        """Those of a rule on a thing that were known before `until` µs, the newest last."""
        return [one for one in self._kept.get((rule, device, component), ()) if one.known_at < until]

    def of_rule(self, rule: str) -> list[tuple[int, CycleDone]]:
        """(known_at, fact) of all things of a rule."""
        return [(one.known_at, one.fact) for key, kept in self._kept.items() if key[0] == rule for one in kept]

    def step_back(self, to: int) -> None:
        """The clock was set back to `to` µs: nothing was known later."""
        for key, kept in self._kept.items():
            self._kept[key] = [replace(one, known_at=min(one.known_at, to)) for one in kept]
        self._closed = {key: (min(known_at, to), meaning) for key, (known_at, meaning) in self._closed.items()}

    def settled(self, closed: Closed) -> bool:
        """True if the work of this order was done: then its end means nothing more to the plan."""
        kept = self._kept.get((closed.rule, closed.device, closed.component), ())
        return any(one.fact.order and one.fact.order == closed.order for one in kept)

    def state(self) -> CompletionsState:
        """For the snapshot, or for another engine: nothing in it is shared."""
        return CompletionsState([list(kept) for kept in self._kept.values()], list(self._closed.items()))

    def load(self, state: CompletionsState) -> None:
        """The inverse of `state`."""
        self._kept = {(kept[0].fact.rule, kept[0].fact.device, kept[0].fact.component): kept for kept in state.done}
        self._closed = dict(state.closed)
