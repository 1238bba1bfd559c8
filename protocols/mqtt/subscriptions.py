"""What the broker is asked for: filters that do not overlap, or that tell their copies apart. Pure.

A broker may deliver a message once per subscription that matches it (mosquitto does). So a filter inside another one is
not asked for, and filters that overlap in part get subscription identifiers: each copy then says whose it is, and one
of them counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, zip_longest

import mqtt5
from xxhash import xxh3_64_intdigest

from protocols.mapping.topic import parse_pattern
from protocols.mqtt.config import MqttConfig

_MOST_NUMBERS = 268_435_455  # of a subscription identifier (MQTT 5, section 3.8.2.1.2)
_WILD = ("+", "#")


def covers(wide: str, narrow: str) -> bool:
    """Does every topic that matches `narrow` match `wide`? Both MQTT filters."""
    outer, inner = wide.split("/"), narrow.split("/")
    if inner[0].startswith("$") and outer[0] in _WILD:
        return False
    for index, level in enumerate(outer):
        if level == "#":
            return True
        if index >= len(inner) or inner[index] == "#" or level not in ("+", inner[index]):
            return False
    return len(outer) == len(inner)


def overlap(one: str, other: str) -> bool:
    """Is there a topic that matches both?"""
    a, b = one.split("/"), other.split("/")
    if a[0].startswith("$") != b[0].startswith("$"):
        return False
    for x, y in zip_longest(a, b):
        if x == "#" or y == "#":
            return True
        if x is None or y is None or (x != y and "+" not in (x, y)):
            return False
    return True


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """`filters` cover all routes and none lies inside another. `numbers`: the identifier of each that overlaps another
    one; it stays the same over restarts and edits. `inside`: filters of routes that need no subscription of their own.
    """

    filters: tuple[mqtt5.TopicFilter, ...]
    numbers: Mapping[str, int] = field(default_factory=dict)
    inside: frozenset[str] = frozenset()

    @property
    def patterns(self) -> list[str]:
        """What is asked for."""
        return [one.pattern for one in self.filters]

    def is_copy(self, topic: str, numbers: Sequence[int]) -> bool:
        """Whether a message that came by the subscriptions `numbers` comes by another one, too, and counts there.

        One that names none of ours (queued for a former configuration) is no copy.
        """
        if not any(number in numbers for number in self.numbers.values()):
            return False
        first = next((n for pattern, n in self.numbers.items() if covers(pattern, topic)), None)
        return first is not None and first not in numbers


def subscriptions(config: MqttConfig) -> Subscriptions:
    """QoS 1. Retained messages come once per new subscription, if any route uses them; the retain flag then marks such
    replays only."""
    wanted: dict[str, bool] = {}
    for route in config.routes:
        pattern = parse_pattern(route.filter).subscription
        wanted[pattern] = wanted.get(pattern, False) or route.retained != "ignore"
    cover = [p for p in wanted if not any(other != p and covers(other, p) for other in wanted)]
    filters = [_asked(p, retained=any(use for inner, use in wanted.items() if covers(p, inner))) for p in cover]
    return Subscriptions(tuple(filters), _numbers(cover), frozenset(wanted) - set(cover))


def overlapping(one: MqttConfig, other: MqttConfig) -> tuple[str, str] | None:
    """A filter of each that share topics; None when there are none."""
    mine, theirs = ([parse_pattern(route.filter).subscription for route in config.routes] for config in (one, other))
    return next(((a, b) for a in mine for b in theirs if overlap(a, b)), None)


def _numbers(cover: Iterable[str]) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for pair in combinations(cover, 2):
        for pattern in pair if overlap(*pair) else ():
            number = xxh3_64_intdigest(pattern.encode()) % _MOST_NUMBERS + 1
            while number in numbers.values() and numbers.get(pattern) != number:
                number = number % _MOST_NUMBERS + 1
            numbers[pattern] = number
    return numbers


def _asked(pattern: str, *, retained: bool) -> mqtt5.TopicFilter:
    handling = mqtt5.RetainHandling
    return mqtt5.TopicFilter(
        pattern,
        max_qos=mqtt5.QoS.AT_LEAST_ONCE,
        retain_as_published=False,
        retain_handling=handling.SEND_IF_SUBSCRIPTION_NOT_EXISTS if retained else handling.SEND_NEVER,
    )
