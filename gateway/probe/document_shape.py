"""Many documents of one kind -> what a route reads of them: time, device, component and points. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.domain.device import PointKind
from gateway.probe import key_words
from gateway.probe.frames import DocumentFrame, row_leaves
from gateway.probe.leaves import Leaf
from gateway.probe.moments import date_and_time, is_of_reading, moment_unit, rank
from gateway.probe.values import FoundPoint, PointFacts, RawUnit
from gateway.starter.sample_lists import TIMES

MOST_POINTS = 120
MOST_VALUES = 32
LONGEST_STATE = 64
MOST_STATES = 12
_STATE = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,64}")
_CODE = re.compile(r"[\w.:@/ -]{1,64}")
_NUMERIC = re.compile(r"-?(\d+(\.\d+)?|\.\d+)([eE][-+]?\d{1,2})?")
_COMMA = re.compile(r"-?\d+,\d+")
_TRUE = {"true": "on", "false": "off"}
FactsAt = Callable[[str], PointFacts | None]
"""Path -> what a birth message states about it."""


@dataclass(slots=True)
class SeenPlace:
    """Every value seen at one path."""

    leaf: Leaf
    values: list[Any] = field(default_factory=list)
    units: set[str] = field(default_factory=set)
    rows: int = 0

    def add(self, leaf: Leaf) -> None:
        """One more value."""
        self.rows += 1
        if leaf.unit:
            self.units.add(leaf.unit)
        if leaf.value is not None and len(self.values) < MOST_VALUES:
            self.values.append(leaf.value)

    @property
    def numbers(self) -> list[float]:
        """The numbers among the values, texts of numbers included, in order."""
        return [number for value in self.values if (number := _number(value)) is not None]


@dataclass(slots=True)
class DocumentShape:
    """`device`: path of a code; `codes` what stands there. `part`: path of the component, `add` to its number."""

    points: list[FoundPoint]
    time: tuple[tuple[str, ...], str] | None = None
    device: str = ""
    codes: tuple[str, ...] = ()
    part: str = ""
    add: int = 0
    most: int = 0
    ignore: list[str] = field(default_factory=list)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return None if abs(value) >= 1e300 else float(value)
    if isinstance(value, str) and _NUMERIC.fullmatch(value.strip()):
        return float(value)
    if isinstance(value, str) and _COMMA.fullmatch(value.strip()):
        return float(value.replace(",", "."))
    return None


def shape_of(
    frames: Sequence[DocumentFrame], levels: frozenset[str], facts: FactsAt, table: Mapping[str, RawUnit]
) -> DocumentShape:
    """`levels`: codes of devices in the topics, which a value of the message may repeat. `table`: the
    units of the ecosystem by key."""
    places = _places(frames)
    found = DocumentShape([])
    taken = _time(places, found)
    device = _device(places, taken)
    if device is not None:
        found.device = device.leaf.path
        found.codes = tuple(dict.fromkeys(str(value) for value in device.values if _CODE.fullmatch(str(value))))
        taken.add(found.device)
    _part(places, found, taken, levels)
    words = {place.leaf.word for place in places.values()}
    for path, place in places.items():
        if path in taken:
            continue
        point = point_at(place, words, facts(path), table)
        if point is None or len(found.points) >= MOST_POINTS:
            found.ignore.append(path)
        else:
            point.each = bool(found.part) and not path.startswith("$") and not point.component
            found.points.append(point)
    _powers(found.points, places)
    return found


def _places(frames: Sequence[DocumentFrame]) -> dict[str, SeenPlace]:
    found: dict[str, SeenPlace] = {}
    for frame in frames:
        for _, leaf in row_leaves(frame):
            if len(found) < 4 * MOST_POINTS or leaf.path in found:
                found.setdefault(leaf.path, SeenPlace(leaf)).add(leaf)
    return found


def _time(places: Mapping[str, SeenPlace], found: DocumentShape) -> set[str]:
    """Set the time of the shape. Returns every place that holds a moment: they are no points."""
    moments: list[tuple[int, int, int, str, str]] = []
    for path, place in places.items():
        units = {moment_unit(value) for value in place.values}
        if len(units) != 1 or "" in units:
            continue
        unit, by_word = units.pop(), rank(place.leaf.word)
        if by_word is None and unit not in ("iso", "parts"):
            continue
        outer = int(path.startswith("$"))
        moments.append((outer, by_word if by_word is not None else 99, len(place.leaf.keys), path, unit))
    own = [one for one in moments if is_of_reading(places[one[3]].leaf.word)]
    if own:
        *_, path, unit = min(own)
        found.time = ((path,), unit)
    else:
        texts = [(path, place.values[-1]) for path, place in places.items() if place.values]
        found.time = date_and_time(texts)
    taken = {path for *_, path, _ in moments}
    found.ignore += sorted(taken - {*(found.time[0] if found.time else ())})
    return taken | {*(found.time[0] if found.time else ())}


def _device(places: Mapping[str, SeenPlace], taken: set[str]) -> SeenPlace | None:
    """The place of a device's code, inside an element before outside of it."""
    order = {word: number for number, word in enumerate(key_words.DEVICE_WORDS)}
    found = [
        (int(path.startswith("$")), order[place.leaf.word], len(place.leaf.keys), path)
        for path, place in places.items()
        if place.leaf.word in order
        and path not in taken
        and place.values
        and not place.leaf.component
        and "=" not in path
        and all(_is_code(value) for value in place.values)
        and not (place.leaf.word in ("id", "code") and len(place.leaf.keys) > 1)
        and place.leaf.word not in TIMES
    ]
    return places[min(found)[-1]] if found else None


def _is_code(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and bool(_CODE.fullmatch(str(value)))


def _part(places: Mapping[str, SeenPlace], found: DocumentShape, taken: set[str], levels: frozenset[str]) -> None:
    """The place of the component's number; where it only repeats the level of the topic, it is left out."""
    for path, place in places.items():
        numbers = place.values
        if place.leaf.word not in key_words.PART_WORDS or path in taken or not numbers or path.startswith("$"):
            continue
        if not all(type(number) is int and 0 <= number < 16 for number in numbers) or place.leaf.component:
            continue
        taken.add(path)
        if {str(number) for number in numbers} <= levels:
            found.ignore.append(path)
            continue
        connector = place.leaf.word.startswith("connector") or place.leaf.word.startswith("evse")
        found.part, found.add = path, int(0 in numbers and not (connector and max(numbers) > 0))
        found.most = max(numbers) + found.add
        return


def point_at(
    place: SeenPlace, words: set[str], facts: PointFacts | None, table: Mapping[str, RawUnit]
) -> FoundPoint | None:
    """None = no point of a device: a number of a message, a text that is no state, a list of bytes."""
    leaf, keys = place.leaf, place.leaf.keys
    if facts is None and (leaf.word in key_words.NOT_READ or not place.values):
        return None
    name = facts.name if facts is not None and facts.name else key_words.name_of(keys)
    found = FoundPoint(leaf.path, name, PointKind.GAUGE, component=leaf.component)
    found.title = "" if not keys or key_words.words_of(keys[-1])[:1] == [""] else _title(keys[-1], name)
    if facts is not None:
        return stated(found, facts, place.numbers)
    kinds = {type(value) for value in place.values}
    if bool in kinds:
        if kinds != {bool}:
            return None
        found.kind, found.values, found.texts = PointKind.STATE, ("off", "on"), ((True, "on"), (False, "off"))
        return found
    numbers = place.numbers
    codes = [value for value in place.values if isinstance(value, str) and _is_label(value)]
    if len(numbers) == len(place.values) and not codes:
        return _measured(found, place, words, table)
    return _state(found, place)


def _is_label(text: str) -> bool:
    """`0001`, a number of 16 digits: digits that are no amount."""
    digits = text.strip().lstrip("-")
    return digits.isdecimal() and ((len(digits) > 1 and digits[0] == "0") or len(digits) > 15)


def _measured(
    found: FoundPoint, place: SeenPlace, siblings: set[str], table: Mapping[str, RawUnit]
) -> FoundPoint | None:
    words = [word for key in place.leaf.keys for word in key_words.words_of(key)]
    if place.leaf.word in key_words.DEVICE_WORDS:
        return None
    found.comma = any(isinstance(value, str) and "," in value for value in place.values)
    last = key_words.words_of(place.leaf.keys[-1]) if place.leaf.keys else []
    if last[:1] == ["bool"]:
        found.kind, found.values = PointKind.STATE, ("off", "on")
        found.texts = ((1, "on"), (0, "off"))
        return found
    keys = place.leaf.keys
    sent = table.get("/".join(keys)) or table.get(".".join(keys[-2:])) or table.get(keys[-1] if keys else "")
    if sent is not None:
        as_sent(found, sent)
    if place.units and not found.named:
        beside = {text: key_words.reconciled(words, key_words.known_unit(text)) for text in place.units}
        units = [unit for unit in beside.values() if unit]
        if len(units) == len(beside):
            found.unit, found.named = units[0], True
            agreed = all(key_words.known_unit(text) == unit for text, unit in beside.items())
            found.unit_path = place.leaf.unit_path if agreed else ""
            found.unit_texts = {text: unit for text, unit in beside.items() if text != unit}
    if not found.unit:
        found.unit = key_words.reconciled(words, key_words.unit_in_key(last))
        found.named = bool(found.unit)
        if found.named and len(last) > 1:
            found.name = found.name.removesuffix(f"_{last[-1]}")
    if not found.unit:
        found.unit = key_words.usual_unit(last or words, place.numbers, siblings)
    if key_words.counts(words, found.unit, place.numbers, last):
        found.kind = PointKind.COUNTER
    return found


def as_sent(found: FoundPoint, sent: RawUnit) -> None:
    """Set what an ecosystem's documents state about a number."""
    found.unit, found.named = sent.unit, bool(sent.unit)
    found.scale, found.offset, found.missing = sent.scale, sent.offset, sent.missing


def _state(found: FoundPoint, place: SeenPlace) -> FoundPoint | None:
    texts = [value for value in place.values if isinstance(value, str)]
    distinct = list(dict.fromkeys(texts))
    moments = any(moment_unit(text) for text in texts)
    long = any(len(text) > LONGEST_STATE or not state_text(text) for text in texts)
    blob = any(re.fullmatch(r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9+/_-]{14,}={0,2}", text) for text in texts)
    many = len(distinct) > MOST_STATES
    named = place.leaf.word in key_words.DEVICE_WORDS or place.leaf.word in ("name", "friendly_name", "model")
    if moments or long or blob or many or named or len(texts) < len(place.values):
        return None
    found.kind = PointKind.STATE
    found.values = tuple(text for text in distinct if state_text(text))
    return found


def state_text(text: str) -> bool:
    """True if a profile may list the text among the values of a state."""
    return bool(_STATE.fullmatch(text)) and text.isprintable() and text == text.strip() and "${" not in text


def _title(key: str, name: str) -> str:
    """The key itself, where the name could not keep its letters."""
    return key if not key.isascii() and key.isprintable() and len(key) <= 60 and "${" not in key and name else ""


def stated(found: FoundPoint, facts: PointFacts, numbers: Sequence[float] = ()) -> FoundPoint:
    """The point as a birth message describes it; what that leaves out is guessed."""
    words = key_words.words_of(found.name)
    found.values = tuple(text for text in facts.values if state_text(text))
    found.texts, found.low, found.high = facts.texts, facts.low, facts.high
    found.title = facts.title or found.title
    states = facts.kind is PointKind.STATE or bool(facts.values)
    found.kind = PointKind.STATE if states else facts.kind or PointKind.GAUGE
    if not states:
        found.values, found.texts = (), ()
        found.unit = key_words.known_unit(facts.unit)
        found.named = bool(found.unit)
        if facts.kind is None and key_words.counts(words, found.unit, numbers):
            found.kind = PointKind.COUNTER
    return found


def _powers(points: Sequence[FoundPoint], places: Mapping[str, SeenPlace]) -> None:
    """Units of powers by voltage and current of the same message."""
    last = {point.path: places[point.path].leaf.word for point in points if point.path in places}

    def number(*words: str) -> Iterator[float]:
        for path, word in last.items():
            if word in words and places[path].numbers:
                yield places[path].numbers[-1]

    voltage, current = (
        next(number("voltage", "volt", "u", "output_voltage"), 0.0),
        next(number("current", "i", "output_current"), 0.0),
    )
    for point in points:
        if point.unit or point.kind is not PointKind.GAUGE or last.get(point.path) not in ("power", "p", "act_power"):
            continue
        numbers = places[point.path].numbers
        point.unit = key_words.power_unit(numbers[-1], voltage, current) if numbers else ""
