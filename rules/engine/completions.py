"""When the work of plans was done (RULES section 5, `due`, `every`): it outlives edits of the rule."""

import msgspec
from msgspec import Struct

from gateway.domain.record import Closed, CycleDone

KEPT = 4
"""Completions that are remembered for each rule and thing."""
Key = tuple[str, int, int]


class Completion(Struct, frozen=True):
    """`told` µs: the record that says so."""

    told: int
    fact: CycleDone

    @property
    def done(self) -> int:
        """When the work was done, µs: not after it was told."""
        return min(self.told, self.fact.at or self.told)


class Completions:
    """Of every plan on every thing the newest, by rule, device and component."""

    def __init__(self) -> None:
        self._kept: dict[Key, list[Completion]] = {}

    def add(self, told: int, fact: CycleDone) -> None:
        """The work was done, as a record at `told` µs says."""
        kept = self._kept.setdefault((fact.rule, fact.device, fact.component), [])
        kept.append(Completion(told, fact))
        del kept[:-KEPT]

    def of(self, rule: str, device: int, component: int, until: int) -> list[Completion]:
        """Those of a rule on a thing that were told before `until` µs, the newest last."""
        return [one for one in self._kept.get((rule, device, component), ()) if one.told < until]

    def of_rule(self, rule: str) -> list[tuple[int, CycleDone]]:
        """(told, fact) of all things of a rule."""
        return [(one.told, one.fact) for key, kept in self._kept.items() if key[0] == rule for one in kept]

    def settled(self, closed: Closed) -> bool:
        """Was the work of this order done? Then its end says nothing more to the plan."""
        kept = self._kept.get((closed.rule, closed.device, closed.component), ())
        return any(one.fact.order and one.fact.order == closed.order for one in kept)

    def state(self) -> bytes:
        """For the snapshot."""
        return msgspec.msgpack.encode(list(self._kept.values())) if self._kept else b""

    def load(self, blob: bytes) -> None:
        """The inverse of `state`."""
        found = msgspec.msgpack.decode(blob, type=list[list[Completion]]) if blob else []
        self._kept = {(kept[0].fact.rule, kept[0].fact.device, kept[0].fact.component): kept for kept in found}
