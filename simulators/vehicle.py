"""A logistics van: a pure model, deterministic from its seed.

Payload on `vehicle/<code>/status`:
{"ts": ms, "soc": pct, "speed": km/h, "odo": km, "ign": "on"|"off", "lat": deg, "lon": deg, "bt": degC}
"""

import math
import random
from dataclasses import dataclass


@dataclass(slots=True)
class Vehicle:
    """`step(now)` moves the van to `now` (s) and returns its payload, `ts` not yet set."""

    code: str
    rng: random.Random
    soc: float = 0.0
    odo: float = 0.0
    lat: float = 30.27
    lon: float = 120.15
    driving: bool = False
    until: float = 0.0
    heading: float = 0.0
    last: float = 0.0

    def __post_init__(self) -> None:
        self.soc = self.rng.uniform(40, 95)
        self.odo = round(self.rng.uniform(2_000, 90_000), 1)
        self.lat += self.rng.uniform(-0.05, 0.05)
        self.lon += self.rng.uniform(-0.05, 0.05)

    def step(self, now: float) -> dict[str, object]:
        """Payload at `now`."""
        seconds = min(10.0, now - self.last) if self.last else 1.0
        self.last = now
        if now >= self.until:
            self.driving = not self.driving
            self.until = now + self.rng.uniform(60, 600)
            self.heading = self.rng.uniform(0, 2 * math.pi)
        speed = self.rng.uniform(20, 70) if self.driving else 0.0
        gone = speed * seconds / 3600
        self.odo += gone
        self.soc = max(5.0, self.soc - gone * 0.25) if self.driving else min(98.0, self.soc + 0.01)
        self.lat += gone / 111 * math.cos(self.heading)
        self.lon += gone / 96 * math.sin(self.heading)
        return {
            "ts": 0,
            "soc": round(self.soc, 1),
            "speed": round(speed, 1),
            "odo": round(self.odo, 3),
            "ign": "on" if self.driving else "off",
            "lat": round(self.lat, 6),
            "lon": round(self.lon, 6),
            "bt": round(26 + speed / 10 + self.rng.uniform(-0.3, 0.3), 1),
        }
