"""Open requests for history of devices and groups, and the readings that arrive until they are answered."""

import numpy as np
from msgspec import Struct

from gateway.domain.reading import Batch, decode_batch, encode_batch
from gateway.domain.record import Closed, CycleDone, MeterExchanged, Unlatch
from gateway.domain.regroup import reframed
from rules.engine.late.history_answers import MOST_ROWS
from rules.engine.state.reevaluations import Subject
from rules.engine.state.thing_table import NEVER

FACTS_KEPT = 64
"""Facts of the desk that are remembered for each device or group."""
FactOf = Unlatch | Closed | CycleDone | MeterExchanged
Owner = int | str
"""A device, or the name of a group."""


class OpenRequest(Struct):
    """A device or group is judged again from `since` on; history is wanted from `start` on; readings after record
    `seq`.

    `devices`: those of the group. `rules`: those of a device that are judged again, none = all. `again` µs: the oldest
    late reading of a member since then. kept: (record, engine time µs, encoded batch).
    """

    seq: int
    since: int
    start: int
    rows: int = 0
    kept: list[tuple[int, int, bytes]] = []
    devices: tuple[int, ...] = ()
    rules: tuple[str, ...] = ()
    again: int = NEVER

    def about(self, rule: str) -> bool:
        """True if this rule is judged again."""
        return not self.rules or rule in self.rules

    def after(self, seq: int) -> list[tuple[int, Batch]]:
        """(engine time, batch) of what came after record `seq`."""
        return [(now, decode_batch(blob)) for number, now, blob in self.kept if number > seq]


class RequestsState(Struct, frozen=True, array_like=True):
    """`open`: request by subject; `facts` of the desk: (record time µs, fact) by device or group."""

    open: list[tuple[Subject, OpenRequest]] = []
    facts: list[tuple[Owner, list[tuple[int, FactOf]]]] = []


class HistoryRequests:
    """The open requests by subject, and the facts by device or group that their re-evaluation needs.

    `exchanges_ahead`: exchanges of meters by device that are later than all readings of the device.
    """

    def __init__(self) -> None:
        self._fresh: dict[Subject, None] = {}
        self.open: dict[Subject, OpenRequest] = {}
        self.facts: dict[Owner, list[tuple[int, FactOf]]] = {}
        self.exchanges_ahead: dict[int, list[MeterExchanged]] = {}

    def covers(self, subject: Subject, since: int, rules: tuple[str, ...] = ()) -> bool:
        """True if it is requested already: then the reading is in the history that comes, or in what is kept."""
        before = self.open.get(subject)
        if before is None or before.since > since:
            return False
        if before.devices:
            before.again = min(since, before.again)
        return not before.rules or (bool(rules) and set(rules) <= set(before.rules))

    def ask(
        self,
        seq: int,
        subject: Subject,
        since: int,
        reach: int,
        devices: tuple[int, ...] = (),
        rules: tuple[str, ...] = (),
    ) -> None:
        """Open a request, or widen it: `subject` at or after `since` was decided without a reading that is there now.

        The `rules` that decided (none = all) look back by `reach` µs; `devices`: those of a group.
        """
        before = self.open.get(subject)
        self._fresh[subject] = None
        start = max(0, since - reach)
        if before is None:
            self.open[subject] = OpenRequest(seq, since, start, devices=devices, rules=rules)
            return
        before.since = min(since, before.since)
        before.rules = tuple(sorted({*before.rules, *rules})) if before.rules and rules else ()
        if start < before.start or devices != before.devices:
            # an answer under way begins too late, or lacks a device
            before.start, before.seq, before.devices = min(start, before.start), seq, devices

    def take_new(self) -> list[Subject]:
        """The subjects asked about since the last call."""
        if not self._fresh:
            return []
        fresh, self._fresh = list(self._fresh), {}
        return fresh

    def widen(self, subject: Subject, start: int, seq: int) -> None:
        """History is wanted from `start` on, if that is earlier than before."""
        pending = self.open[subject]
        if start < pending.start:
            pending.start, pending.seq = max(0, start), seq

    def keep(self, batch: Batch, seq: int, now: int) -> int:
        """Keep readings of open requests, of record `seq` at engine time `now` µs: the history may have been read
        before.

        Returns the number of requests dropped because they exceed MOST_ROWS.
        """
        if not self.open:
            return 0
        before = len(self.open)
        devices = [one for one, pending in self.open.items() if isinstance(one, int) and not pending.devices]
        hit = batch.select(np.isin(batch.device, np.array(devices, np.int32)))
        for device in np.unique(hit.device).tolist():
            self._keep(device, hit.select(hit.device == device), seq, now)
        for subject, pending in list(self.open.items()):
            if pending.devices:
                mine = np.isin(batch.device, np.array(pending.devices, np.int32))
                self._keep(subject, batch.select(mine), seq, now)
        return before - len(self.open)

    def _keep(self, subject: Subject, mine: Batch, seq: int, now: int) -> None:
        if not len(mine):
            return
        pending = self.open[subject]
        pending.kept.append((seq, now, encode_batch(reframed(mine))))
        pending.rows += len(mine)
        if pending.rows > MOST_ROWS:
            del self.open[subject]

    def answered(self, subject: Subject, seq: int) -> OpenRequest | None:
        """The request that an answer to record `seq` is for, which is closed now; None when there is none."""
        pending = self.open.get(subject)
        if pending is None or seq < pending.seq:
            return None
        del self.open[subject]
        return pending

    def drop(self, rule: str) -> None:
        """Close the requests about groups of this rule: it is gone, or begins anew from history."""
        for subject in [one for one in self.open if isinstance(one, tuple) and one[0] == rule]:
            del self.open[subject]

    def step_back(self, to: int) -> None:
        """The clock was set back to `to` µs: close all requests; no fact is of later."""
        self.open.clear()
        self._fresh.clear()
        for owner, facts in self.facts.items():
            self.facts[owner] = [(min(at, to), fact) for at, fact in facts]

    def note_fact(self, at: int, fact: FactOf) -> None:
        """Keep a fact of the desk about a device or a group."""
        owner = fact.device or (fact.group if isinstance(fact, Unlatch | Closed) else "")
        if owner:
            kept = self.facts.setdefault(owner, [])
            kept.append((at, fact))
            _bound(kept)

    def note_exchange(self, fact: MeterExchanged) -> bool:
        """Keep an exchange at its own moment. True when there was one of the same point and moment, which is gone."""
        kept = self.facts.setdefault(fact.device, [])
        place = (fact.point, fact.at)
        left = [one for one in kept if not isinstance(one[1], MeterExchanged) or (one[1].point, one[1].at) != place]
        ahead = [one for one in self.exchanges_ahead.get(fact.device, []) if (one.point, one.at) != place]
        self.facts[fact.device] = left if fact.undone else sorted([*left, (fact.at, fact)], key=lambda one: one[0])
        self.set_ahead(fact.device, ahead if fact.undone else [*ahead, fact])
        _bound(self.facts[fact.device])
        return len(left) < len(kept)

    def set_ahead(self, device: int, facts: list[MeterExchanged]) -> None:
        """The exchanges of a device that are later than its readings."""
        if facts:
            self.exchanges_ahead[device] = facts
        else:
            self.exchanges_ahead.pop(device, None)

    def state(self) -> RequestsState:
        """For the snapshot."""
        return RequestsState(list(self.open.items()), list(self.facts.items()))

    def load(self, state: RequestsState) -> None:
        """The inverse of `state`."""
        self.open, self.facts = dict(state.open), dict(state.facts)
        self.exchanges_ahead = {}
        for owner, facts in self.facts.items():  # those that readings have passed are dropped with the next reading
            if isinstance(owner, int) and (mine := [one for _, one in facts if isinstance(one, MeterExchanged)]):
                self.exchanges_ahead[owner] = mine


def _bound(kept: list[tuple[int, FactOf]]) -> None:
    """Drop the oldest facts beyond FACTS_KEPT, of exchanges and of the others apart."""
    for exchanges in (True, False):
        some = [one for one in kept if isinstance(one[1], MeterExchanged) is exchanges]
        for one in some[:-FACTS_KEPT]:
            kept.remove(one)
