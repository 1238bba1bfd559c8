"""Which filters the gateway subscribes to: such that do not overlap, or whose copies can be distinguished. Pure.

A broker may deliver a message once per subscription that matches it (mosquitto does). So a filter inside another one is
not subscribed, and filters that overlap in part get subscription identifiers: each copy then names its subscription,
and one of them counts. MQTT 3.1.1 has no identifiers: there such filters are replaced by one that covers
them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import mqtt5
from xxhash import xxh3_64_intdigest

from protocols.mapping.topic import common, covers, overlap, parse_pattern
from protocols.mqtt.config import MqttConfig

_MOST_NUMBERS = 268_435_455  # of a subscription identifier (MQTT 5, section 3.8.2.1.2)


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """`filters` cover all routes and none lies inside another. `numbers`: the identifier of each that overlaps another
    one; it stays the same over restarts and edits. `inside`: filters of routes that need no subscription of their own.
    `replaced`: all filters of the routes, when some were replaced by a wider one.
    """

    filters: tuple[mqtt5.TopicFilter, ...]
    numbers: Mapping[str, int] = field(default_factory=dict)
    inside: frozenset[str] = frozenset()
    replaced: tuple[str, ...] = ()

    @property
    def patterns(self) -> list[str]:
        """The filters of SUBSCRIBE."""
        return [one.pattern for one in self.filters]

    def is_copy(self, topic: str, numbers: Sequence[int]) -> bool:
        """Whether a message that came by the subscriptions `numbers` comes by another one, too, and counts there.

        One that names none of ours (queued for a former configuration) is no copy.
        """
        if not any(number in numbers for number in self.numbers.values()):
            return False
        first = next((n for pattern, n in self.numbers.items() if covers(pattern, topic)), None)
        return first is not None and first not in numbers

    def is_wanted(self, topic: str) -> bool:
        """Whether a route takes this topic, and not only the filter that replaced those of the routes."""
        return not self.replaced or any(covers(pattern, topic) for pattern in self.replaced)


def subscriptions(config: MqttConfig, *, identifiers: bool = True, answers: Sequence[str] = ()) -> Subscriptions:
    """QoS 1. Retained messages come once per new subscription, if any route uses them; the retain flag then marks such
    replays only. `identifiers`: the version of MQTT has them (5). `answers`: filters of the answers to commands."""
    wanted: dict[str, bool] = {}
    for route in config.routes:
        pattern = parse_pattern(route.filter).subscription
        wanted[pattern] = wanted.get(pattern, False) or route.retained != "ignore"
    for pattern in answers:
        wanted.setdefault(pattern, False)
    states = [parse_pattern(one.topic).subscription for one in config.presence_topics]
    wanted |= dict.fromkeys(states, True)
    sparkplug = [] if config.sparkplug is None else config.sparkplug.filters
    wanted = dict.fromkeys(sparkplug, False) | wanted
    cover = [p for p in wanted if not any(other != p and covers(other, p) for other in wanted)]
    requested = cover if identifiers else _merged(cover)
    alone = set(states) - {parse_pattern(route.filter).subscription for route in config.routes}
    filters = [
        _topic_filter(p, retained=any(use for inner, use in wanted.items() if covers(p, inner)), always=p in alone)
        for p in requested
    ]
    numbers = _numbers(cover) if identifiers else {}
    replaced = () if requested == cover else tuple(cover)
    return Subscriptions(tuple(filters), numbers, frozenset(wanted).difference(requested), replaced)


def overlapping(one: MqttConfig, other: MqttConfig) -> tuple[str, str] | None:
    """A filter of each that share topics; None when there are none. Members of one group share the messages out."""
    mine, theirs = ([parse_pattern(text) for text in _filters(config)] for config in (one, other))
    return next(
        (
            (a.subscription, b.subscription)
            for a in mine
            for b in theirs
            if overlap(a.filter, b.filter) and not (a.group and a.group == b.group)
        ),
        None,
    )


def _filters(config: MqttConfig) -> list[str]:
    """What brings readings."""
    return [
        *(route.filter for route in config.routes),
        *(config.sparkplug.captured_filters if config.sparkplug else ()),
    ]


def _merged(cover: list[str]) -> list[str]:
    """Filters that do not overlap and cover these."""
    while pair := next((pair for pair in combinations(cover, 2) if overlap(*pair)), None):
        wide = common(*pair)
        cover = [wide, *(one for one in cover if not covers(wide, one))]
    return cover


def _numbers(cover: Iterable[str]) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for pair in combinations(cover, 2):
        for pattern in pair if overlap(*pair) else ():
            number = xxh3_64_intdigest(pattern.encode()) % _MOST_NUMBERS + 1
            while number in numbers.values() and numbers.get(pattern) != number:
                number = number % _MOST_NUMBERS + 1
            numbers[pattern] = number
    return numbers


def _topic_filter(pattern: str, *, retained: bool, always: bool) -> mqtt5.TopicFilter:
    """`always`: retained messages come with every connection (births and wills), not only with a new subscription."""
    handling = mqtt5.RetainHandling
    some = handling.SEND_ALWAYS if always else handling.SEND_IF_SUBSCRIPTION_NOT_EXISTS
    return mqtt5.TopicFilter(
        pattern,
        max_qos=mqtt5.QoS.AT_LEAST_ONCE,
        retain_as_published=False,
        retain_handling=some if retained else handling.SEND_NEVER,
    )
