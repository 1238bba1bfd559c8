"""Values with a text in each language: fields of log lines and of other texts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.domain.duration import DAY, HOUR, MINUTE, SECOND
from gateway.domain.text import Lang, Localized, localize

_PART = re.compile(r"([0-9.]+) ?(ms|min|s|m|h|d|w)\b|([0-9.]+)(ms|s|m|h|d)(?=[0-9])")
_UNIT = {"ms": "ms", "s": "s", "m": "min", "min": "min", "h": "h", "d": "day", "w": "week"}
_PARTS = (("day", DAY), ("hour", HOUR), ("minute", MINUTE), ("second", SECOND))


@dataclass(frozen=True, slots=True)
class Phrase:
    """Text of the catalogue with its fields, which may be phrases themselves."""

    key: str
    fields: Mapping[str, object] = field(default_factory=dict)

    def text(self, lang: Lang) -> str:
        """The text in `lang`."""
        return localize(self.key, lang, **{name: as_text_field(value, lang) for name, value in self.fields.items()})

    def __str__(self) -> str:
        return self.text("en")


@dataclass(frozen=True, slots=True)
class InBothLanguages:
    """Text written by people in both languages."""

    english: str
    chinese: str

    def text(self, lang: Lang) -> str:
        """The text in `lang`, or the other one when that is empty."""
        return (self.chinese or self.english) if lang == "zh" else (self.english or self.chinese)

    def __str__(self) -> str:
        return self.text("en")


@dataclass(frozen=True, slots=True)
class DurationText:
    """Duration in µs as text: at most two units, no unit below a second."""

    us: int

    def text(self, lang: Lang) -> str:
        """`2 h 5 min`, `2 小时 5 分钟`."""
        rest, parts = abs(self.us), list[tuple[str, int]]()
        for name, size in _PARTS:
            count, rest = divmod(rest, size)
            if count or (parts and len(parts) < 2):
                parts.append((name, count))
        shown = [localize(f"span.{name}", lang, n=count) for name, count in parts[:2] if count]
        return " ".join(shown) or localize("span.second", lang, n=0)

    def __str__(self) -> str:
        return self.text("en")


def duration_text(written: object, lang: Lang) -> str:
    """A written duration in words: `2m10s` -> 2 分钟 10 秒; unchanged in English. Any other value is quoted as code."""
    text = str(written)
    if _PART.sub("", text).strip():
        return f"`{text}`"
    if lang == "en":
        return text
    parts = [(one[0] or one[2], _UNIT[one[1] or one[3]]) for one in _PART.findall(text)]
    return " ".join(f"{number} {localize(f'sentence.time.{unit}', lang)}" for number, unit in parts)


def as_text_field(value: object, lang: Lang) -> object:
    """`value` as a field of a text in `lang`: texts of the catalogue resolved, lists joined, numbers with
    separators."""
    if isinstance(value, Localized):
        return value.text(lang)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10_000:
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ("、" if lang == "zh" else ", ").join(str(as_text_field(item, lang)) for item in value)
    return value
