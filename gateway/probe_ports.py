"""What adapters offer to `fieldgate probe` and `fieldgate plan`, in values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.domain.text import Localized


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """Words of a block, or the reason why there are none. `refused`: the exception code of a unit that is there."""

    words: tuple[int, ...]
    error: Localized | str = ""
    refused: int = 0


class RegisterProbe(Protocol):
    """Reads blocks of registers, one request at a time."""

    async def read(self, unit: int, table: str, address: int, count: int) -> ProbeAnswer:
        """One request. Raises SourceError when there is no connection."""

    async def identify(self, unit: int) -> Mapping[str, str]:
        """The identification of a device, by the names of its objects; empty when it has none."""

    async def close(self) -> None:
        """Give up the connection."""


@dataclass(frozen=True, slots=True)
class Interpretation:
    """One meaning of `count` registers from `address` on, in the words of a profile's map. `plausible`: a guess.
    `scale`: value * scale is the value that is expected, but for this share `off`; 0 = it is not."""

    address: int
    count: int
    type: str
    order: str
    value: float | str
    plausible: bool
    scale: float = 0.0
    off: float = 0.0


Interpret = Callable[[int, Sequence[int], float | None], list[Interpretation]]
"""(first address, words, the value that is expected) -> everything that they can mean."""


@dataclass(frozen=True, slots=True)
class RequestLine:
    """A request that a source repeats: `count` registers or bits of `table` from `address` on of `unit` behind `link`,
    for `points` of a device. `along`: how many of them no point uses. `when`: a period or times of day, for people;
    `period` µs on the average; `cost` µs, estimated for the link."""

    link: str
    unit: int
    table: str
    address: int
    count: int
    device: str
    group: str
    points: tuple[str, ...]
    along: int
    when: str
    period: int
    cost: int


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """All that a source does by itself: its requests, and for the rest one sentence each: subscriptions, endpoints,
    files, queries, messages that it publishes."""

    requests: tuple[RequestLine, ...] = ()
    sentences: tuple[Localized, ...] = ()
