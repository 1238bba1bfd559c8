"""Template of a sentence: words of the rule with places for readings, filled from the evidence.

The words depend on the rule alone and are made once; the readings are put in for every alarm.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gateway.domain.alarm import Evidence, MemberSeen, ReadingSeen
from gateway.domain.duration import parse_duration
from gateway.domain.text import Lang, localize
from rules.sentence.quantities import length, written

_OPEN, _CLOSE, _BAR = "\ue000", "\ue001", "\ue002"
CHOOSING = "\ue003"
"""Mark among the words of alternatives."""
_PLACE = re.compile(f"{_OPEN}([^{_CLOSE}]*){_CLOSE}")
_NAMED = 5
_HAN = "[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef“”]"
_EDGE = re.compile("(?<=[\u4e00-\u9fff])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9%])(?=[\u4e00-\u9fff])")
_GAPS = re.compile(f"(?<={_HAN}) +(?={_HAN})|(?<=[，；：。、（）]) +| +(?=[，；：。、（）])")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """Place for evidence: `kind` of evidence, `name` of its point, signal or attribute; `unit` of the rule; `other`
    when it is missing, `default` of the rule when the device list has no value.

    `form`: plain, with a space before it · is, as a verb · inside, in brackets · bare.
    """

    kind: str
    name: str = ""
    unit: str = ""
    form: str = "bare"
    other: str = ""
    default: str = ""

    def text(self) -> str:
        """Mark among the words, until it is filled; without places inside `other`."""
        other = _PLACE.sub(lambda inner: inner[1].split(_BAR)[4], self.other)
        return _OPEN + _BAR.join((self.kind, self.name, self.unit, self.form, other, self.default)) + _CLOSE


@dataclass(frozen=True, slots=True)
class SeenEvidence:
    """Values for the places: the evidence, and the time of the change, µs."""

    evidence: Evidence
    at: int
    lang: Lang


@dataclass(frozen=True, slots=True)
class SentenceTemplate:
    """Words and places in turn. `choosing`: it has alternatives that the evidence decides. `texts`: (point, value) ->
    title."""

    parts: tuple[str | Placeholder, ...]
    choosing: bool = False
    texts: Mapping[tuple[str, str], str] = field(default_factory=dict, compare=False)

    def fill(self, seen: SeenEvidence) -> str:
        """The sentence, its first letter large; in Chinese spaces where letters and figures begin, and nowhere else."""
        text = "".join(part if isinstance(part, str) else _filled(part, seen, self.texts) for part in self.parts)
        return _EDGE.sub(" ", _GAPS.sub("", text)) if seen.lang == "zh" else text[:1].upper() + text[1:]


def template(words: str, texts: Mapping[tuple[str, str], str] = MappingProxyType({})) -> SentenceTemplate:
    """Cut at its places."""
    choosing = CHOOSING in words
    pieces = _PLACE.split(words.replace(CHOOSING, ""))
    parts = [one if k % 2 == 0 else Placeholder(*one.split(_BAR)) for k, one in enumerate(pieces)]
    return SentenceTemplate(tuple(one for one in parts if one != ""), choosing, texts)


def _filled(place: Placeholder, seen: SeenEvidence, texts: Mapping[tuple[str, str], str]) -> str:
    found = _reading(place.name, seen.evidence) if place.kind == "point" else None
    called = texts.get((place.name, found.value)) if found is not None and isinstance(found.value, str) else None
    text = called or _READ[place.kind](place, seen) or place.other
    if not text or place.form == "bare":
        return text
    return f" {text}" if place.form == "plain" else localize(f"sentence.{place.form}", seen.lang, text=text)


def _reading(name: str, evidence: Evidence) -> ReadingSeen | None:
    return next((one for one in evidence.readings if one.point == name), None)


def _point(place: Placeholder, seen: SeenEvidence) -> str:
    found = _reading(place.name, seen.evidence)
    if found is None:
        return ""
    if found.value is None:
        return localize("sentence.unknown", seen.lang)
    if isinstance(found.value, str):
        return localize("sentence.quote", seen.lang, text=found.value)
    return written(float(found.value), found.unit, place.unit, seen.lang)


def _signal(place: Placeholder, seen: SeenEvidence) -> str:
    found = next((one for one in seen.evidence.signals if one.name == place.name), None)
    if found is None:
        return ""
    return (
        localize("sentence.unknown", seen.lang)
        if found.value is None
        else written(found.value, found.unit, place.unit, seen.lang)
    )


def _attr(place: Placeholder, seen: SeenEvidence) -> str:
    """`attr device temp_trip` is the origin of a number that an attribute gave; "" when members have several."""
    origins = {one.origin: one for one in seen.evidence.thresholds}
    found = {
        written(one.value, one.unit, place.unit, seen.lang): None
        for origin, one in origins.items()
        if origin.startswith("attr ") and origin.split(" ", 2)[-1] == place.name
    }
    if not found and "default" in origins and place.default:
        found = {place.default: None}
    return localize("sentence.attr", seen.lang, value=next(iter(found)), name=place.name) if len(found) == 1 else ""


def _silence(place: Placeholder, seen: SeenEvidence) -> str:  # noqa: ARG001 - of all points that prove life
    newest = max((one.received or one.at for one in seen.evidence.readings), default=0)
    return length(seen.at - newest, seen.lang) if newest else ""


def _votes(seen: SeenEvidence) -> tuple[float, float] | None:
    """(number of votes, of members); None when the condition has several quorums, or none."""
    counts = {one.name: one.value for one in seen.evidence.signals}
    quorums = [name.removesuffix(" voting") for name in counts if name.endswith(" voting")]
    votes, known = (counts.get(f"{quorums[0]} voting"), counts.get(quorums[0])) if len(quorums) == 1 else (None, None)
    return None if votes is None or known is None else (votes, known)


def _voting(place: Placeholder, seen: SeenEvidence) -> str:  # noqa: ARG001 - there is one such place
    found = _votes(seen)
    return (
        "" if found is None else localize("sentence.voting", seen.lang, count=f"{found[0]:.0f}", all=f"{found[1]:.0f}")
    )


def _members(place: Placeholder, seen: SeenEvidence) -> str:  # noqa: ARG001 - those that voted
    voted = [one for one in seen.evidence.members if one.since]
    if not voted or _votes(seen) is None:
        return ""
    names = localize("sentence.comma", seen.lang).join(_member(one) for one in voted[:_NAMED])
    more = len(voted) - _NAMED + seen.evidence.others if len(voted) > _NAMED else 0
    return localize("sentence.others", seen.lang, names=names, n=more) if more else names


def _member(one: MemberSeen) -> str:
    return f"{one.device}#{one.component}" if one.component else one.device


def _due(place: Placeholder, seen: SeenEvidence) -> str:
    """The evidence of a date is `due insurance_until 2026-05-01 -14d`."""
    words = seen.evidence.condition.split()
    if len(words) != 4 or words[0] != "due":
        return ""
    offset = parse_duration(words[3])
    key = "ahead" if offset < 0 else "past" if offset else "today"
    when = localize(f"sentence.due_{key}", seen.lang, span=length(offset, seen.lang))
    return localize("sentence.due", seen.lang, date=place.name, day=words[2], when=when)


_READ = {
    "point": _point, "signal": _signal, "attr": _attr, "silence": _silence, "voting": _voting,
    "members": _members, "due": _due,
}  # fmt: skip


def has_place(words: str) -> bool:
    """True if the words have a place for evidence."""
    return _OPEN in words


def spoken(words: str) -> int:
    """Number of characters without places."""
    return len(_PLACE.sub("", words))


def listed(items: Iterable[str], lang: Lang) -> str:
    """`A, B`, A、B."""
    return localize("sentence.comma", lang).join(items)
