"""Catalogue of all texts for users, in English and Chinese.

Each file of `gateway.domain.texts` holds a dict `TEXTS: {key: (english, chinese)}`; keys are dotted and unique over all
files. Texts are `str.format` templates with named fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Literal, Protocol, runtime_checkable

from gateway.domain import texts

Lang = Literal["en", "zh"]


@cache
def catalogue() -> Mapping[str, tuple[str, str]]:
    """All texts of all areas by key. Raises ValueError when two files define one key."""
    merged: dict[str, tuple[str, str]] = {}
    for module in iter_modules(texts.__path__):
        for key, pair in import_module(f"{texts.__name__}.{module.name}").TEXTS.items():
            if key in merged:
                raise ValueError(f"text {key!r} is defined twice")
            merged[key] = pair
    return merged


@runtime_checkable
class Localized(Protocol):
    """Value with a text in every language."""

    def text(self, lang: Lang) -> str:
        """The text in `lang`."""


@dataclass(frozen=True, slots=True)
class TextKey:
    """Field that is itself a text of the catalogue: it is resolved in the reader's language."""

    key: str


@dataclass(frozen=True, slots=True)
class TextList:
    """List of such values."""

    keys: tuple[str, ...]


def localize(key: str, lang: Lang = "en", /, **fields: object) -> str:
    """The text `key` in `lang`, filled with `fields`. Raises KeyError for an unknown key or a missing field."""
    english, chinese = catalogue()[key]
    resolved = {name: _localized(value, lang) for name, value in fields.items()}
    return (chinese if lang == "zh" else english).format(**resolved)


def _localized(value: object, lang: Lang) -> object:
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, TextKey):
        return localize(value.key, lang)
    if isinstance(value, TextList):
        return ("、" if lang == "zh" else ", ").join(localize(key, lang) for key in value.keys)
    return value.text(lang) if isinstance(value, Localized) else value
