"""What the guards of an act need to know of other tables than that of orders."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """Read in the transaction of the command. `open_children`: orders handed off by this one that have not ended.
    `open_stops`: devices of its round that nobody has looked at. `open_hazards`: hazards that it found and that have
    not ended. `hazard`: the number of the hazard that it rectifies or rechecks ("" = none), which has ended
    (`hazard_ended`) or is open; `recheck_missing`: it is a recheck without a result."""

    open_children: int = 0
    open_stops: int = 0
    open_hazards: int = 0
    hazard: str = ""
    hazard_ended: bool = False
    recheck_missing: bool = False


NO_FACTS = OrderFacts()
