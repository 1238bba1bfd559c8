"""A DC charger with connectors: a pure model, one step a second or so, deterministic from its seed.

Payload as a pile controller publishes it on `charger/<code>/telemetry`, one message per connector:
{"ts": ms, "connector": n, "temp": degC, "u": V, "i": A, "p": kW, "energy": kWh, "status": text, "fault": text,
 "cab": degC} (the last is the cabinet's temperature, of the whole charger)
"""

import random
from dataclasses import dataclass, field

AMBIENT = 24.0


@dataclass(slots=True)
class Connector:
    """State of one connector."""

    number: int
    temp: float = AMBIENT
    energy: float = 0.0
    current: float = 0.0
    status: str = "available"
    until: float = 0.0
    fault: str = "none"
    forced_temp: float | None = None


@dataclass(slots=True)
class Charger:
    """`step(now)` moves the model to `now` (s) and returns one payload per connector."""

    code: str
    guns: int
    rng: random.Random
    last: float = 0.0
    cabinet: float = AMBIENT
    connectors: list[Connector] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connectors = [
            Connector(n + 1, AMBIENT + self.rng.uniform(-2, 2), round(self.rng.uniform(1e3, 9e4), 3))
            for n in range(self.guns)
        ]

    def step(self, now: float) -> list[dict[str, object]]:
        """Payloads of all connectors, `ts` not yet set."""
        seconds = min(10.0, now - self.last) if self.last else 1.0
        self.last = now
        self.cabinet = round(AMBIENT + 6 + self.rng.uniform(-0.3, 0.3), 1)
        return [self._connector(c, now, seconds) for c in self.connectors]

    def _connector(self, c: Connector, now: float, seconds: float) -> dict[str, object]:
        if now >= c.until:
            nexts = {
                "available": "preparing",
                "preparing": "charging",
                "charging": "finishing",
                "finishing": "available",
            }
            c.status = nexts.get(c.status, "available")
            c.until = now + self.rng.uniform(*{"charging": (40, 400), "available": (20, 300)}.get(c.status, (3, 15)))
            c.current = self.rng.uniform(80, 230) if c.status == "charging" else 0.0
        power = c.current * 0.4
        c.energy += power * seconds / 3600
        target = AMBIENT + c.current * 0.14
        if c.forced_temp is not None:
            c.temp = c.forced_temp + self.rng.uniform(-0.2, 0.2)
        else:
            c.temp += (target - c.temp) * min(1.0, seconds / 60) + self.rng.uniform(-0.1, 0.1)
        status = "fault" if c.fault != "none" else c.status
        return {
            "ts": 0,
            "connector": c.number,
            "temp": round(c.temp, 1),
            "u": round(400 + self.rng.uniform(-2, 2), 1),
            "i": round(c.current, 1),
            "p": round(power, 2),
            "energy": round(c.energy, 3),
            "status": status,
            "fault": c.fault,
            "cab": self.cabinet,
        }
