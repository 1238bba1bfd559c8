"""Topics -> filters of routes: which levels are codes of devices, connectors, names of points. Pure.

The topics of known ecosystems come from a table, birth messages state theirs. Elsewhere a level is a code when the
message repeats it, when it looks like one (a digit in it), or when several of its values have the same below them.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.probe import key_words
from gateway.probe.layouts import LAYOUTS, TopicLayout

TOPIC = re.compile(r"[^\x00-\x1f\x7f+#{}$\ud800-\udfff]{1,400}")
CODE = re.compile(r"(?=.*\w)(?! )[\w.:@ -]{1,64}(?<! )")
_ID = re.compile(r"(?=.*\d)[\w.:-]{1,64}", re.ASCII)
_NO_ID = re.compile(r"(?ai)(l|phase|p|v|api|gen|ver)?_?[-.]?[0-9](\.\d)?|[a-z]+[:_]\d{1,2}|(?:pm|co|m)\d")
_NUMBER = re.compile(r"\d{1,4}")
_CAPTURE = re.compile(r"\{([a-z_][a-z0-9_]*)\*?\}")
KINDS = frozenset(
    {"data", "event", "events", "telemetry", "status", "state", "up", "down", "rx", "tx", "info", "sensor",
     "attributes", "report", "message", "msg", "realtime", "online", "lwt", "availability", "value", "values", "json",
     "payload",
     "measure", "measurements", "upstream", "result", "uplink", "properties", "property", "post", "stats", "config",
     "heartbeat", "alarm", "alarms", "fault", "meter", "energy", "battery", "position", "location"}
)  # fmt: skip
"""Levels that name a kind of message and no device."""


@dataclass(frozen=True, slots=True)
class TopicPlace:
    """Where a topic belongs. `filter`, `device` as in a route; `code` of its device ("" = in the message, at `path`).

    `field`: the text captured as the name of a point; `capture`: the one that is a component, `number` what it is here.
    `words`: for names of profiles; `table`: of units.
    """

    topic: str
    filter: str
    device: str
    code: str
    words: tuple[str, ...]
    table: str = ""
    path: str = ""
    field: str = ""
    capture: str = ""
    number: int = -1


@dataclass(slots=True)
class TopicEvidence:
    """What is known of a topic before it is placed: whether it has documents, the codes in its messages, its keys."""

    document: bool
    codes: set[str] = field(default_factory=set)
    keys: frozenset[str] = frozenset()


def place_topics(
    evidence: Mapping[str, TopicEvidence], templates: Mapping[str, tuple[str, str, str]]
) -> dict[str, TopicPlace]:
    """Every usable topic -> its place. `templates`: what birth messages state: topic -> (filter, device,
    table)."""
    found: dict[str, TopicPlace] = {}
    rest: dict[str, TopicEvidence] = {}
    for topic, one in evidence.items():
        stated = templates.get(topic)
        layouts = (
            [TopicLayout(*stated)]
            if stated
            else [layout for layout in LAYOUTS if layout.documents in (None, one.document)]
        )
        place = next((p for layout in layouts if (p := _by_layout(topic, layout, one)) is not None), None)
        if place is not None:
            found[topic] = place
        else:
            rest[topic] = one
    found |= _Guess(rest).places()
    return found


def _by_layout(topic: str, layout: TopicLayout, evidence: TopicEvidence) -> TopicPlace | None:
    levels, wanted = topic.split("/"), layout.filter.split("/")
    if layout.filter.endswith("*}") and len(levels) >= len(wanted):
        levels[len(wanted) - 1 :] = ["/".join(levels[len(wanted) - 1 :])]
    if len(levels) != len(wanted):
        return None
    captures: dict[str, str] = {}
    written: list[str] = []
    capture, number = "", -1
    for level, want in zip(levels, wanted, strict=True):
        hole = _CAPTURE.fullmatch(want)
        if want == "*:{n}":
            parts = re.fullmatch(r"(\w+):(\d{1,2})", level)
            if parts is None or int(parts[2]) > 15:
                return None
            written.append(f"{parts[1]}:{{n}}")
            capture, number = "n", int(parts[2])
            continue
        if not level or (hole is None and want not in ("*", level)):
            return None
        if hole is not None:
            captures[hole[1]] = level
        written.append(level if want == "*" else want)
    if "field" in captures and (captures["field"].startswith("$") or "/$" in captures["field"]):
        return None
    fields = captures.pop("field", "")
    pattern = "/".join(written)
    words_of_field: tuple[str, ...] = ()
    if fields and evidence.document and layout.table != "victron":
        pattern = re.sub(r"\{field\*?\}", lambda _: fields, pattern)
        words_of_field, fields = (fields,), ""
    code = "" if layout.path else _CAPTURE.sub(lambda hole: captures.get(hole[1], ""), layout.device)
    if not layout.path and not CODE.fullmatch(code):
        return None
    words = tuple(one for one in pattern.split("/") if "{" not in one)[: None if not words_of_field else -1]
    if layout.table and all(word.lower() in KINDS or word in ("tele", "stat", "rpc") for word in words):
        words = (layout.table,)
    return TopicPlace(topic, pattern, layout.device, code, words, layout.table, layout.path, fields, capture, number)


class _Guess:
    """Topics of unknown layout."""

    def __init__(self, evidence: Mapping[str, TopicEvidence]) -> None:
        self._evidence = evidence
        self._levels = {topic: topic.split("/") for topic in evidence}
        self._siblings = _variable_levels(self._levels, evidence)

    def places(self) -> dict[str, TopicPlace]:
        """All of them. Codes that two devices would share get the other captures of the topic as well."""
        drafts = {topic: self._draft(topic) for topic in self._evidence}
        shared: dict[tuple[str, str], set[tuple[str, ...]]] = defaultdict(set)
        for topic, draft in drafts.items():
            shared[draft.pattern(), draft.code(self._levels[topic])].add(draft.others(self._levels[topic]))
        twice = {pattern for (pattern, code), others in shared.items() if code and len(others) > 1}
        found = {}
        for topic, draft in drafts.items():
            draft.joined = draft.pattern() in twice
            found[topic] = draft.place(topic, self._levels[topic])
        return found

    def _draft(self, topic: str) -> "_Draft":
        levels, one = self._levels[topic], self._evidence[topic]
        last = len(levels) - 1
        ids = [n for n, level in enumerate(levels) if self._is_id(topic, n, level)]
        stated = [n for n, level in enumerate(levels) if level in one.codes]
        draft = _Draft(levels, one.document)
        inside = ids if one.document else [n for n in ids if n < last] or ids
        for n in list(inside):
            parted = n > 0 and _NUMBER.fullmatch(levels[n]) and key_words.word_of(levels[n - 1]) in key_words.PART_WORDS
            if parted and len(inside) > 1 and n not in stated and int(levels[n]) < 16:
                draft.part = n
                inside.remove(n)
        if inside or stated:
            draft.device = stated[-1] if stated else inside[-1]
            draft.captured = sorted({*inside, *stated, draft.device})
        elif not one.document and last > 0:
            draft.device, draft.captured = last - 1, [last - 1]
        if not one.document and draft.device != last:
            draft.field = max(draft.device, draft.part, 0) + 1 if last else -1
        return draft

    def _is_id(self, topic: str, n: int, level: str) -> bool:
        if not level or not CODE.fullmatch(level) or level != level.strip():
            return False
        if level in self._evidence[topic].codes or (topic, n) in self._siblings:
            return True
        if not _ID.fullmatch(level) or level.lower() in KINDS:
            return False
        before = self._levels[topic][n - 1] if n else ""
        if _NUMBER.fullmatch(level):
            return n > 0 and (n < len(self._levels[topic]) - 1 or self._evidence[topic].document) and bool(before)
        return _NO_ID.fullmatch(level) is None


@dataclass(slots=True)
class _Draft:
    """Numbers of levels: the device, all that are captured, the component, the first of the name of a point."""

    levels: Sequence[str]
    document: bool
    device: int = -1
    captured: list[int] = field(default_factory=list)
    part: int = -1
    field: int = -1
    joined: bool = False

    def _names(self) -> dict[int, str]:
        """Level -> name of its capture."""
        found: dict[int, str] = {}
        for n in self.captured:
            word = re.sub(r"[^a-z0-9_]", "", key_words.word_of(self.levels[n - 1]) if n else "") or "part"
            name = "device" if n == self.device else word if word[0].isalpha() else f"n{word}"
            while (
                name in found.values() or name in ("field", "key", "index") or (name == "device" and n != self.device)
            ):
                name = f"{name}_{n}"
            found[n] = name
        if self.part >= 0:
            found[self.part] = "part" if "part" not in found.values() else f"part_{self.part}"
        return found

    def pattern(self) -> str:
        """The filter of a route."""
        names = self._names()
        written = [f"{{{names[n]}}}" if n in names else level for n, level in enumerate(self.levels)]
        if self.field >= 0:
            rest = "{field*}" if len(self.levels) - self.field > 1 else "{field}"
            written[self.field :] = [rest]
        return "/".join(written)

    def others(self, levels: Sequence[str]) -> tuple[str, ...]:
        """What the other captures are in this topic."""
        return tuple(levels[n] for n in self.captured if n != self.device)

    def code(self, levels: Sequence[str]) -> str:
        """Of the device; "" when the topic has none."""
        return levels[self.device] if self.device >= 0 else ""

    def place(self, topic: str, levels: Sequence[str]) -> TopicPlace:
        """The place of a topic that has these levels."""
        names = self._names()
        words = tuple(
            level for n, level in enumerate(levels) if n not in names and level and (self.field < 0 or n < self.field)
        )
        if self.device < 0:
            fixed = "-".join(key_words.word_of(word) for word in words[-2:]) or "device"
            code = re.sub(r"[^A-Za-z0-9_.-]", "-", fixed).strip("-")[:60] or "device"
            device = code
        else:
            others = [n for n in self.captured if n != self.device] if self.joined else []
            short = bool(_NUMBER.fullmatch(levels[self.device]))
            word = key_words.word_of(levels[self.device - 1]) if self.device else ""
            prefix = re.sub(r"[^A-Za-z0-9_.]", "", word) if short and not others and word.isascii() else ""
            holes = "-".join(f"{{{names[n]}}}" for n in [*others, self.device])
            device = f"{prefix}-{holes}" if prefix else holes
            code = _CAPTURE.sub(lambda hole: _level_of(hole[1], names, levels), device)
        fields = "/".join(levels[self.field :]) if self.field >= 0 else ""
        part = names.get(self.part, "") if self.part >= 0 else ""
        number = int(levels[self.part]) if part else -1
        return TopicPlace(topic, self.pattern(), device, code, words, "", "", fields, part, number)


def _level_of(name: str, names: Mapping[int, str], levels: Sequence[str]) -> str:
    return next(levels[n] for n, one in names.items() if one == name)


def _variable_levels(
    levels: Mapping[str, Sequence[str]], evidence: Mapping[str, TopicEvidence]
) -> set[tuple[str, int]]:
    """(topic, level) where other values of the level have the same below them: documents with mostly the same keys, or
    bare values of at least two equal names."""
    around: dict[tuple[int, tuple[str, ...], bool], list[str]] = defaultdict(list)
    for topic, parts in levels.items():
        document = evidence[topic].document
        for n in range(len(parts)):
            if n or len(parts) > 1:
                rest = tuple(parts[n + 1 :]) if document else ()
                around[n, (*parts[:n], "+", *rest), document].append(topic)
    found: set[tuple[str, int]] = set()
    for (n, _, document), topics in around.items():
        by_value = _by_level(topics, levels, n)
        if len(by_value) < 2:
            continue
        if document:
            alike = _alike({value: evidence[of[0]].keys for value, of in by_value.items()}, 0.6)
        else:
            below = {value: frozenset("/".join(levels[t][n + 1 :]) for t in of) for value, of in by_value.items()}
            alike = _alike({v: names for v, names in below.items() if len(names - {""}) > 1}, 0.5)
        named = {value for value in alike if value.lower() not in KINDS}
        if len(named) > 1:
            found |= {(topic, n) for value in named for topic in by_value[value]}
    return found


def _by_level(topics: Iterable[str], levels: Mapping[str, Sequence[str]], n: int) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for topic in topics:
        found[levels[topic][n]].append(topic)
    return found


def _alike(keys: Mapping[str, frozenset[str]], least: float) -> set[str]:
    """Values with mostly the same keys as another one."""
    found: set[str] = set()
    seen: list[tuple[str, frozenset[str]]] = []
    for value, own in keys.items():
        for other, theirs in seen[:64]:
            union = own | theirs
            if union and len(own & theirs) / len(union) >= least:
                found |= {value, other}
                break
        seen.append((value, own))
    return found
