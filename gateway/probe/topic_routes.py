"""Topics and their messages -> routes: one per filter and shape of message. Pure."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.domain.device import PointKind
from gateway.probe import key_words
from gateway.probe.document_shape import DocumentShape, SeenPlace, point_at, shape_of, stated
from gateway.probe.frames import DocumentFrame, frame_of, row_leaves
from gateway.probe.layouts import TABLES
from gateway.probe.leaves import Leaf, leaves
from gateway.probe.payload import Content
from gateway.probe.seen_topics import SeenTopic
from gateway.probe.topic_groups import CODE, TOPIC, TopicEvidence, TopicPlace, place_topics
from gateway.probe.values import BirthFacts, FoundPoint, FoundRoute, Leftover, PointFacts, PresenceFacts

_DOCUMENTS = ("json", "influx", "csv")
_WORDS = {"online": "offline", "connected": "disconnected", "true": "false", "1": "0"}
"""Bare words of presence: online -> offline."""


@dataclass(slots=True)
class FoundRoutes:
    """All that is proposed, and what is not."""

    routes: list[FoundRoute]
    presence: list[PresenceFacts]
    leftovers: list[Leftover]


class _Reasons:
    """Counts topics without a route."""

    def __init__(self) -> None:
        self._found: dict[str, Leftover] = {}

    def add(self, reason: str, topic: str) -> None:
        one = self._found.setdefault(reason, Leftover(reason, 0, topic))
        one.count += 1

    def all(self) -> list[Leftover]:
        return list(self._found.values())


def find_routes(topics: Mapping[str, SeenTopic], births: BirthFacts) -> FoundRoutes:
    """Routes for everything that can be read by configuration alone."""
    reasons, contents = _Reasons(), dict[str, list[Content]]()
    stated_topics = {topic for topic, _ in births.points} | set(births.documents)
    for topic in dict.fromkeys((*topics, *sorted(stated_topics))):
        if topic in births.consumed:
            continue
        if (
            not TOPIC.fullmatch(topic)
            or not topic.isprintable()
            or topic != topic.strip()
            or len(topic.encode("utf-8", "replace")) > 500
        ):
            reasons.add("topic", topic)
            continue
        seen = topics[topic].contents if topic in topics else []
        if not seen and topic in births.documents:
            document = births.documents[topic]
            seen = [Content("json", document)] if document else []
        if all(one.form == "bytes" for one in seen) and seen:
            reasons.add("sparkplug" if topic.startswith("spBv1.0/") else "bytes", topic)
        elif seen or topic in stated_topics:
            contents[topic] = [one for one in seen if one.form != "bytes"]
        elif topic in topics:
            reasons.add("empty", topic)
    evidence = {topic: _evidence(topic, one, births) for topic, one in contents.items()}
    places = place_topics(evidence, births.templates)
    groups: dict[tuple[str, bool], list[str]] = defaultdict(list)
    for topic, place in places.items():
        groups[place.filter, evidence[topic].document].append(topic)
    routes: list[FoundRoute] = []
    presence = list(births.presence)
    for (_, document), members in groups.items():
        for alike in _alike(members, places, evidence, births) if document else [members]:
            group = _Group([places[topic] for topic in alike], contents, births, reasons)
            found = group.documents() if document else group.bare(presence)
            for route in found:
                route.retained = route.time is not None and not any(t in topics and topics[t].live for t in alike)
            routes += found
    return FoundRoutes(_without_twins(routes, reasons), presence, reasons.all())


def _alike(
    topics: Sequence[str], places: Mapping[str, TopicPlace], evidence: Mapping[str, TopicEvidence], births: BirthFacts
) -> list[list[str]]:
    """Topics of one filter, apart where their devices have mostly other keys, or other facts for the same key: a
    voltage in mV of one model is none in V of another."""
    first = places[topics[0]]
    if first.path or "{" not in first.device:
        return [list(topics)]
    stated: dict[str, dict[str, PointFacts]] = defaultdict(dict)
    for (topic, path), one in births.points.items():
        stated[topic][path] = one
    found: list[tuple[list[str], set[str], dict[str, PointFacts]]] = []
    for topic in topics:
        facts = stated[topic]
        keys = {*evidence[topic].keys, *facts}
        for members, known, agreed in found:
            both = len(keys & known)
            same = 2 * both >= len(keys | known) or both == min(len(keys), len(known))
            if (
                same
                and all(agreed.get(path, fact) == fact for path, fact in facts.items())
                and bool(facts) == bool(agreed)
            ):
                members.append(topic)
                known |= keys
                agreed.update(facts)
                break
        else:
            found.append(([topic], keys, dict(facts)))
    return [members for members, _, _ in found]


def _evidence(topic: str, contents: Sequence[Content], births: BirthFacts) -> TopicEvidence:
    documents = [one for one in contents if one.form in _DOCUMENTS]
    is_document = len(documents) * 2 > len(contents) if contents else (topic, ".") not in births.points
    found = TopicEvidence(is_document)
    keys: set[str] = {path for of, path in births.points if of == topic} if not contents else set()
    for one in documents[:3] if is_document else ():
        for leaf in leaves(one.document):
            keys.add(leaf.path)
            if leaf.word in key_words.DEVICE_WORDS and leaf.word != "code" and isinstance(leaf.value, str | int):
                found.codes.add(str(leaf.value))
    levels = set(topic.split("/"))
    found.codes &= {level for level in levels if len(level) > 2}
    found.keys = frozenset(keys)
    return found


class _Group:
    """Topics of one filter."""

    def __init__(
        self,
        places: Sequence[TopicPlace],
        contents: Mapping[str, Sequence[Content]],
        births: BirthFacts,
        reasons: _Reasons,
    ) -> None:
        self._places, self._contents, self._births, self._reasons = places, contents, births, reasons
        self._first = places[0]
        self._table = TABLES.get(self._first.table, {})

    def _facts(self, path: str) -> PointFacts | None:
        return next((f for p in self._places if (f := self._births.points.get((p.topic, path))) is not None), None)

    def documents(self) -> list[FoundRoute]:
        """Routes for documents: those that are taken apart in the same way share one."""
        shapes: dict[tuple[str, str, str], list[tuple[TopicPlace, DocumentFrame]]] = defaultdict(list)
        for place in self._places:
            for content in self._contents.get(place.topic, ()):
                for frame in frame_of(content) if content.form in _DOCUMENTS else ():
                    shapes[frame.signature].append((place, frame))
            if not self._contents.get(place.topic):
                shapes["", "", ""].append((place, DocumentFrame("", "", "", ())))
        found = []
        for members in shapes.values():
            route = self._document_route(members)
            if route.points:
                found.append((members, route))
            else:
                self._reasons.add("no_points", members[0][0].topic)
        return self._conditions(found)

    def _conditions(self, found: list[tuple[list[tuple[TopicPlace, DocumentFrame]], FoundRoute]]) -> list[FoundRoute]:
        """`when` for shapes that share a filter: a place that only this shape has. What no place distinguishes is left
        out, the rarest first."""
        if len(found) < 2:
            return [route for _, route in found]
        found.sort(key=lambda one: (one[1].each.startswith("["), not one[0][0][1].condition, -len(one[0])))
        kept: list[FoundRoute] = []
        payload = max(found, key=lambda one: len(one[0]))[1].payload
        for number, (members, route) in enumerate(found):
            last = number == len(found) - 1
            route.when = "" if last else members[0][1].condition or _common_key([frame for _, frame in members])
            taken = {one.when for one in kept}
            if route.payload != payload or (not last and not route.when) or (route.when and route.when in taken):
                self._reasons.add("shapes", members[0][0].topic)
            else:
                kept.append(route)
        return kept

    def _document_route(self, members: Sequence[tuple[TopicPlace, DocumentFrame]]) -> FoundRoute:
        first, frame = self._first, members[0][1]
        frames = [one for _, one in members]
        levels = frozenset(level for place, _ in members for level in place.topic.split("/"))
        shape = shape_of(frames, levels, self._facts, self._table)
        route = FoundRoute(first.filter, first.device, first.words, shape.points, payload=frame.payload)
        route.inner, route.each, route.time, route.ignore = frame.inner, frame.each, shape.time, shape.ignore
        self._component(route, members, shape)
        for place in self._places:
            for (topic, path), facts in self._births.points.items():
                if topic == place.topic and path != "." and all(point.path != path for point in route.points):
                    blank = FoundPoint(path, facts.name or key_words.name_of([path]), PointKind.GAUGE)
                    route.points.append(stated(blank, facts))
        if first.capture:
            for point in route.points:
                point.each, point.component = True, 0
        self._whose(route, members, shape)
        return route

    def _component(
        self, route: FoundRoute, members: Sequence[tuple[TopicPlace, DocumentFrame]], shape: DocumentShape
    ) -> None:
        fixed = max((point.component for point in shape.points), default=0)
        if self._first.capture:
            numbers = {place.number for place, _ in members}
            route.capture, route.add = self._first.capture, int(0 in numbers)
            route.components = max(numbers) + route.add
            return
        route.component_path, route.add = shape.part, shape.add
        route.components = max(shape.most, fixed)

    def _whose(
        self, route: FoundRoute, members: Sequence[tuple[TopicPlace, DocumentFrame]], shape: DocumentShape
    ) -> None:
        """The device: a level of the topic, a key, or a place of the message, with the points of each code."""
        first = self._first
        names = {point.path: point.name for point in route.points}
        everything = set(names.values())
        by_topic: dict[str, set[str]] = defaultdict(set)
        keyed = any(frame.codes for _, frame in members)
        fixed = "{" not in first.device and not first.table
        varies = False
        for place, frame in members:
            inside: set[str] = set()
            for _, leaf in row_leaves(frame):
                if leaf.path in names:
                    inside.add(names[leaf.path])
                if leaf.path == shape.device and isinstance(leaf.value, str | int):
                    by_topic[place.topic].add(str(leaf.value))
            for code in frame.codes or ((place.code,) if place.code else ()):
                if CODE.fullmatch(code):
                    route.devices.setdefault(code, set()).update(inside or everything)
                else:
                    self._reasons.add("code", place.topic)
        varies = any(len(codes) > 1 for codes in by_topic.values())
        if keyed:
            route.device = "{key}"
        elif first.path or (shape.device and (fixed or varies)):
            if not shape.device:
                route.device = "-".join(map(key_words.word_of, first.words)) or "device"
                route.devices = {route.device: everything}
                return
            route.device, route.device_path = shape.device, True
            route.devices = {code: set(everything) for code in shape.codes if CODE.fullmatch(code)}
            if len(route.devices) < len(shape.codes):
                self._reasons.add("code", first.topic)
            if not route.devices:
                route.points = []
        elif shape.device and shape.device not in route.ignore:
            route.ignore.append(shape.device)

    def bare(self, presence: list[PresenceFacts]) -> list[FoundRoute]:
        """The route for bare values: their names are in the topic."""
        first = self._first
        values: dict[str, SeenPlace] = {}
        of: dict[str, set[str]] = defaultdict(set)
        facts: dict[str, PointFacts] = {}
        for place in self._places:
            known = self._births.points.get((place.topic, "."))
            contents = [one for one in self._contents.get(place.topic, ()) if one.form == "bare"]
            if known is None and self._is_presence(place, contents, presence):
                continue
            keys = tuple(place.field.split("/")) if place.field else (first.words[-1] if first.words else "value",)
            found = values.setdefault(place.field, SeenPlace(Leaf(".", keys, None)))
            if known is not None:
                facts[place.field] = known
            for one in contents:
                found.add(Leaf(".", keys, one.document))
            of[place.code].add(place.field)
        route = FoundRoute(first.filter, first.device, first.words, [], fields=bool(first.field))
        siblings = {place.leaf.word for place in values.values()}
        for text, seen in values.items():
            point = point_at(seen, siblings, facts.get(text), self._table)
            if point is not None:
                point.field, point.each = text, bool(first.capture)
                if key_words.valid_name(text) == text and text.isascii():
                    point.name = text
                route.points.append(point)
            elif text:
                route.ignore.append(text)
        names = {point.field: point.name for point in route.points}
        for code, fields in of.items():
            if CODE.fullmatch(code) and (mine := {names[text] for text in fields if text in names}):
                route.devices[code] = mine
            elif code and not CODE.fullmatch(code):
                self._reasons.add("code", next(one.topic for one in self._places if one.code == code))
        if first.capture:
            numbers = {place.number for place in self._places}
            route.capture, route.add = first.capture, int(0 in numbers)
            route.components = max(numbers) + route.add
        if not route.points:
            self._reasons.add("no_points", first.topic)
            return []
        route.rest = route.fields and self._has_attributes(first.filter.partition("{")[0])
        return [route]

    def _has_attributes(self, fixed: str) -> bool:
        """Below these levels stand `$` topics, which describe and measure nothing."""
        return any("/$" in topic and topic.startswith(fixed) for topic in self._births.consumed)

    def _is_presence(self, place: TopicPlace, contents: Sequence[Content], presence: list[PresenceFacts]) -> bool:
        """A topic with words such as online and offline under a name such as LWT; it is added."""
        last = place.topic.rpartition("/")[2]
        word = next((str(one.document) for one in contents if isinstance(one.document, str)), "")
        lower = word.casefold()
        known = {w: pair for on, off in _WORDS.items() for w, pair in ((on, (on, off)), (off, (on, off)))}
        if key_words.word_of(last) not in ("lwt", "availability", "online", "status", "state", "connection", "will"):
            return False
        if lower not in known or lower in ("true", "false", "1", "0") or "{device}" not in place.device:
            return False
        online, offline = known[lower]
        style = str.upper if word.isupper() else str.capitalize if word[:1].isupper() else str
        filter_ = re.sub(r"\{field\*?\}", lambda _: place.field, place.filter)
        one = PresenceFacts(filter_, "", (style(online),), (style(offline),), place.device)
        if one not in presence:
            presence.append(one)
        return True


def _common_key(frames: Sequence[DocumentFrame]) -> str:
    """A key at the top of all these documents."""
    tops = [set(frame.rows[0]) for frame in frames if frame.rows and isinstance(frame.rows[0], dict)]
    common = set.intersection(*tops) if tops else set()
    return min((key for key in common if re.fullmatch(r"[A-Za-z_]\w*", key)), default="")


def _without_twins(routes: Iterable[FoundRoute], reasons: _Reasons) -> list[FoundRoute]:
    """Documents and bare values on one filter cannot share it: the one with more devices stays."""
    best: dict[str, bool] = {}
    ranked = sorted(routes, key=lambda route: -len(route.devices))
    for route in ranked:
        best.setdefault(route.filter, route.fields or (bool(route.points) and route.points[0].path == "."))
    kept = []
    for route in routes:
        if best[route.filter] == (route.fields or route.points[0].path == "."):
            kept.append(route)
        else:
            reasons.add("shapes", route.filter)
    return kept
