"""Parts of `desk:` about orders themselves."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from gateway.desk.priorities import HIGHEST_CUSTOMER, Priority, PriorityMatrix, PriorityRow, Urgency
from gateway.domain.alarm import Level
from gateway.section import Section


def _listed(value: Any) -> Any:
    """One word is short for a list of one."""
    return (value,) if isinstance(value, str) else value


Levels = Annotated[tuple[Literal["notice", "minor", "major", "critical"], ...], BeforeValidator(_listed)]
Urgencies = Annotated[tuple[Urgency, ...], BeforeValidator(_listed)]
Types = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=120)], ...], BeforeValidator(_listed)]

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""`waiting_parts`: small letters, digits and underscores."""


class PriorityRowConfig(Section):
    """One line of `desk.priority.rows`: for orders that fit all that is written."""

    priority: Priority
    level: Levels = ()
    urgency: Urgencies = ()
    customer_from: Annotated[int, Field(ge=1, le=HIGHEST_CUSTOMER)] | None = None
    """Customers of this level (attribute `level`, 1 to 5) and higher."""
    type: Types = ()

    def build(self) -> PriorityRow:
        """The line for the desk."""
        return PriorityRow(
            self.priority,
            frozenset(Level[word.upper()] for word in self.level),
            frozenset(self.urgency),
            self.customer_from or 0,
            frozenset(self.type),
        )


class PriorityConfig(Section):
    """`desk.priority`: lines in order, the first that fits decides; without one the level does."""

    rows: Annotated[tuple[PriorityRowConfig, ...], Field(max_length=200)] = ()
    safety: Priority = "P1"
    """Least priority of orders whose type is one of safety."""

    def build(self) -> PriorityMatrix:
        """The matrix for the desk."""
        return PriorityMatrix(tuple(row.build() for row in self.rows), self.safety)


class TextConfig(Section):
    """A name in both languages."""

    en: Annotated[str, Field(min_length=1, max_length=120)]
    zh: Annotated[str, Field(min_length=1, max_length=120)]
