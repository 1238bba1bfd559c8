"""Masks for attributes that identify a person (number plates above all) in data that leaves the gateway."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.domain.device import Attr

STARS = "****"
_SHORT = 4  # characters: a shorter value is masked completely


def masked(text: str) -> str:
    """The first two characters and the last: 京A·12345 is 京A****5."""
    return f"{text[:2]}{STARS}{text[-1]}" if len(text) > _SHORT else STARS


@dataclass(frozen=True, slots=True)
class AttributeMask:
    """Names of the attributes that are shown masked. Rules see the whole values."""

    names: frozenset[str] = frozenset()

    def attrs(self, attrs: Mapping[str, Attr]) -> dict[str, Attr]:
        """All attributes; the values of masked ones are masked texts."""
        return {name: masked(str(value)) if name in self.names else value for name, value in attrs.items()}

    def text(self, text: str, attrs: Mapping[str, Attr]) -> str:
        """`text`, for example a device's name, with the values of masked attributes masked in it too."""
        for name in self.names & attrs.keys():
            whole = str(attrs[name])
            if len(whole) > _SHORT:
                text = text.replace(whole, masked(whole))
        return text


NO_MASK = AttributeMask()
"""Masks nothing."""
