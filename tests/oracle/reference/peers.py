"""`peers` (RULES.md section 4): "the same point of the other members"."""

import math
import statistics
from collections.abc import Sequence

from oracle.reference.values import History
from oracle.reference.windows import CLOSE
from oracle.scene import SceneDef, SignalDef


def others(scene: SceneDef, number: int, signal: SignalDef) -> list[History]:
    """The other devices with the same attribute; none for a device without it."""
    by = signal.more["by"]
    mine = scene.devices[number].attrs.get(by)
    return [
        History(scene.rule.points, one.messages, scene.start)
        for k, one in enumerate(scene.devices)
        if k != number and mine is not None and one.attrs.get(by) == mine
    ]


def worth(signal: SignalDef, beside: Sequence[History], t: int) -> float | None:
    """Of the newest readings of the others at `t`; bad ones and those never heard are unknown."""
    rows = [float(value) for one in beside if (value := one.last(signal.of, t)) is not None and value != ""]
    if not rows or len(rows) < (signal.coverage or 0.0) * len(beside) - CLOSE:
        return None
    match signal.more["what"]:
        case "mean":
            return math.fsum(rows) / len(rows)
        case "median":
            return statistics.median(rows)
        case "min":
            return min(rows)
    return max(rows)


def changes(signal: SignalDef, beside: Sequence[History]) -> list[int]:
    """When a reading of another one gives it another value."""
    spoke = sorted({t for one in beside for t, _ in one.of(signal.of)})
    return [t for t in spoke if worth(signal, beside, t) != worth(signal, beside, t - 1)]
