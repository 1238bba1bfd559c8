"""Messages -> one batch and the dead letters of what could not be understood. Pure: no clock, no socket.

The hot path of `Mapper.map` is one dictionary look-up by topic, one JSON parse, one count of quotation marks and one
`itemgetter` call per message; everything else is done per column. A message that is odd in any way goes through
`_odd`, which handles every feature of a route and gives the same readings (a property test compares both).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.clocks import older_than_retention
from gateway.domain.duration import iso
from gateway.domain.errors import DecodeError
from gateway.domain.reading import I64, Batch
from gateway.domain.record import Raw
from gateway.ports import Directory
from protocols.mapping.binding import LONGEST, Bindings, Candidate, OnlyIgnored, SentBy, TopicBinding, sent_canonically
from protocols.mapping.column import BAD, UNCERTAIN
from protocols.mapping.config import RoutesSection
from protocols.mapping.document import BROKEN, check_keys, decode, parse_bare, parse_document
from protocols.mapping.joined_batch import joined_batch
from protocols.mapping.path import Missed
from protocols.mapping.retained import mark_retained
from protocols.mapping.route import compile_route
from protocols.mapping.row_shape import RowBlock
from protocols.mapping.unused_fields import UNREAD, Unread
from protocols.mapping.unused_log import KEPT, Unused
from protocols.mapping.work import MappingWork, Message, dead_letter

_NOT_YET = object()


@dataclass(frozen=True, slots=True)
class Mapped:
    """Results of n messages: n = batch.frames + len(rejected) + ignored. `partial`: dead letters of messages that
    are in the batch, too; `unused`: what these left over."""

    batch: Batch
    rejected: tuple[Raw, ...] = ()
    ignored: int = 0
    bad: int = 0
    uncertain: int = 0
    bad_elements: int = 0
    state_overflow: int = 0
    partial: tuple[Raw, ...] = ()
    unused: tuple[Unused, ...] = ()
    rejected_at: tuple[int, ...] = ()
    """Which messages `rejected` are, by their place in the call."""
    accepted_at: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))
    """The message of each frame."""
    routes: Mapping[int, int] = field(default_factory=dict)
    """Message -> the route that took it, of routes that are watched."""


class Mapper:
    """The routes of one source over the registry's directory. `sent`: how devices send the points of a profile;
    `retention` µs: how long readings are kept (0 = for ever); `watched`: routes of which it is noted what they took."""

    def __init__(
        self,
        source: str,
        config: RoutesSection,
        directory: Directory,
        sent: SentBy = sent_canonically,
        retention: int = 0,
        watched: Collection[int] = (),
    ) -> None:
        self._source, self._retention = source, retention
        self._watched = frozenset(watched)
        self._limit = config.max_payload
        self._ignore_unmatched = config.unmatched == "ignore"
        routes = [compile_route(index, route) for index, route in enumerate(config.routes)]
        self.bindings = Bindings(routes, directory, sent)

    # ---- many messages ----------------------------------------------------------------------------------------
    def map(self, messages: Sequence[Message], received: I64) -> Mapped:
        """`received` i64[n] µs, one per message. Rows of the batch are in the order of the messages."""
        self.bindings.refresh()
        work = MappingWork()
        try:
            self._sort(messages, work)
            work.note(self._watched)
            with np.errstate(over="ignore", invalid="ignore"):  # what overflows becomes bad
                blocks = [shape.build(received, work.failed) for shape in work.touched]
        finally:
            for shape in work.touched:
                shape.clear()
        return self._assemble(messages, received, blocks, work)

    def _sort(self, messages: Sequence[Message], work: MappingWork) -> None:
        known, touched, limit, loads = self.bindings.known, work.touched, self._limit, decode
        for ordinal, message in enumerate(messages):
            topic, payload = message.topic, message.payload
            entry = known.get(topic)
            if entry is None:
                try:
                    entry = self.bindings.entry(topic)
                except DecodeError as error:
                    work.failed(ordinal, error)
                    continue
            try:
                hot = entry.hot
                if (hot is None and not entry.cases) or len(payload) > limit:
                    self._slow(ordinal, message, entry, work)
                    continue
                document = loads(payload)
                if hot is None:
                    hot = entry.cases.get(document[entry.key])
                if hot is None or (message.retain and not hot.takes_retained):
                    self._odd(ordinal, message, entry, work)
                    continue
                target = hot.target or self.bindings.part(hot, document)
                if target is None:
                    self._odd(ordinal, message, entry, work)
                    continue
                if payload.count(b":") != len(document):  # else no nesting and no key twice
                    check_keys(payload, document)
                shape = target.shape
                try:
                    row = shape.pick(document)
                    used = len(document) == target.width
                except Missed:
                    shape, row = target.columns.find(document, document)
                    used = False
                if not used:
                    work.leaves(target.columns.unread.of(document), ordinal)
            except (DecodeError, *BROKEN, *Missed):
                self._try_odd(ordinal, message, entry, work)  # it knows why, and whether it matters
                continue
            if not shape.values:
                touched.append(shape)
            shape.values += row
            shape.ordinals.append(ordinal)
            shape.devices.append(target.device)

    def _assemble(
        self, messages: Sequence[Message], received: I64, blocks: list[RowBlock], work: MappingWork
    ) -> Mapped:
        blocks = [self._kept(block, received, work) for block in blocks]
        accepted = np.zeros(len(messages), np.bool_)
        for block in blocks:
            accepted[block.ordinal] = True
            for ordinal in block.short:
                work.reasons.setdefault(ordinal, DecodeError("state_overflow"))
        rejected, rejected_at = [], []
        lost = Counter[str]()
        for ordinal in np.flatnonzero(~accepted).tolist():
            if ordinal in work.ignored:
                continue
            error = work.reasons.get(ordinal) or work.unnamed.get(ordinal) or DecodeError("no_points")
            lost[error.reason] += 1
            rejected_at.append(ordinal)
            rejected.append(dead_letter(self._source, messages[ordinal], int(received[ordinal]), error))
        partial = [
            dead_letter(self._source, messages[ordinal], int(received[ordinal]), error)
            for ordinal, error in sorted(work.reasons.items())
            if accepted[ordinal]
        ]
        batch = joined_batch(blocks, accepted, received)
        if work.retained:
            frame = np.cumsum(accepted) - 1
            kept = [int(frame[ordinal]) for ordinal in work.retained if accepted[ordinal]]
            batch = mark_retained(batch, kept, self.bindings.every)
        return Mapped(
            batch,
            tuple(rejected),
            len(work.ignored),
            bad=int(np.count_nonzero(batch.quality == BAD)),
            uncertain=int(np.count_nonzero(batch.quality == UNCERTAIN)),
            bad_elements=sum((work.failures - lost).values()),
            state_overflow=sum(block.dropped for block in blocks),
            partial=tuple(partial),
            unused=_unused(messages, received, accepted, work),
            rejected_at=tuple(rejected_at),
            accepted_at=np.flatnonzero(accepted),
            routes=work.routes,
        )

    def _kept(self, block: RowBlock, received: I64, work: MappingWork) -> RowBlock:
        """Without what is older than the store keeps: its messages are dead letters, in whole or in part."""
        old = older_than_retention(block.at, received[block.ordinal], self._retention)
        if old is None:
            return block
        oldest = dict(zip(block.ordinal[old].tolist(), block.at[old].tolist(), strict=True))
        for ordinal, at in oldest.items():
            work.failed(ordinal, DecodeError("older_than_retention", f"of {iso(at)}"))
        return block.select(~old)

    # ---- one odd message --------------------------------------------------------------------------------------
    def _try_odd(self, ordinal: int, message: Message, entry: TopicBinding, work: MappingWork) -> None:
        try:
            self._odd(ordinal, message, entry, work)
        except DecodeError as error:
            work.failed(ordinal, error)

    def _slow(self, ordinal: int, message: Message, entry: TopicBinding, work: MappingWork) -> None:
        """What is no JSON, or has no way of its own."""
        bare = entry.bare
        plain = bare is not None and len(message.payload) <= self._limit and not getattr(message, "damaged", "")
        if bare is None or bare.columns.bare is None or not plain or message.retain:
            self._odd(ordinal, message, entry, work)
        else:
            shape = bare.columns.bare
            work.add(shape, ordinal, bare.device, (parse_bare(message.payload),) * shape.width)

    def _odd(self, ordinal: int, message: Message, entry: TopicBinding, work: MappingWork) -> None:
        damaged = getattr(message, "damaged", "")
        if damaged:
            raise DecodeError("bad_packet", damaged)
        if not entry.candidates:
            return self._unmatched(ordinal, work)
        if len(message.payload) > self._limit:
            raise DecodeError("too_large", f"{len(message.payload)} bytes, at most {self._limit}")
        chosen = _chosen(message, entry)
        if chosen is None:
            return self._unmatched(ordinal, work)
        candidate, root = chosen
        if message.retain and candidate.route.retained != "use":
            if candidate.route.retained == "ignore":
                work.ignored.add(ordinal)
                return None
            work.retained.append(ordinal)
        try:
            return self._take(ordinal, candidate, root, work)
        except OnlyIgnored:
            work.ignored.add(ordinal)
            return None
        except DecodeError as error:
            if error.reason == "unmatched" and self._ignore_unmatched:
                return self._unmatched(ordinal, work)
            raise

    def route_of(self, message: Message) -> int:
        """The route that takes a message, from 0; -1 = none."""
        try:
            chosen = _chosen(message, self.bindings.entry(message.topic))
        except DecodeError:
            return -1
        return -1 if chosen is None else chosen[0].route.index

    def _unmatched(self, ordinal: int, work: MappingWork) -> None:
        if not self._ignore_unmatched:
            raise DecodeError("unmatched")
        work.ignored.add(ordinal)

    def _take(self, ordinal: int, candidate: Candidate, root: Any, work: MappingWork) -> None:
        route, body = candidate.route, root
        if route.inner is not None:
            try:
                text = route.inner.reach(root, root)
            except Missed:
                raise DecodeError("no_points", f"nothing at {route.inner.text}") from None
            if type(text) is not str:
                raise DecodeError("bad_json", f"{route.inner.text} is not a text")
            body = parse_document(text.encode())
        if route.each is None:
            self._place(ordinal, candidate, body, root, work)
        else:
            elements = body if route.samples is None else route.samples.elements(body, root)
            self._take_each(ordinal, candidate, elements, root, work)
            if route.around is not None:
                work.leaves(route.around.of(body), ordinal)
        if route.outer is not None:
            work.leaves(route.outer.of(root), ordinal)

    def _take_each(self, ordinal: int, candidate: Candidate, body: Any, root: Any, work: MappingWork) -> None:
        """Every element by itself: what is wrong with one spoils no other. A message of unwanted ones is unwanted."""
        route = candidate.route
        assert route.each is not None
        elements, odd = route.each.elements(body, route.unwanted)
        work.elements += [(ordinal, route.index, Unread(UNREAD, place or ".")) for place in odd]
        if not elements and (odd or not route.unwanted):
            raise DecodeError("no_points", f"nothing at {route.each.text}")
        wanted = False
        for element in elements:
            try:
                one = self.bindings.keyed(candidate, element.keys) if route.keyed else candidate
                value = element.value
                if route.nested and type(value) is dict:
                    value = {**value, "^": element.around}
                self._place(ordinal, one, value, root, work)
                wanted = True
            except OnlyIgnored:
                continue
            except DecodeError as error:
                wanted = True
                if error.reason == "no_points":
                    work.unnamed.setdefault(ordinal, error)
                else:
                    work.failed(ordinal, error)
                work.elements.append((ordinal, route.index, Unread(error.reason, element.place, error.detail)))
        if not wanted:
            raise OnlyIgnored

    def _place(self, ordinal: int, candidate: Candidate, body: Any, root: Any, work: MappingWork) -> None:
        target = candidate.fixed or self.bindings.target(candidate, body, root)
        try:
            shape, row = target.columns.find(body, root)
        except DecodeError as error:
            if error.reason == "no_points" and candidate.route.ignored and target.columns.unread.of(body) is None:
                raise OnlyIgnored from None
            raise
        work.leaves(target.columns.unread.of(body), ordinal)
        work.add(shape, ordinal, target.device, row)


def _chosen(message: Message, entry: TopicBinding) -> tuple[Candidate, Any] | None:
    """The first route that holds, and the document. A payload that a route with conditions cannot read may be for the
    next one; when it is for none, why it could not be read is raised."""
    document: Any = _NOT_YET
    failure: DecodeError | None = None
    for candidate in entry.candidates:
        route = candidate.route
        try:
            if route.text:
                root = parse_bare(message.payload)
            elif route.read is not None:
                root = route.read(message.payload)
            else:
                root = document = parse_document(message.payload) if document is _NOT_YET else document
        except DecodeError as error:
            if route.when is None:
                raise
            failure = failure or error
            continue
        if route.when is None or route.when(root):
            return candidate, root
    if failure is not None:
        raise failure
    return None


def _unused(
    messages: Sequence[Message], received: I64, accepted: NDArray[np.bool_], work: MappingWork
) -> tuple[Unused, ...]:
    """What accepted messages left over; the others are kept whole. Empties the counts of `work.left`."""
    found = []
    for left in work.left:
        count, left.count = left.count, 0
        found += [(left.ordinal, left.route, place, count) for place in left.places]
    found += [(ordinal, route, place, 1) for ordinal, route, place in work.elements if accepted[ordinal]]
    return tuple(
        Unused(
            route,
            one.reason,
            one.place,
            one.detail,
            count,
            messages[ordinal].topic[:LONGEST],
            bytes(messages[ordinal].payload[:KEPT]),
            int(received[ordinal]),
        )
        for ordinal, route, one, count in found
    )
