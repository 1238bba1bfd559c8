"""Corrected history = live: wrong values with their corrections, and buffered readings, end where the truth does.

Rules on groups are left out (what delays hid may come to light: decision 009), and `flap`, which counts what was told.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from random import Random

import pytest
from rules_engine.engine_lab import T0, S
from rules_engine.past_lab import Gateway
from rules_engine.test_properties import ALL, CHARGERS_AND_METERS, SITES, Life, story

from gateway.domain.alarm import Change, Transition
from gateway.domain.reading import Quality, Reading
from gateway.domain.record import Down
from rules.engine import Engine
from rules.format import compile_source

RULES = [one for one in ALL if not one.lateness and not one.watch.group and one.flap is None and one.inhibit is None]
WRONG = (20.0, 66.0, 76.0, 81.0, 85.0, 91.0, 99.0, float("nan"), 0.5, 2.5, 1.0, 5.0)
Span = tuple[float, float]
END = float("inf")
SEEDS = range(6)


def with_wrong_values(life: Life, random: Random) -> Life:
    """Some frames come wrong first, in some or all values, and right a little later."""
    found: Life = []
    for at, frame in life:
        if random.random() < 0.3:
            found.append((at, [_wrong(one, random) if random.random() < 0.6 else one for one in frame]))
            found.append((at + random.choice((0, 1, 3, 9, 20, 45)), frame))
        else:
            found.append((at, frame))
    return found


def _wrong(one: Reading, random: Random) -> Reading:
    value = random.choice(WRONG)
    return replace(one, value=value, quality=Quality.BAD if value != value else Quality.GOOD)


def buffered(life: Life, random: Random) -> Life:
    """A device keeps its readings to itself for a while."""
    quiet = random.randint(5, 100)
    back = quiet + random.randint(10, 90)
    return [(back if quiet <= at < back and frame[0].device == 1 else at, frame) for at, frame in life]


def played(arrivals: Life, end: int, restart: int = -1, down: tuple[int, int] = (-1, -1)) -> Gateway:
    """A gateway with a tick every five seconds, lost and restored at `restart`, away in `down` (seconds)."""
    gateway = Gateway(RULES, CHARGERS_AND_METERS, SITES)
    away, back = down
    waiting = sorted(((back if away <= at < back else at, k) for k, (at, _) in enumerate(arrivals)))
    for second in range(end + 1):
        if second in (restart, back):
            gateway.engine = Engine.restore(gateway.engine.snapshot(), compile_source)
        if second == back:
            gateway.write(Down(T0 + (away - 1) * S, T0 + back * S), second)
        if away <= second < back:
            continue
        while waiting and waiting[0][0] <= second:
            frame = arrivals[waiting.pop(0)[1]][1]
            gateway.read([replace(one, received=T0 + second * S) for one in frame], at=second)
        due = gateway.engine.next_due()
        if second % 5 == 0 and due is not None and due <= T0 + second * S:
            gateway.tick(second)
    return gateway


def standing(told: Iterable[Transition]) -> dict[object, list[Span]]:
    """Alarm -> its episodes as they stand, seconds; those that touch are one."""
    found: dict[object, list[list[float]]] = {}
    for one in told:
        episodes, at = found.setdefault((one.rule, one.thing, one.identity), []), (one.at - T0) / S
        past = (one.episode - T0) / S if one.episode else None
        mine = [e for e in episodes if (e[1] == END if past is None else e[0] == past and e[1] != END)]
        if one.change is Change.RAISED and not (past is None and mine):
            episodes.append([at, END if past is None else at])
        elif one.change is Change.CLEARED and mine:
            mine[-1][1] = at
        elif one.change is Change.WITHDRAWN and mine:
            episodes.remove(mine[-1])
    return {key: _joined(episodes) for key, episodes in found.items() if episodes}


def _joined(episodes: list[list[float]]) -> list[Span]:
    found: list[Span] = []
    for begin, end in sorted(map(tuple, episodes)):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    return found


def agree(said: list[Span], true: list[Span]) -> bool:
    """Every episode that stands is part of a true one, every true one stands, and ends when it ended.

    An alarm that is on keeps the raise by which people know it, and a gap that a wrong clear left is not filled.
    """

    def meets(one: Span, many: list[Span]) -> bool:
        return any(one[0] <= end and begin <= one[1] for begin, end in many)

    inside = all(meets(one, true) and any(begin <= one[1] <= end for begin, end in true) for one in said)
    return inside and all(meets(one, said) and one[1] in {end for _, end in said} for one in true)


@lru_cache(maxsize=1)
def live_run(seed: int) -> Gateway:
    """The life of a seed as it was."""
    random = Random(seed)
    life = story(random, random.randint(5, 12))
    return played(life, life[-1][0] + 200)


@pytest.mark.parametrize("way", ["wrong", "wrong, restart", "buffered", "buffered, down"])
@pytest.mark.parametrize("seed", SEEDS)
def test_corrected_history_equals_live(way: str, seed: int) -> None:
    random = Random(seed)
    life = story(random, random.randint(5, 12))
    end = life[-1][0] + 200
    told = with_wrong_values(life, random) if "wrong" in way else buffered(life, random)
    restart = random.randint(1, 150) if "restart" in way else -1
    away = random.randint(1, 120)
    down = (away, away + random.randint(1, 40)) if "down" in way else (-1, -1)
    live, truth = played(told, end, restart, down), live_run(seed)
    assert live.on() == truth.on()
    said, true = standing(live.got), standing(truth.got)
    wrong = {
        key: (said.get(key), true.get(key)) for key in {*said, *true} if not agree(said.get(key, []), true.get(key, []))
    }
    assert not wrong
