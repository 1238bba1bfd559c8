"""A pressure sensor of a low-pressure gas network: a pure model, deterministic from its seed.

Payload on `pressure/<code>/status`: {"ts": ms, "p": kPa}
"""

import random
from dataclasses import dataclass

REST = 2.0  # kPa


@dataclass(slots=True)
class PressureSensor:
    """`step(now)` returns one payload, `ts` not yet set. `forced` holds the network at this pressure, kPa."""

    code: str
    rng: random.Random
    forced: float | None = None

    def step(self, _now: float) -> dict[str, object]:
        """Payload at `now`."""
        pressure = REST if self.forced is None else self.forced
        return {"ts": 0, "p": round(pressure + self.rng.uniform(-0.04, 0.04), 2)}
