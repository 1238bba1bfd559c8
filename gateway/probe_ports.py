"""What adapters offer to `fieldgate probe`, in values."""

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
