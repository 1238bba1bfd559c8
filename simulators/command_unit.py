"""A Modbus unit whose registers and coils can be written, and which answers as it is set: rightly, refusing, never,
late, with another place, or without doing anything. Reads are always answered.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Answer = Literal["ok", "error", "silent", "late", "foreign", "idle"]
"""`silent` and `late` do it, `foreign` repeats another address, `idle` repeats the request and does nothing."""
_FAILURE = 4
_ILLEGAL_ADDRESS = 2
_COILS = (5, 15)


@dataclass
class CommandUnit:
    """`words` and `bits` from address 0; `writes`: (function, address, words) of every write, in order; `delay` s
    before a late answer."""

    words: list[int] = field(default_factory=lambda: [0] * 64)
    bits: list[bool] = field(default_factory=lambda: [False] * 16)
    answer: Answer = "ok"
    delay: float = 1.0
    writes: list[tuple[int, int, list[int]]] = field(default_factory=list)
    reserved: tuple[tuple[int, int], ...] = ()

    @property
    def size(self) -> int:
        """Registers."""
        return len(self.words)

    def image(self) -> list[int]:
        """All registers, now."""
        return list(self.words)

    def coils(self) -> Sequence[bool]:
        """All coils, now."""
        return self.bits

    def discrete_inputs(self) -> Sequence[bool]:
        """There are none."""
        return []

    def write(self, function: int, address: int, words: Sequence[int]) -> tuple[int, float] | int | None:
        """Carry it out: (the address to repeat, s to wait), an exception code, or None = no answer."""
        self.writes.append((function, address, list(words)))
        held = self.bits if function in _COILS else self.words
        if address + len(words) > len(held):
            return _ILLEGAL_ADDRESS
        if self.answer == "error":
            return _FAILURE
        if self.answer != "idle":
            for place, word in enumerate(words, address):
                if function in _COILS:
                    self.bits[place] = bool(word)
                else:
                    self.words[place] = word
        if self.answer == "silent":
            return None
        return address + (self.answer == "foreign"), self.delay if self.answer == "late" else 0.0
