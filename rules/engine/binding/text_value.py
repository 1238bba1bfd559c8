"""A text that hangs on readings, on one space: `code.skill`, `code.name`, a state point."""

from collections.abc import Sequence

from rules.compiled import TextOf
from rules.engine.binding.bound_expression import BoundExpression, SlotSource
from rules.engine.frames.batch_view import Reader
from rules.engine.state.field import Field
from rules.engine.state.thing_table import ThingTable


class TextValue:
    """`columns` are the points whose readings may change the text."""

    def __init__(self, text: TextOf, space: ThingTable, world: Field, signal: SlotSource) -> None:
        self.text, self.space, self.world = text, space, world
        self.bound = None if text.expression is None else BoundExpression(text.expression, space, world, signal)
        self.column = space.column(text.point) if text.point else -1
        self.columns: tuple[int, ...] = (self.column,) if self.bound is None else self.bound.columns

    def bounds(self) -> Sequence[BoundExpression]:
        """Its expression, if it is one."""
        return [] if self.bound is None else [self.bound]

    def read(self, reader: Reader) -> str | None:
        """The text for the one item of `reader`; None = unknown."""
        if self.bound is not None:
            number = float(self.bound.vector(reader)[0])
            return self.text.texts[int(number)] if 0 <= number < len(self.text.texts) else None
        number, thing = float(reader.value(self.column)[0]), int(reader.thing[0])
        if number != number:
            return None
        place = self.space.things[thing]
        profile = self.world.devices[place.device].profile
        point = self.world.spec(profile, self.text.point, place.component)
        return point.values[int(number)] if point is not None and 0 <= number < len(point.values) else None
