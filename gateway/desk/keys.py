"""Stable names: what makes two alarms one episode, two faults one order, two events one message.

Digests are 128 bits of BLAKE2b over the JSON text of their parts, so no separator can be forged. Neither key holds a
measured value, a severity or a route (DESIGN section 7).
"""

from hashlib import blake2b
from typing import NamedTuple

import orjson

from gateway.domain.alarm import Parent, Thing, Transition


def digest(*parts: object) -> str:
    """32 hex digits of the parts, which are strings, integers and lists of them."""
    return blake2b(orjson.dumps(parts), digest_size=16).hexdigest()


def alarm_key(about: Transition | Parent, tenant: str) -> str:
    """One condition on one thing: tenant, rule, thing, identity."""
    thing = about.thing
    return digest("alarm", tenant, about.rule, thing.device, thing.component, thing.group, list(about.identity))


def order_key(tenant: str, thing: Thing, fault: str) -> str:
    """One fault of one thing: tenant, device or group, component, fault class."""
    return digest("order", tenant, thing.device, thing.component, thing.group, fault)


def storm_key(tenant: str, limit: str, of: str) -> str:
    """The parent of what exceeds one limit: `of` is the rule, or the site."""
    return digest("storm", tenant, limit, of)


def batch_key(tenant: str, kind: str, fault: str, by: str, of: str) -> str:
    """The parent of one type of order for one fault in one area, or on one route."""
    return digest("batch", tenant, kind, fault, by, of)


class Origin(NamedTuple):
    """The cause of a change: a transition, a command, a deadline; `at` µs is the same in a replay."""

    id: str
    at: int


def stamped_id(origin: Origin, *parts: object) -> str:
    """32 hex digits: milliseconds of the origin, then a digest of it and the parts. A replay gives the same id, and
    ids made one after the other lie side by side in an index."""
    return f"{max(origin.at, 0) // 1000:012x}{digest(origin.id, *parts)[:20]}"


def event_id(origin: Origin, *parts: object) -> str:
    """`evt_` and 32 hex digits, without a dot."""
    return f"evt_{stamped_id(origin, 'event', *parts)}"
