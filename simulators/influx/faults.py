"""What can go wrong, on demand."""

from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

Fault = Literal[
    "unauthorized",
    "forbidden",
    "no_bucket",
    "too_large",
    "too_many",
    "unavailable",
    "broken",
    "reset",
    "reset_after",
    "slow",
]


@dataclass(slots=True)
class Faults:
    """`next(kind, n)`: the next `n` requests fail so; `always` every one. `bad`: lines with this text in them are
    refused. `most_bytes`: larger bodies get 413, 0 = none do. `retry_after`: seconds sent with 429 and 503, -1 = none.
    `seconds`: how long a slow answer takes; `rows_a_second`: how fast it writes, 0 = at once. `strict`: a bad line
    refuses the whole body, else the others are written (partial write), as both happen."""

    always: Fault | None = None
    bad: str = ""
    most_bytes: int = 0
    retry_after: float = -1
    seconds: float = 1.0
    rows_a_second: float = 0
    strict: bool = True
    _queue: list[Fault] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def next(self, kind: Fault, count: int = 1) -> None:
        """The next `count` requests fail with `kind`."""
        with self._lock:
            self._queue += [kind] * count

    def take(self) -> Fault | None:
        """Of the request that is here now."""
        with self._lock:
            return self._queue.pop(0) if self._queue else self.always
