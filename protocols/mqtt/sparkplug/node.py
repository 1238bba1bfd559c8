"""The sessions of edge nodes: births, deaths, sequence numbers, and when a rebirth is to be requested (Sparkplug 3.0.0,
sections 5.4 to 5.11 and 6.4.1). Pure; times are µs of one clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

MOST_NODES: Final = 10_000
"""Nodes that are remembered."""
_AHEAD: Final = 128
"""Of 256: a sequence number so far ahead may as well be one of before."""
_DOUBLINGS: Final = 6
"""A node that does not answer is asked at twice the interval each time, this often."""


class NodeName(NamedTuple):
    """An edge node."""

    group: str
    node: str


class DeclaredMetric(NamedTuple):
    """What a birth declares of a metric: name, data type, unit of the property (None = none)."""

    name: str
    datatype: int
    unit: str | None


@dataclass(slots=True)
class Births:
    """What the last birth of a node or device declared. An alias that was given twice names nothing."""

    by_alias: dict[int, DeclaredMetric] = field(default_factory=dict)
    by_name: dict[str, DeclaredMetric] = field(default_factory=dict)


@dataclass(slots=True)
class NodeSession:
    """What is known of one node. `devices`: those with a birth in this session; "" is the node itself."""

    born: bool = False
    bd_seq: int | None = None
    expected: int | None = None
    missing: set[int] = field(default_factory=set)
    deadline: int = 0
    """Until then what is missing may still come."""
    devices: dict[str, Births] = field(default_factory=dict)
    why: str = ""
    """Why a rebirth is wanted; "" = it is not."""
    requested: int = 0
    """Requests, each soon after the one before: whether a birth came or not, it did not help."""
    last: int = -(2**62)
    """When the last request was made."""
    not_before: int = 0
    """The earliest time of the next request."""


@dataclass(slots=True)
class NodeCounts:
    """Since the start of the source."""

    births: int = 0
    deaths: int = 0
    stale_deaths: int = 0
    gaps: int = 0
    unknown_aliases: int = 0
    rebirths: int = 0


class NodeSessions:
    """All nodes of a source. `reorder` µs: how long a message may come after those behind it; `interval` µs: least time
    between two requests for one rebirth."""

    def __init__(self, reorder: int, interval: int) -> None:
        self._reorder, self._interval = reorder, interval
        self._nodes: dict[NodeName, NodeSession] = {}
        self._due: list[tuple[int, NodeName]] = []
        self.counts = NodeCounts()
        self.ours: set[NodeName] = set()
        """Nodes with a device of the list: others are not asked for anything."""

    def __iter__(self) -> Iterator[NodeName]:
        return iter(self._nodes)

    @property
    def born(self) -> int:
        """Number of nodes that are there."""
        return sum(node.born for node in self._nodes.values())

    def session(self, name: NodeName) -> NodeSession:
        """That of the node, new when it was never met. A flood of made-up names does not fill the memory."""
        found = self._nodes.get(name)
        if found is None:
            if len(self._nodes) >= MOST_NODES:
                self._forget()
            found = self._nodes[name] = NodeSession()
        return found

    def _forget(self) -> None:
        """Nodes that are not there; all of them when that is not enough."""
        self._nodes = {name: node for name, node in self._nodes.items() if node.born}
        if len(self._nodes) >= MOST_NODES:
            self._nodes.clear()
        self._due = [one for one in self._due if one[1] in self._nodes]
        heapify(self._due)

    # ---- messages ---------------------------------------------------------------------------------------------
    def node_birth(self, name: NodeName, seq: int | None, bd_seq: int | None, births: Births) -> list[str]:
        """NBIRTH -> the devices that are gone with the session before. Within a session (the same bdSeq: a rebirth)
        devices stay, and their own births follow; until then their aliases mean nothing."""
        node = self.session(name)
        before = [device for device in node.devices if device]
        another = bd_seq is None or bd_seq != node.bd_seq
        gone = before if another else []
        node.devices = {"": births} | ({} if another else {device: Births() for device in before})
        node.born, node.bd_seq = True, bd_seq
        node.expected = None if seq is None else (seq + 1) % 256
        node.missing.clear()
        node.why = ""
        self.counts.births += 1
        return gone

    def node_death(self, name: NodeName, bd_seq: int | None) -> list[str] | None:
        """NDEATH -> the devices that are gone with it; None: it belongs to a session of before, and changes nothing."""
        node = self.session(name)
        if node.born and None not in (bd_seq, node.bd_seq) and bd_seq != node.bd_seq:
            self.counts.stale_deaths += 1
            return None
        gone = [device for device in node.devices if device]
        if node.born:  # else this may be the death of a session long ago, and the node is there
            node.why = ""
        node.born, node.devices, node.expected = False, {}, None
        node.missing.clear()
        self.counts.deaths += 1
        return gone

    def device_birth(self, name: NodeName, device: str, births: Births) -> None:
        """DBIRTH."""
        self.session(name).devices[device] = births
        self.counts.births += 1

    def device_death(self, name: NodeName, device: str) -> None:
        """DDEATH."""
        self.session(name).devices.pop(device, None)
        self.counts.deaths += 1

    def follows(self, name: NodeName, seq: int | None, now: int) -> None:
        """The sequence number of any message but NBIRTH and NDEATH."""
        node = self.session(name)
        if not node.born:
            self.want(name, "no_birth", now)
        elif seq is None or node.expected is None or seq == node.expected:
            node.expected = None if seq is None else (seq + 1) % 256
        elif seq in node.missing:
            node.missing.discard(seq)
        else:
            ahead = (seq - node.expected) % 256
            if not node.missing:
                node.deadline = now + self._reorder
                heappush(self._due, (node.deadline, name))
            node.missing.update((node.expected + step) % 256 for step in range(ahead if ahead < _AHEAD else 1))
            node.expected = (seq + 1) % 256

    def unknown(self, name: NodeName, now: int) -> None:
        """A message named an alias, or a device, that no birth declared."""
        self.counts.unknown_aliases += 1
        self.want(name, "unknown_alias", now)

    # ---- connections ------------------------------------------------------------------------------------------
    def disconnected(self) -> None:
        """Births may be missed from here on, so what aliases mean is not certain any more."""
        for node in self._nodes.values():
            node.born, node.expected = False, None
            node.missing.clear()
            node.why = ""
        self._due.clear()

    def connected(self, now: int) -> None:
        """Each node that was ever met is asked for its births, once."""
        for name, node in self._nodes.items():
            if not node.born:
                node.requested, node.not_before = 0, 0
                self.want(name, "connected", now)

    def want(self, name: NodeName, why: str, now: int) -> None:
        """A rebirth is wanted. One that is wanted already is not wanted twice."""
        node = self.session(name)
        if not node.why:
            node.why = why
            if now - node.last > 2 * self._pause(node):
                node.requested = 0
            heappush(self._due, (max(now, node.not_before), name))

    def requests(self, now: int, most: int) -> list[tuple[NodeName, str]]:
        """Nodes of `ours` to be asked for a rebirth now, with the reason, at most so many; each is asked again, later
        and later, until its birth comes. Later and later as well where births come and do not help."""
        found: list[tuple[NodeName, str]] = []
        while self._due and self._due[0][0] <= now and len(found) < most:
            _, name = heappop(self._due)
            node = self._nodes[name]
            if node.missing and node.deadline <= now:
                node.missing.clear()
                self.counts.gaps += 1
                node.why = node.why or "gap"
            if name not in self.ours:
                node.why = ""
            if not node.why or node.not_before > now:
                continue
            found.append((name, node.why))
            node.last, node.not_before = now, now + self._pause(node)
            node.requested += 1
            self.counts.rebirths += 1
            heappush(self._due, (node.not_before, name))
        return found

    def _pause(self, node: NodeSession) -> int:
        """µs between a request and the next."""
        return self._interval << min(node.requested, _DOUBLINGS)
