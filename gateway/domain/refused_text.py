"""Text of a state point that was refused because the table is full."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RefusedText:
    """Refused texts of one point of one device since they were last cleared: `count` of them, `text` the newest, cut.
    `why` as of `gateway.registry.Allowance.grown`; `at` µs."""

    profile: str
    point: str
    device: int
    count: int
    text: str
    why: str
    at: int
