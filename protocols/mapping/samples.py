"""Lists of samples with a time step -> one element for each moment."""

from collections.abc import Mapping
from typing import Any

from gateway.domain.duration import HOUR, MINUTE, MS, SECOND
from gateway.domain.errors import DecodeError
from protocols.mapping.number import parse_number
from protocols.mapping.path import Missed, Path, parse_each, parse_path
from protocols.mapping.payload_config import SamplesConfig, StepAt
from protocols.mapping.place import ValuePlace
from protocols.mapping.point_config import TimeMap
from protocols.mapping.timestamp import TimestampReader

EVERY_SAMPLE = parse_each("[*]")
MOMENT = Path("@at", ("@at",))
"""Where an element has its moment, µs."""
MOMENTS = TimestampReader(TimeMap(path="x", unit="us"))
MOST = 10_000
"""Samples in one list."""
_UNITS: Mapping[str, int] = {"ms": MS, "s": SECOND, "min": MINUTE, "h": HOUR}


class Samples:
    """`time` and `moments` read the moment of the first or the last sample."""

    def __init__(self, config: SamplesConfig, time: ValuePlace, moments: TimestampReader) -> None:
        self._lists = {name: parse_path(text) for name, text in config.values.items()}
        self._step = config.step if isinstance(config.step, int) else 0
        self._step_at = parse_path(config.step.path) if isinstance(config.step, StepAt) else None
        self._step_unit = _UNITS[config.step.unit] if isinstance(config.step, StepAt) else 0
        self._time, self._moments = time, moments
        self._from_last, self._newest_first = config.time == "last", config.newest_first

    @property
    def paths(self) -> tuple[Path, ...]:
        """All that is read."""
        step = () if self._step_at is None else (self._step_at,)
        return (*self._lists.values(), *step, *self._time.parts)

    def elements(self, body: Any, root: Any) -> list[dict[str, Any]]:
        """One object for each moment, with the values by their names. An absent list leaves its name out.

        Raises DecodeError `no_points` when no list is there, `bad_time` without a moment or a step, `bad_payload` for
        lists of different lengths.
        """
        lists = {}
        for name, path in self._lists.items():
            try:
                found = path.reach(body, root)
            except Missed:
                continue
            if type(found) is not list:
                raise DecodeError("bad_payload", f"{path.text} is no list")
            lists[name] = found
        if not any(lists.values()):
            raise DecodeError("no_points", f"nothing at {', '.join(path.text for path in self._lists.values())}")
        count = len(next(iter(lists.values())))
        if any(len(found) != count for found in lists.values()) or count > MOST:
            lengths = ", ".join(f"{self._lists[name].text}: {len(found)}" for name, found in lists.items())
            raise DecodeError("bad_payload", f"lists of samples: {lengths[:200]} (at most {MOST})")
        base, step = self._base(body, root), self._every(body, root)
        start = base - (count - 1) * step if self._from_last else base
        moments = [start + index * step for index in range(count)]
        if self._newest_first:
            moments.reverse()
        return [
            {MOMENT.text: at, **{name: found[index] for name, found in lists.items()}}
            for index, at in enumerate(moments)
        ]

    def _base(self, body: Any, root: Any) -> int:
        try:
            raw = self._time.reach(body, root)
        except Missed:
            raise DecodeError("bad_time", f"nothing at {self._time.text}") from None
        return self._moments.one(raw)

    def _every(self, body: Any, root: Any) -> int:
        if self._step_at is None:
            return self._step
        try:
            raw = self._step_at.reach(body, root)
            number = parse_number(raw) if type(raw) is str else raw
            step = round(number * self._step_unit) if type(number) in {int, float} else 0
        except (*Missed, ValueError, OverflowError):
            step = 0
        if not 0 < step <= 31 * 24 * HOUR:
            raise DecodeError("bad_time", f"no time step at {self._step_at.text}")
        return step
