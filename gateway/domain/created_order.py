"""Data about a new order for the log and for its latency."""

from dataclasses import dataclass

from gateway.domain.alarm import Level
from gateway.domain.language_values import InBothLanguages


@dataclass(frozen=True, slots=True)
class CreatedOrder:
    """An order that was made, and the transition that decided it (latency = committed - received). `where` is the code
    of its device, or its group."""

    no: str
    transition: str
    at: int
    received: int
    decided: int
    title: InBothLanguages
    where: str
    level: Level
