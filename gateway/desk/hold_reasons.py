"""Reasons of a hold: a list of codes with a name in each language. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.domain.language_values import InBothLanguages
from gateway.domain.nearest import nearest

WAITING_CHILD = "waiting_child"
"""An order waits for those it handed off. Set by the desk alone."""
OTHER = "other"
"""None of the list: what it is stands in the note."""
BUILT_IN: Mapping[str, InBothLanguages] = {
    WAITING_CHILD: InBothLanguages("waiting for a child order", "等待子工单"),
    OTHER: InBothLanguages("other", "其他"),
}
DEFAULTS: Mapping[str, InBothLanguages] = {
    "waiting_parts": InBothLanguages("waiting for parts", "等待备件"),
    "waiting_customer": InBothLanguages("waiting for the customer", "等待客户"),
    "waiting_access": InBothLanguages("waiting for access to the site", "等待进场"),
    "waiting_supplier": InBothLanguages("waiting for the supplier", "等待厂家"),
    "waiting_approval": InBothLanguages("waiting for approval", "等待审批"),
    "weather": InBothLanguages("weather", "天气原因"),
    "unsafe": InBothLanguages("unsafe to go on", "现场不安全"),
}


@dataclass(frozen=True, slots=True)
class HoldReasons:
    """`names` by code; the built-in ones are always there."""

    names: Mapping[str, InBothLanguages] = field(default_factory=lambda: {**DEFAULTS, **BUILT_IN})

    @classmethod
    def of(cls, names: Mapping[str, InBothLanguages]) -> "HoldReasons":
        """The list of the settings, which replaces the one that is there without any."""
        return cls({**BUILT_IN, **names})

    def code_of(self, written: str) -> str | None:
        """The code that a person wrote, or the code whose name in either language they wrote; None = not in the
        list."""
        text = written.strip().casefold()
        for code, name in self.names.items():
            if text and text in (code.casefold(), name.english.casefold(), name.chinese.casefold()):
                return code
        return None

    def name_of(self, code: str) -> InBothLanguages:
        """Its name; of a reason that is not in the list (from before there was one), the text itself."""
        return self.names.get(code) or InBothLanguages(code, code)

    def choices(self) -> tuple[str, ...]:
        """What people may choose."""
        return tuple(code for code in self.names if code != WAITING_CHILD)

    def nearest(self, written: str) -> str:
        """The code that is most like it, or the first."""
        return nearest(written, list(self.names)) or next(iter(self.names))
