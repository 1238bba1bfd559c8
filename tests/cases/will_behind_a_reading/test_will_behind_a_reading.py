"""A device publishes its last reading and says good-bye within the linger of one parcel. The parts of the source looked
at births and wills first, and the reading, which is older, undid the will: the device stayed online."""

from collections import Counter

import numpy as np
from mqtt_kit import CHARGER, NOW, Registry, Said, config

from gateway.domain.device import Point, PointKind
from protocols.mapping.binding import sent_canonically
from protocols.mqtt.presence_reporter import PresenceReporter, PresenceServices
from protocols.mqtt.source_mapper import MapperParts, mapper_of

PRESENCE = Point(20, "charger", "presence", kind=PointKind.STATE, values=("online", "offline"))
ROUTE = {"filter": "charger/{device}/telemetry", "device": "{device}", "points": {"voltage": {"path": "u"}}}
READING, WILL = Said("charger/c1/telemetry", b'{"u":230}'), Said("lwt/c1", b"offline")


class _Clock:
    def now(self) -> int:
        return NOW


def states_after(*messages: Said) -> list[str]:
    """What is published of the device when these come in one parcel."""
    directory = Registry({"c1": "charger"}, [*CHARGER, PRESENCE])
    made = config([ROUTE], presence={"topics": [{"topic": "lwt/{device}"}], "debounce": "0s"})
    assert made.presence is not None
    devices = list(directory._devices.values())
    services = PresenceServices(directory, lambda: devices, _Clock(), None, Counter(), {})
    reporter = PresenceReporter("s", made.presence, services)
    mapper = mapper_of(MapperParts("s", directory, 0), made, sent_canonically, None)
    taken = reporter.take(messages, ())
    places = [index for index in range(len(messages)) if index not in taken]
    reporter.saw(mapper.map([messages[i] for i in places], np.full(len(places), NOW, np.int64)), places)
    return [change.state for change in reporter._tracker.changes(NOW)]


def test_the_will_is_the_last_word() -> None:
    assert states_after(READING, WILL) == ["online", "offline"]


def test_a_reading_behind_the_will_undoes_it() -> None:
    assert states_after(WILL, READING) == ["offline", "online"]
