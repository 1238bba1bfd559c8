"""The alarms of a rule with `identity`: one threshold evaluator for each text that a thing has at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from rules.engine.binding.text_value import TextValue
from rules.engine.conditions.context import EvaluatorContext
from rules.engine.conditions.reporting import Reporter
from rules.engine.conditions.threshold import ThresholdEvaluator
from rules.engine.conditions.threshold_state import G_IDLE, G_OUTSIDE, NAN, HoldsState
from rules.engine.frames.at import At
from rules.engine.frames.batch_view import Bools, Reader
from rules.engine.windows.base import part_of

SLOTS = 64  # alarms of one thing at a time; more are counted only
Texts = tuple[str, ...]


class SlotState(Struct, frozen=True):
    """The texts of a slot by row, and what its evaluator holds besides arrays."""

    texts: list[tuple[int, Texts]]
    holds: HoldsState | None


class TextsState(Struct, frozen=True, tag="texts"):
    """What `TextSlots` hold besides arrays."""

    overflow: int
    slots: list[SlotState]


class TextSlot:
    """The alarms of one text per thing. `owner`: row -> its text. Signals are those of the rule, not its own."""

    def __init__(self, whole: EvaluatorContext) -> None:
        rule = whole.rule
        part = replace(rule, signals=(), identity=())
        context = EvaluatorContext(part, whole.zone, whole.space, whole.common, whole)
        self.owner: dict[int, Texts] = {}
        self.evaluator = ThresholdEvaluator(context, Reporter(context, rule, lambda thing: self.owner.get(thing, ())))
        self.phases, self.machine = self.evaluator.phases, self.evaluator.machine

    def free(self, thing: int) -> None:
        """A thing without an alarm here, or one on its way, has no text."""
        if self.phases.m_gate[thing] in (G_IDLE, G_OUTSIDE):
            self.owner.pop(thing, None)


class IdentityTexts:
    """The `identity` of a rule: the texts by which the alarms of one thing differ."""

    def __init__(self, context: EvaluatorContext) -> None:
        space, world = context.space, context.world
        self._values = [TextValue(text, space, world, context.signal) for text in context.rule.identity]
        self.columns = tuple(column for value in self._values for column in value.columns)
        self.bounds = [bound for value in self._values for bound in value.bounds()]

    def read(self, reader: Reader) -> Texts | None:
        """The present ones; None when one is unknown."""
        found = [value.read(reader) for value in self._values]
        return None if None in found else tuple(text for text in found if text is not None)


class TextSlots:
    """As many as one thing has alarms at a time, at least one. `overflow` counts alarms that found no slot."""

    def __init__(self, whole: EvaluatorContext) -> None:
        self.whole, self.overflow = whole, 0
        self._slots = [self._made()]

    def __iter__(self) -> Iterator[TextSlot]:
        return iter(self._slots)

    def __len__(self) -> int:
        return len(self._slots)

    def _made(self) -> TextSlot:
        slot = TextSlot(self.whole)
        slot.evaluator.context.watched = self.whole.watched
        slot.evaluator.grow()
        return slot

    def add(self) -> TextSlot:
        """One more."""
        slot = self._made()
        slot.evaluator.refresh(range(len(self.whole.space)), self.whole.world.changes, "")
        self._slots.append(slot)
        return slot

    def at_least(self, count: int) -> None:
        """So many, or more."""
        while len(self._slots) < count:
            self.add()

    def take(self, thing: int, texts: Texts) -> TextSlot | None:
        """A slot for a text that is new to the thing; None when all are taken."""
        slot = next((slot for slot in self._slots if thing not in slot.owner), None)
        if slot is None:
            if len(self._slots) == SLOTS:
                self.overflow += 1
                return None
            slot = self.add()
        slot.owner[thing] = texts
        return slot

    # --- judging
    def busy(self) -> Bools:
        """bool[capacity]: things with an alarm, or one on its way."""
        found = np.zeros(len(self.whole.watched), np.bool_)
        for slot in self:
            found |= slot.phases.gate != G_IDLE
        return found

    def judge(
        self,
        here: At,
        texts: Texts | None,
        when: Sequence[float],
        clear: Sequence[float | None],
        known: int | None,
    ) -> None:
        """Judge all texts of a thing at `here.t`. `texts`: the present ones, None = unknown; `when`, `clear`:
        the truths of each level, None = it clears when `when` is false; `known`: see `HoldSteps`.
        """
        thing = here.thing
        mine = next((slot for slot in self if slot.owner.get(thing) == texts), None)
        if texts is not None and mine is None and 1.0 in when:
            mine = self.take(thing, texts)
        for slot in self:
            if thing not in slot.owner:
                continue
            own = when
            if slot is not mine:
                own = [0.0 if texts is not None or truth == 0.0 else NAN for truth in when]
            ends = [1.0 - truth if ends is None else ends for ends, truth in zip(clear, own, strict=True)]
            slot.machine.judge(here, own, ends, reading=known is None, known=known)
            slot.free(thing)

    def tick(self, now: int) -> None:
        """Engine time is `now` µs."""
        for slot in self:
            slot.evaluator.tick(now)
            for thing in [thing for thing in slot.owner if slot.phases.m_gate[thing] == G_IDLE]:
                slot.free(thing)

    def release(self, thing: int, identity: Texts) -> None:
        """What is latched of this text may clear; no identity = of every text."""
        for slot in self:
            if thing in slot.owner and identity in ((), slot.owner[thing]):
                slot.phases.release(thing)

    def end(self, thing: int, at: int, reason: str) -> None:
        """Forget the thing; open alarms are cleared with `reason` at `at` µs."""
        for slot in self:
            slot.evaluator.end(thing, at, reason)
            slot.owner.pop(thing, None)

    def on(self, thing: int) -> tuple[tuple[Texts, int], ...]:
        """(texts, level) of every alarm of the thing."""
        alarms = [(slot.owner.get(thing, ()), slot.evaluator.is_on(thing)) for slot in self]
        return tuple(sorted(alarm for alarm in alarms if alarm[1]))

    # --- edits
    def adopt(self, old: "TextSlots") -> None:
        """Take over those of the revision before."""
        self.at_least(len(old))
        for slot, before in zip(self, old, strict=True):
            slot.evaluator.adopt(before.evaluator)
            slot.owner = dict(before.owner)

    def inherit(self, old: "TextSlots") -> None:
        """Thresholds, holds or levels were edited: see `ThresholdEvaluator.inherit`."""
        for slot, before in zip(self, old, strict=True):
            slot.owner = dict(before.owner)
            slot.evaluator.inherit(before.evaluator)

    def take_row(self, thing: int, other: "TextSlots", row: int) -> None:
        """Row `row` of `other`, of the same rule in another engine, becomes `thing`'s."""
        self.at_least(len(other))
        theirs = [*other, *[None] * (len(self) - len(other))]
        for slot, their in zip(self, theirs, strict=True):
            slot.owner.pop(thing, None)
            if their is None:
                slot.phases.forget(thing)
                slot.phases.regate(thing)
                continue
            slot.evaluator.take_row(thing, their.evaluator, row)
            if row in their.owner:
                slot.owner[thing] = their.owner[row]

    def memory(self) -> int:
        """Bytes."""
        return sum(slot.evaluator.memory() + 64 * len(slot.owner) for slot in self)

    # --- snapshot
    def state(self) -> dict[str, NDArray[Any]]:
        """That of slot k as `k.name`."""
        return {f"{k}.{name}": table for k, slot in enumerate(self) for name, table in slot.evaluator.state().items()}

    def extra(self) -> TextsState:
        """What is no array."""
        slots = [SlotState(list(slot.owner.items()), slot.evaluator.extra()) for slot in self]
        return TextsState(self.overflow, slots)

    def load(self, state: dict[str, NDArray[Any]], extra: TextsState) -> None:
        """The inverse of `state` and `extra`."""
        self.overflow = extra.overflow
        self.at_least(len(extra.slots))
        for k, (slot, held) in enumerate(zip(self, extra.slots, strict=True)):
            slot.owner = dict(held.texts)
            slot.evaluator.load(part_of(state, str(k)), held.holds)
