"""Attributes that name a person, number plates first: how they are shown where they leave the house."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.domain.device import Attr

STARS = "****"
_SHORT = 4  # characters: of a shorter one nothing can be shown


def masked(text: str) -> str:
    """The first two characters and the last: 京A·12345 is 京A****5."""
    return f"{text[:2]}{STARS}{text[-1]}" if len(text) > _SHORT else STARS


@dataclass(frozen=True, slots=True)
class AttributeMask:
    """Names of the attributes that are shown masked. Rules see the whole values."""

    names: frozenset[str] = frozenset()

    def attrs(self, attrs: Mapping[str, Attr]) -> dict[str, Attr]:
        """All attributes, those of the mask as texts that say little."""
        return {name: masked(str(value)) if name in self.names else value for name, value in attrs.items()}

    def text(self, text: str, attrs: Mapping[str, Attr]) -> str:
        """`text`, a device's name for example, with the values of masked attributes in it masked too."""
        for name in self.names & attrs.keys():
            whole = str(attrs[name])
            if len(whole) > _SHORT:
                text = text.replace(whole, masked(whole))
        return text


NO_MASK = AttributeMask()
"""All is shown."""
