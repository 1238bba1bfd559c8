"""One mapping of a rule file, read key by key: each reader notes its own problem and returns a usable default."""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import TypeVar

from gateway.domain.duration import format_duration, parse_duration
from rules.expr.tokens import full_width
from rules.format.yaml_tree import Items, Notes, Scalar, Tree, YamlMapping, join, number_of, plain, show, text_of

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
    """`known` are all keys that may be here; None: they are names."""

    def __init__(self, table: YamlMapping, path: str, notes: Notes, known: Collection[str] | None) -> None:
        self.table, self.path, self.notes = table, path, notes
        for key in table.entries if known is not None else ():
            if known is not None and key not in known:
                self._unknown(key, known)

    def _unknown(self, key: str, known: Collection[str]) -> None:
        if found := full_width(key):
            self.wrong(key, "rules.yaml.full_width", character=found[0], write=found[1])
        elif near := get_close_matches(key, list(known), 1, 0.6):
            self.wrong(key, "rules.key.near", name=key, near=near[0])
        else:
            self.wrong(key, "rules.key.unknown", name=key, known=", ".join(known))

    def line(self, key: str = "") -> int:
        """The line of `key`, or of the mapping."""
        return self.table.lines.get(key, self.table.line)

    def at(self, key: str) -> str:
        """The path of `key`."""
        return join(self.path, key)

    def has(self, key: str) -> bool:
        """True if it is written."""
        return key in self.table.entries

    def get(self, key: str) -> Tree | None:
        """The value of `key`, None when it is not written."""
        return self.table.entries.get(key)

    def shown(self, key: str) -> str:
        """The value of `key` as messages show it, "" when it is not written."""
        return show(self.table.entries[key]) if self.has(key) else ""

    def wrong(self, key: str, text: str, /, **fields: object) -> None:
        """Note a problem with `key`. `value` of the message is what is written, unless it is given."""
        self.notes.add(self.line(key), self.at(key), text, **{"value": self.shown(key), **fields})

    def wrong_mapping(self, text: str, /, **fields: object) -> None:
        """Note a problem with the mapping as a whole."""
        self.notes.add(self.line(), self.path, text, **fields)

    def require(self, *writes: str) -> None:
        """Note each key that is missing; `type: repair` is the key and an example."""
        for write in writes:
            name = write.partition(":")[0]
            if not self.has(name):
                self.wrong_mapping("rules.key.missing", name=name, write=write)

    def text(self, key: str, default: str = "", most: int = 200) -> str:
        """A text; a number or truth value only where it is quoted."""
        value = self.get(key)
        if value is None:
            return default
        found = text_of(value)
        if not found:
            self.wrong(key, "rules.value.text")
        elif (length := len(str(plain(value)))) > most:
            self.wrong(key, "rules.value.long", length=length, most=most)
        else:
            return found
        return default

    def word(self, key: str, default: str = "") -> str:
        """A name from the configuration: text without spaces, or a bare whole number."""
        number = number_of(self.get(key))
        if isinstance(number, int):
            return str(number)
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
        self.wrong(key, "rules.value.choice", options=" | ".join(options), write=f"{key}: {near}")
        return default

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self.get(key)
        if isinstance(value, Scalar) and isinstance(value.value, bool):
            return value.value
        if value is not None:
            self.wrong(key, "rules.value.flag", write=f"{key}: true")
        return default

    def whole(self, key: str, least: int, most: int, default: int) -> int:
        """An integer in [least, most]."""
        found = number_of(self.get(key))
        if isinstance(found, int) and least <= found <= most:
            return found
        if self.has(key):
            self.wrong(key, "rules.value.whole", least=least, most=most)
        return default

    def share(self, key: str, default: float) -> float:
        """A number from 0 to 1."""
        found = number_of(self.get(key))
        if found is not None and 0 <= found <= 1:
            return float(found)
        if self.has(key):
            self.wrong(key, "rules.value.share", write=f"{key}: 0.9")
        return default

    def duration(self, key: str, default: T, least: int = 0) -> int | T:
        """µs, at least `least`."""
        value = self.get(key)
        if value is None:
            return default
        found = duration_of(value)
        if found is None:
            self.wrong(key, "rules.value.duration", write=f"{key}: {guess(value)}")
        elif not least <= found <= LONGEST:
            self.wrong(key, "rules.value.range", span=f"{format_duration(least)} … {format_duration(LONGEST)}")
        else:
            return found
        return default

    def names(self, key: str) -> tuple[str, ...]:
        """A text or a list of texts, each once."""
        out: list[str] = []
        for line, item in self.several(key):
            if not text_of(item):
                self.notes.add(line, self.at(key), "rules.value.names", value=show(item))
            elif (name := str(plain(item))) in out:
                self.notes.add(line, self.at(key), "rules.value.twice", value=name)
            else:
                out.append(name)
        return tuple(out)

    def several(self, key: str) -> Iterator[tuple[int, Tree]]:
        """(line, value) of each item in the list below `key`; a single value is a list of one."""
        tree = self.get(key)
        items = () if tree is None else tree.items if isinstance(tree, Items) else (tree,)
        if tree is not None and not items:
            self.wrong(key, "rules.value.names", value="[]")
        yield from ((item.line or self.line(key), item) for item in items)

    def items(self, key: str, write: str) -> Iterator[tuple[str, int, Tree]]:
        """(path, line, value) of each item in the list below `key`."""
        tree = self.get(key)
        if isinstance(tree, Items):
            for index, item in enumerate(tree.items):
                yield join(self.at(key), index), item.line or self.line(key), item
        elif tree is not None:
            self.wrong(key, "rules.value.list", write=write)

    def tables(self, key: str, known: Collection[str], write: str, whole: str = "") -> Iterator["MappingReader"]:
        """The mappings in the list below `key`; `write` is an example of one, `whole` of the list."""
        for path, line, item in self.items(key, whole or f"{key}: [{write}]"):
            if isinstance(item, YamlMapping):
                yield MappingReader(item, path, self.notes, known)
            else:
                self.notes.add(line, path, "rules.value.mapping", value=show(item), write=write)

    def named_tables(self, known: Collection[str] | None, write: str) -> Iterator[tuple[str, "MappingReader"]]:
        """The mappings below each key; `write` is an example of one."""
        for key in self.table.entries:
            if inside := self.inside(key, known, write):
                yield key, inside

    def inside(self, key: str, known: Collection[str] | None, write: str) -> "MappingReader | None":
        """The mapping below `key`; None when it is not written, or after a problem was noted."""
        value = self.get(key)
        if isinstance(value, YamlMapping):
            return MappingReader(value, self.at(key), self.notes, known)
        if value is not None:
            self.wrong(key, "rules.value.mapping", write=write)
        return None


def duration_of(value: Tree) -> int | None:
    """`2m10s` -> µs; None for anything else."""
    if not text_of(value):
        return 0 if number_of(value) == 0 else None
    try:
        return parse_duration(str(plain(value)))
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
    """Suggested correction: a bare number is seconds, `5 min` and `五分钟` are 5m."""
    if (number := number_of(value)) is not None:
        return f"{number}s"
    packed = unicodedata.normalize("NFKC", text_of(value)).replace(" ", "").lower()
    packed = _FIGURE.sub(lambda figure: str(_number(figure[0])), packed)
    packed = _SPOKEN.sub(lambda half: f"{half[1] or 0}.5{half[2]}", packed)
    for long, short in _LONG.items():
        packed = packed.replace(long, short)
    try:
        return format_duration(parse_duration(packed))
    except ValueError:
        return "2m"


def bilingual(fields: MappingReader, key: str, default: str, most: int, write: str) -> Mapping[str, str]:
    """A text for both languages, or one for each; one that is missing is taken from the other."""
    if not isinstance(fields.get(key), YamlMapping):
        text = fields.text(key, default, most)
        return {"en": text, "zh": text}
    before = len(fields.notes.problems)
    found = texts_by_language(fields, key, most, write)
    if not found and len(fields.notes.problems) == before:
        fields.wrong(key, "rules.value.title", name=key, write=write)
    english, chinese = found.get("en", ""), found.get("zh", "")
    return {"en": english or chinese, "zh": chinese or english}


def texts_by_language(fields: MappingReader, key: str, most: int, write: str) -> Mapping[str, str]:
    """The texts of a mapping by language, those that are written."""
    inside = fields.inside(key, ("en", "zh"), write)
    return {lang: text for lang in ("en", "zh") if inside and (text := inside.text(lang, most=most))}
