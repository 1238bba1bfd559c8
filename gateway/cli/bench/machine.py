"""Speed of this machine: two fixed pieces of work, and other figures relative to them; CPU and memory of a process."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

STEPS = 1_000_000
VALUES = 1_000_000
TURNS = 5
TICK = os.sysconf("SC_CLK_TCK")


def reference() -> dict[str, float]:
    """CPU milliseconds, the best of five turns: {"python_ms": a loop of a million steps, "numpy_ms": a pass over a
    million floats}."""
    values = np.arange(VALUES, dtype=np.float64)
    return {"python_ms": round(_best(_python_loop), 3), "numpy_ms": round(_best(lambda: _numpy_pass(values)), 3)}


def against(figures: dict[str, Any], machine: dict[str, float]) -> dict[str, float]:
    """Top-level figures relative to the Python loop: rates (`*_s`) per duration of one loop, times (`*_ms`, `*seconds`)
    in loops.

    Use these to compare builds: the speed of a machine differs by a factor of two from day to day.
    """
    loop = machine["python_ms"]
    found = {}
    for key, value in figures.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if key.endswith("seconds"):
            found[key] = round(value * 1_000 / loop, 3)
        elif key.endswith("_ms"):
            found[key] = round(value / loop, 3)
        elif key.endswith("_s") and not key.endswith("close_s"):
            found[key] = round(value * loop / 1_000, 1)
    return found


def cpu_seconds(pid: int) -> float:
    """CPU used by a process and all its threads, s."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def rss_mb(pid: int) -> float:
    """Resident memory of a process, MB."""
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _best(work: Callable[[], object]) -> float:
    spent = []
    for _ in range(TURNS):
        begun = time.process_time()
        work()
        spent.append(time.process_time() - begun)
    return min(spent) * 1_000


def _python_loop() -> int:
    total = 0
    for n in range(STEPS):
        total += n & 7
    return total


def _numpy_pass(values: "np.ndarray[Any, np.dtype[np.float64]]") -> float:
    return float(np.sort(values * 1.5 - 3.0)[-1])
