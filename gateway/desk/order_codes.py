"""The firm's list of faults, causes and remedies: `E01-电源故障`. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.domain.language_values import InBothLanguages
from gateway.domain.nearest import nearest


class CodeKind(StrEnum):
    """What a code stands for."""

    FAULT = "fault"
    CAUSE = "cause"
    REMEDY = "remedy"


@dataclass(frozen=True, slots=True)
class OrderCode:
    """One code. `devices`: kinds of devices that it is for, () = all. `knowledge` and `link`: what helps at work."""

    code: str
    kind: CodeKind
    name: InBothLanguages
    devices: tuple[str, ...] = ()
    knowledge: InBothLanguages = field(default_factory=lambda: InBothLanguages("", ""))
    link: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """Texts that name it: code, name, code and name, in both languages."""
        names = (self.name.english, self.name.chinese)
        return (self.code, *(f"{self.code}-{name}" for name in names), *names)


@dataclass(frozen=True, slots=True)
class OrderCodes:
    """All codes. `strict`: a resolve takes codes of the list alone, where the list has any of that kind."""

    by_kind: Mapping[CodeKind, Mapping[str, OrderCode]] = field(default_factory=dict)
    strict: bool = False

    @classmethod
    def of(cls, codes: Iterable[OrderCode], *, strict: bool = False) -> "OrderCodes":
        """These codes."""
        found: dict[CodeKind, dict[str, OrderCode]] = {kind: {} for kind in CodeKind}
        for one in codes:
            found[one.kind][one.code] = one
        return cls(found, strict)

    def all(self, kind: CodeKind, device: str = "") -> list[OrderCode]:
        """Codes of a kind by code; `device` = those for this kind of device."""
        known = self.by_kind.get(kind, {})
        listed = [known[code] for code in sorted(known)]
        return [one for one in listed if not device or not one.devices or device in one.devices]

    def find(self, kind: CodeKind, written: str) -> OrderCode | None:
        """The code that a person wrote: `E01`, `E01-电源故障`, or its name; None = none is written so."""
        text = written.strip().casefold()
        known = self.by_kind.get(kind, {})
        return next((one for one in known.values() if text in {label.casefold() for label in one.labels}), None)

    def refuses(self, kind: CodeKind, written: str) -> bool:
        """True when `written` is no code, and only codes are taken."""
        return self.strict and bool(self.by_kind.get(kind)) and self.find(kind, written) is None

    def suggestion(self, kind: CodeKind, written: str) -> str:
        """What to write instead: the nearest label, or some codes."""
        known = self.all(kind)
        labels = [label for one in known for label in one.labels]
        near = nearest(written.strip(), labels) or nearest(written.strip().partition("-")[0], labels)
        found = self.find(kind, near) if near else None
        return ", ".join(f"{one.code}-{one.name.chinese}" for one in ([found] if found else known[:8]))

    def canonical(self, kind: CodeKind, written: str) -> str:
        """The code of what was written, or the text as it is."""
        found = self.find(kind, written)
        return found.code if found else written


NO_CODES = OrderCodes()
