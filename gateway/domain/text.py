"""One catalogue for all text a user reads, in English and Chinese.

Each file of `gateway.domain.texts` holds a dict `TEXTS: {key: (english, chinese)}`; keys are dotted and unique over
all files. Texts are `str.format` templates with named fields.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Literal

from gateway.domain import texts

Lang = Literal["en", "zh"]


@cache
def catalogue() -> Mapping[str, tuple[str, str]]:
    """Every text of every area. Raises ValueError when two files define one key."""
    merged: dict[str, tuple[str, str]] = {}
    for module in iter_modules(texts.__path__):
        for key, pair in import_module(f"{texts.__name__}.{module.name}").TEXTS.items():
            if key in merged:
                raise ValueError(f"text {key!r} is defined twice")
            merged[key] = pair
    return merged


def say(key: str, lang: Lang = "en", /, **fields: object) -> str:
    """The text `key` in `lang`, filled with `fields`. Raises KeyError for an unknown key or a missing field."""
    english, chinese = catalogue()[key]
    return (chinese if lang == "zh" else english).format(**fields)
