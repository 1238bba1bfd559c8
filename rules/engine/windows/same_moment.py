"""A reading is identified by (device, point, at): another value of a moment takes the place of the one before it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.engine.windows.base import Rows, StateTable


class SameMoment(StateTable):
    """What columns of `of` were before the newest moment, so that a reading of that moment that comes again starts from
    there. `kept`: names of columns there, which are `<name>_before` here, or by another name if it is a mapping.
    """

    flat = True

    def __init__(self, of: StateTable, kept: Sequence[str] | Mapping[str, str]) -> None:
        super().__init__(of.space)
        fills = dict(of.arrays)
        self.of = of
        self.kept = dict(kept) if isinstance(kept, Mapping) else {name: f"{name}_before" for name in kept}
        self.arrays = tuple((before, fills[now]) for now, before in self.kept.items())
        for now, before in self.kept.items():
            setattr(self, before, getattr(of, now).copy())

    def before(self, now: str) -> NDArray[Any]:
        """What the column `now` was before the newest moment of each thing."""
        found: NDArray[Any] = getattr(self, self.kept[now])
        return found

    def as_of(self, now: str, again: NDArray[np.bool_], things: Rows) -> NDArray[Any]:
        """What the column `now` is before a moment of each of these things that comes `again`, or is new."""
        found: NDArray[Any] = np.where(again, self.before(now)[things], getattr(self.of, now)[things])
        return found

    def note(self, things: Rows, **columns: NDArray[Any]) -> None:
        """Before the newest moment of each of these things its columns were so."""
        for now, values in columns.items():
            self.before(now)[things] = values

    def begin(self, thing: int, *, again: bool) -> None:
        """A moment of the thing that comes `again`, or is new: its columns are what they were before it."""
        (self.put_back if again else self.keep)(thing)

    def keep(self, things: Rows | int) -> None:
        """A new moment of these things begins: what is now was before it."""
        for now, before in self.kept.items():
            getattr(self, before)[..., things] = getattr(self.of, now)[..., things]

    def put_back(self, things: Rows | int) -> None:
        """The newest moment of these things comes again: what was before it is now."""
        for now, before in self.kept.items():
            getattr(self.of, now)[..., things] = getattr(self, before)[..., things]
