"""A text of a state point that found no room in the table."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RefusedText:
    """What one device was refused of one point since it was last cleared: `count` times, `text` the newest, cut.
    `why` as of `gateway.registry.Allowance.grown`; `at` µs."""

    profile: str
    point: str
    device: int
    count: int
    text: str
    why: str
    at: int
