"""What the guards of an act need to know of other tables than that of orders."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """Read in the transaction of the command. `open_children`: orders handed off by this one that have not ended."""

    open_children: int = 0


NO_FACTS = OrderFacts()
