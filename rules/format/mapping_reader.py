"""One mapping of a rule file, read key by key: each reader notes its own problem and returns a usable default."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import TypeVar

from gateway.domain.duration import format_duration, parse_duration
from rules.expr.tokens import full_width
from rules.format.yaml_tree import Items, Notes, Scalar, Tree, YamlMapping, join, show

T = TypeVar("T")
_LONG = {
    "milliseconds": "ms", "millisecond": "ms", "minutes": "m", "minute": "m", "mins": "m", "hours": "h", "hour": "h",
    "hrs": "h", "hr": "h", "days": "d", "day": "d", "seconds": "s", "second": "s", "secs": "s", "sec": "s",
    "weeks": "w", "week": "w", "毫秒": "ms", "分钟": "m", "分": "m", "个小时": "h", "小时": "h", "钟头": "h", "时": "h",
    "秒钟": "s", "秒": "s", "星期": "w", "周": "w", "天": "d", "日": "d", "个": "",
}  # fmt: skip
_SPOKEN = re.compile("([0-9]*)个?半个?(小时|天)")
_FIGURE = re.compile("[零一二两三四五六七八九十百]+")
_DIGIT = {word: k for k, word in enumerate("零一二三四五六七八九")} | {"两": 2}
LONGEST = 20 * 366 * 86_400_000_000  # µs: twenty years; longer durations are slips of the pen


class MappingReader:
    """`known` are all keys that may stand here."""

    def __init__(self, table: YamlMapping, path: str, notes: Notes, known: Collection[str]) -> None:
        self.table, self.path, self.notes = table, path, notes
        for key in table.entries:
            if key not in known:
                self._stranger(key, known)

    def _stranger(self, key: str, known: Collection[str]) -> None:
        line, path = self.line(key), join(self.path, key)
        if found := full_width(key):
            return self.notes.add(line, path, "rules.yaml.full_width", character=found[0], write=found[1])
        if near := get_close_matches(key, list(known), 1, 0.6):
            return self.notes.add(line, path, "rules.key.near", name=key, near=near[0])
        return self.notes.add(line, path, "rules.key.unknown", name=key, known=", ".join(known))

    def line(self, key: str = "") -> int:
        """The line of `key`, or of the mapping."""
        return self.table.lines.get(key, self.table.line)

    def at(self, key: str) -> str:
        """The path of `key`."""
        return join(self.path, key)

    def has(self, key: str) -> bool:
        """Is it written?"""
        return key in self.table.entries

    def get(self, key: str) -> Tree | None:
        """The value of `key`, None when it is not written."""
        return self.table.entries.get(key)

    def wrong(self, key: str, text: str, /, **fields: object) -> None:
        """Note a problem with `key`."""
        self.notes.add(self.line(key), self.at(key), text, **fields)

    def require(self, key: str, write: str) -> None:
        """Note that `key` is missing."""
        if not self.has(key):
            self.notes.add(self.line(), self.path, "rules.key.missing", name=key, write=write)

    def text(self, key: str, default: str = "", most: int = 200) -> str:
        """A text; a number or truth value is taken as it is written only where it is quoted."""
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, Scalar) or not isinstance(value.value, str) or not value.value.strip():
            self.wrong(key, "rules.value.text", value=show(value))
            return default
        if len(value.value) > most:
            self.wrong(key, "rules.value.long", length=len(value.value), most=most)
            return default
        return value.value.strip()

    def word(self, key: str, default: str = "") -> str:
        """A name from the configuration: text without spaces, or a bare number."""
        value = self.get(key)
        if isinstance(value, Scalar) and isinstance(value.value, int) and not isinstance(value.value, bool):
            return str(value.value)
        text = self.text(key, default)
        if any(character.isspace() for character in text):
            self.wrong(key, "rules.value.name", value=text)
            return default
        return text

    def choice(self, key: str, options: Sequence[str], default: str) -> str:
        """One of `options`."""
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, Scalar) and value.value in options:
            return str(value.value)
        near = next(iter(get_close_matches(show(value), options, 1, 0.5)), options[0])
        self.wrong(key, "rules.value.choice", value=show(value), options=" | ".join(options), write=f"{key}: {near}")
        return default

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, Scalar) and isinstance(value.value, bool):
            return value.value
        self.wrong(key, "rules.value.flag", value=show(value), write=f"{key}: true")
        return default

    def whole(self, key: str, least: int, most: int, default: int) -> int:
        """An integer in [least, most]."""
        value = self.get(key)
        if value is None:
            return default
        found = value.value if isinstance(value, Scalar) else None
        if isinstance(found, int) and not isinstance(found, bool) and least <= found <= most:
            return found
        self.wrong(key, "rules.value.whole", value=show(value), least=least, most=most)
        return default

    def share(self, key: str, default: float) -> float:
        """A number from 0 to 1."""
        value = self.get(key)
        if value is None:
            return default
        found = value.value if isinstance(value, Scalar) else None
        if isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found <= 1:
            return float(found)
        self.wrong(key, "rules.value.share", value=show(value), write=f"{key}: 0.9")
        return default

    def duration(self, key: str, default: T, least: int = 0) -> int | T:
        """µs, at least `least`."""
        value = self.get(key)
        if value is None:
            return default
        found = duration_of(value)
        if found is None:
            self.wrong(key, "rules.value.duration", value=show(value), write=f"{key}: {guess(value)}")
            return default
        if not least <= found <= LONGEST:
            span = f"{format_duration(least)} … {format_duration(LONGEST)}"
            self.wrong(key, "rules.value.range", value=show(value), span=span)
            return default
        return found

    def names(self, key: str) -> tuple[str, ...]:
        """A text or a list of texts, each once."""
        value = self.get(key)
        if value is None:
            return ()
        items = value.items if isinstance(value, Items) else (value,)
        out: list[str] = []
        for item in items:
            if not isinstance(item, Scalar) or not isinstance(item.value, str) or not item.value.strip():
                self.notes.add(item.line or self.line(key), self.at(key), "rules.value.names", value=show(item))
            elif item.value in out:
                self.notes.add(item.line or self.line(key), self.at(key), "rules.value.twice", value=item.value)
            else:
                out.append(item.value)
        if not items:
            self.wrong(key, "rules.value.names", value="[]")
        return tuple(out)

    def table_of(self, key: str, example: str) -> YamlMapping | None:
        """A mapping below `key`."""
        value = self.get(key)
        if value is None or isinstance(value, YamlMapping):
            return value
        self.wrong(key, "rules.value.mapping", value=show(value), write=example)
        return None


def duration_of(value: Tree) -> int | None:
    """`2m10s` -> µs; None for anything else."""
    if not isinstance(value, Scalar) or not isinstance(value.value, str):
        return 0 if isinstance(value, Scalar) and value.value == 0 and not isinstance(value.value, bool) else None
    try:
        return parse_duration(value.value)
    except ValueError:
        return None


def _number(figure: str) -> int:
    """`十五` -> 15."""
    total, digit = 0, 0
    for word in figure:
        if word in _DIGIT:
            digit = _DIGIT[word]
        else:
            total, digit = total + (digit or 1) * (10 if word == "十" else 100), 0
    return total + digit


def guess(value: Tree) -> str:
    """What a person probably meant: a bare number is seconds, `5 min` and `五分钟` are 5m."""
    if isinstance(value, Scalar) and isinstance(value.value, int | float) and not isinstance(value.value, bool):
        return f"{value.value}s"
    if isinstance(value, Scalar) and isinstance(value.value, str):
        packed = unicodedata.normalize("NFKC", value.value).replace(" ", "").lower()
        packed = _FIGURE.sub(lambda figure: str(_number(figure[0])), packed)
        packed = _SPOKEN.sub(lambda half: f"{half[1] or 0}.5{half[2]}", packed)
        for long, short in _LONG.items():
            packed = packed.replace(long, short)
        try:
            return format_duration(parse_duration(packed))
        except ValueError:
            pass
    return "2m"


def both(fields: MappingReader, key: str, default: str, most: int, write: str) -> Mapping[str, str]:
    """A text for both languages, or one for each; one that is missing is taken from the other."""
    tree = fields.get(key)
    if not isinstance(tree, YamlMapping):
        text = fields.text(key, default, most)
        return {"en": text, "zh": text}
    before = len(fields.notes.problems)
    inside = MappingReader(tree, fields.at(key), fields.notes, ("en", "zh"))
    english, chinese = inside.text("en", most=most), inside.text("zh", most=most)
    if not english and not chinese and len(fields.notes.problems) == before:
        fields.wrong(key, "rules.value.title", name=key, write=write)
    return {"en": english or chinese, "zh": chinese or english}
