"""Standard deviations joined from blocks of readings against numpy over the readings themselves."""

import numpy as np
import pytest

from gateway.domain.alarm import Thing
from rules.engine.state.thing_table import ThingTable
from rules.engine.windows.ring_buffer import RingBuffer

THINGS, SIZE = 12, 64


def ring() -> RingBuffer:
    space = ThingTable("meter")
    for k in range(THINGS):
        space.add(Thing(k, 0), 0)
    found = RingBuffer(space, (np.add,), squared=True)
    found.grow()
    found.resize(SIZE)
    return found


@pytest.mark.parametrize("level", [0.0, 1e6])
def test_joined_deviations_equal_those_of_the_readings(level: float) -> None:
    random, kept = np.random.default_rng(1), ring()
    history: list[list[float]] = [[] for _ in range(THINGS)]
    for turn in range(400):
        things = np.sort(random.integers(0, THINGS, 15)) if turn % 2 else np.flatnonzero(random.random(THINGS) < 0.7)
        before = np.array([(things[:k] == thing).sum() for k, thing in enumerate(things)], np.int64)
        value, number = random.normal(level, 3, len(things)), kept.head[things] + before
        kept.value[number & (SIZE - 1), things], kept.head[things] = value, number + 1
        for thing, one in zip(things.tolist(), value.tolist(), strict=True):
            history[thing].append(one)
        kept.fold_in(things, number, value)
        replace(kept, history, np.unique(things)[:3], gone=turn % 3 == 0, value=float(random.normal(level, 5)))
        compare(kept, history, random)


def replace(kept: RingBuffer, history: list[list[float]], things: np.ndarray, *, gone: bool, value: float) -> None:
    """The newest readings are taken back, or become `value`."""
    newest = kept.head[things] - 1
    if gone:
        kept.head[things] = newest
    else:
        kept.value[newest & (SIZE - 1), things] = value
    kept.refold(things, newest)
    for thing in things.tolist():
        history[thing][-1:] = [] if gone else [value]


def compare(kept: RingBuffer, history: list[list[float]], random: np.random.Generator) -> None:
    """Windows of all lengths, of the newest readings or of older ones; and the same from a snapshot."""
    things = np.flatnonzero(kept.head[:THINGS] > 3)
    stop = kept.head[things] - random.integers(0, 3, len(things))
    low = np.maximum(stop - random.integers(1, SIZE - 4, len(things)), 0)
    found = kept.deviation(things, low, stop)
    right = [np.std(history[thing][a:b]) for thing, a, b in zip(things, low, stop, strict=True)]
    np.testing.assert_allclose(found, right, rtol=1e-8, atol=1e-8)
    restored = ring()
    restored.load({name: table.copy() for name, table in kept.state().items()})
    np.testing.assert_array_equal(restored.deviation(things, low, stop), found)
