"""Sparkplug beside the routes of a source: each message goes its way, and the results are one."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from gateway.domain.reading import I64, concat
from protocols.mapping.column import Misfit
from protocols.mapping.mapper import Mapped, Mapper
from protocols.mapping.work import Message
from protocols.mqtt.presence_sign import PresenceSign
from protocols.mqtt.sparkplug.receiver import SparkplugReceiver


class SourceMapper:
    """The routes of a source, and its Sparkplug namespace when it has one."""

    def __init__(self, routes: Mapper, receiver: SparkplugReceiver | None = None) -> None:
        self._routes, self._receiver = routes, receiver
        self.signs: list[PresenceSign] = []
        """Births and deaths of the last call, by place in the call."""

    @property
    def misfits(self) -> Collection[Misfit]:
        """Points that a message cannot fill, in the order they were found."""
        found = self._routes.bindings.misfits
        return (found if self._receiver is None else found | self._receiver.bindings.misfits).values()

    def map(self, messages: Sequence[Message], received: I64) -> Mapped:
        """As `Mapper.map`; frames of Sparkplug come after the others."""
        self.signs = []
        if self._receiver is None:
            return self._routes.map(messages, received)
        inside = [index for index, message in enumerate(messages) if self._receiver.takes(message.topic)]
        if not inside:
            return self._routes.map(messages, received)
        found = self._receiver.map([messages[index] for index in inside], received[inside])
        found = _moved(found, np.array(inside, np.intp))
        self.signs = [sign._replace(place=inside[sign.place]) for sign in self._receiver.signs]
        if len(inside) == len(messages):
            return found
        taken = frozenset(inside)
        outside = [index for index in range(len(messages)) if index not in taken]
        others = self._routes.map([messages[index] for index in outside], received[outside])
        return _joined(_moved(others, np.array(outside, np.intp)), found)


def _moved(mapped: Mapped, places: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> Mapped:
    """Places of a part of the messages -> places of all."""
    return replace(
        mapped,
        accepted_at=places[mapped.accepted_at],
        rejected_at=tuple(int(places[one]) for one in mapped.rejected_at),
        routes={int(places[one]): route for one, route in mapped.routes.items()},
    )


def _joined(one: Mapped, other: Mapped) -> Mapped:
    return Mapped(
        concat([one.batch, other.batch]),
        one.rejected + other.rejected,
        one.ignored + other.ignored,
        bad=one.bad + other.bad,
        uncertain=one.uncertain + other.uncertain,
        bad_elements=one.bad_elements + other.bad_elements,
        state_overflow=one.state_overflow + other.state_overflow,
        partial=one.partial + other.partial,
        unused=one.unused + other.unused,
        rejected_at=one.rejected_at + other.rejected_at,
        accepted_at=np.concatenate([one.accepted_at, other.accepted_at]),
        routes={**one.routes, **other.routes},
    )
