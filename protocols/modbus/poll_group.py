"""How often the points of a group are read: `5s`, `{every: 15m, aligned: true}` or `{at: ["00:00", "08:00"]}`."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gateway.domain.duration import DAY, HOUR, MINUTE, MS, format_duration
from gateway.section import Duration, Section, wrong
from protocols.modbus.day_times import DayTimes

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


def between(low: int, high: int) -> AfterValidator:
    """Refuses durations outside of [low, high] µs."""

    def check(value: int) -> int:
        if not low <= value <= high:
            raise wrong(
                "modbus.range", value=format_duration(value), low=format_duration(low), high=format_duration(high)
            )
        return value

    return AfterValidator(check)


def _time(value: object) -> object:
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise wrong("modbus.time", value=value)
    return int(match[1]) * HOUR + int(match[2]) * MINUTE


Every = Annotated[Duration, between(20 * MS, DAY)]
"""How often something is polled."""
TimeOfDay = Annotated[int, BeforeValidator(_time)]
"""Written `08:00`; held as µs since midnight."""


class PollGroup(Section):
    """Either `every`, with `aligned` at its multiples since midnight, or `at` times of day, in the zone of the site."""

    every: Every | None = None
    aligned: bool = False
    at: Annotated[tuple[TimeOfDay, ...], Field(max_length=96)] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.every is None) == (not self.at):
            raise wrong("modbus.group_when")
        if self.aligned and (self.every is None or self.every < MINUTE or DAY % self.every):
            raise wrong("modbus.aligned", value=format_duration(self.every or 0))
        return self

    def rhythm(self, zone: str) -> int | DayTimes:
        """A period in µs, or times of day in `zone`."""
        if self.every is None:
            return DayTimes(tuple(sorted(set(self.at))), zone)
        return DayTimes.every(self.every, zone) if self.aligned else self.every


def _long_form(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {name: {"every": one} if isinstance(one, str) else one for name, one in value.items()}


PollGroups = Annotated[
    Mapping[Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,39}$")], PollGroup], BeforeValidator(_long_form)
]
"""Name -> how often; `fast: 5s` is short for `fast: {every: 5s}`."""
