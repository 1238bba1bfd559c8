"""The hazards of one transaction."""

from typing import Protocol

from gateway.domain.hazard import Hazard, HazardChanges


class HazardReader(Protocol):
    """The part of the desk's transaction that reads hazards."""

    def of_order(self, order: str) -> list[Hazard]:
        """The hazards that an order (id) found, rectifies or rechecks, by number."""

    def numbered(self, tenant: str, no: str) -> Hazard | None:
        """The hazard with this number, locked."""


class HazardRows:
    """Holds no decision."""

    def __init__(self, reader: HazardReader) -> None:
        self._reader = reader
        self._changed: dict[str, Hazard] = {}

    def of_order(self, order: str) -> list[Hazard]:
        """As of the reader, with the changes of this transaction."""
        found = {one.no: self._changed.get(one.no, one) for one in self._reader.of_order(order)}
        found |= {no: one for no, one in self._changed.items() if order in (one.inspection, one.rectification)}
        return [found[no] for no in sorted(found, key=lambda no: (found[no].found_at, no))]

    def numbered(self, tenant: str, no: str) -> Hazard | None:
        """The hazard with this number."""
        return self._changed.get(no) or self._reader.numbered(tenant, no)

    def put(self, hazard: Hazard) -> None:
        """A new or changed hazard."""
        self._changed[hazard.no] = hazard

    def changes(self) -> HazardChanges:
        """The rows to be written."""
        return HazardChanges(list(self._changed.values()))
