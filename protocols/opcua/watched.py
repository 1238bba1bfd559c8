"""The watched nodes: configuration and registry, joined again when the registry changes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import structlog

from gateway.domain.device import Device, Life
from gateway.domain.error_reasons import reason
from gateway.domain.errors import ConfigError
from gateway.domain.language_values import Phrase
from gateway.domain.text import Localized
from gateway.ports import Directory
from protocols.opcua.client import NodeId, RefusedNode
from protocols.opcua.config import OpcUaConfig
from protocols.opcua.nodes import BoundNode, SentValue, bind
from protocols.opcua.profile import OpcUaMap

log: structlog.stdlib.BoundLogger = structlog.get_logger("opcua")
NAMED = 5


class WatchedNodes:
    """Nodes by number; a number is never used again. A device that cannot be watched and a node that the server refuses
    are logged once, with the reason; they are tried again by `retry`, with the next connection, and when the registry
    changes."""

    def __init__(
        self,
        source: str,
        config: OpcUaConfig,
        directory: Directory,
        maps: Mapping[str, OpcUaMap],
        fleet: Callable[[], Iterable[Device]],
    ) -> None:
        self._source, self._config, self._directory = source, config, directory
        self._maps, self._fleet = maps, fleet
        self._version: int | None = None
        self._last = 0
        self._logged: set[tuple[str, str]] = set()
        self.nodes: dict[int, BoundNode] = {}
        self.resolved: dict[int, NodeId] = {}
        self.refused: dict[int, RefusedNode] = {}
        self._unwatched: dict[str, Localized | str] = {}
        self._vanished: set[int] = set()

    def use(self, config: OpcUaConfig, maps: Mapping[str, OpcUaMap]) -> None:
        """From now on this configuration."""
        self._config, self._maps, self._version = config, maps, None

    def restart(self) -> None:
        """A new session: every node is to be watched anew."""
        self.nodes, self.resolved, self.refused, self._version = {}, {}, {}, None
        self._vanished = set()

    def note(self, number: int, sent: SentValue) -> None:
        """What the server sent of a node: whether it still has it."""
        if sent.no_such_node:
            self._vanished.add(number)
        elif self._vanished:
            self._vanished.discard(number)

    def retry(self) -> None:
        """With the next `refresh` the nodes that the server refused, or no longer has, are new ones."""
        if self.refused or self._vanished:
            for number in self._vanished:
                self.resolved.pop(number, None)
            self._vanished, self._version = set(), None

    def refresh(self) -> tuple[list[int], list[tuple[int, BoundNode]]]:
        """(numbers no longer wanted, nodes to watch with their new numbers). Cheap when nothing changed."""
        version = self._directory.version
        if version == self._version:
            return [], []
        self._version = version
        wanted = {(node.device, node.point): node for node in self._bound()}
        have = {(node.device, node.point): number for number, node in self.nodes.items() if number in self.resolved}
        kept = {key for key, number in have.items() if wanted.get(key) == self.nodes[number]}
        gone = [number for number, node in self.nodes.items() if (node.device, node.point) not in kept]
        for number in gone:
            del self.nodes[number]
            self.resolved.pop(number, None)
        self.refused = {}
        new = []
        for key, node in wanted.items():
            if key not in kept:
                self._last += 1
                self.nodes[self._last] = node
                new.append((self._last, node))
        return gone, new

    def settle(self, resolved: Mapping[int, NodeId], refused: Mapping[int, RefusedNode]) -> None:
        """What the server made of nodes: it watches some, and refuses others."""
        self.resolved.update(resolved)
        self.refused.update(refused)
        for number, refusal in refused.items():
            self._log_once(self.nodes[number].place, refusal.why)

    def trouble(self) -> Phrase | None:
        """Devices that cannot be watched, else nodes that the server refuses."""
        if self._unwatched:
            return Phrase("opcua.unwatched", {"count": len(self._unwatched), "names": _named(sorted(self._unwatched))})
        if self.refused:
            names = sorted(self.nodes[number].place for number in self.refused)
            fields = {"count": len(names), "all": len(self.nodes), "names": _named(names)}
            return Phrase("opcua.refused", fields)
        return None if self.nodes or self._version is None else Phrase("opcua.nothing")

    def _bound(self) -> Iterator[BoundNode]:
        self._unwatched = {}
        for code, root in self._roots().items():
            device = self._directory.device(code)
            nodes = self._maps.get(device.profile) if device is not None else None
            why: Localized | str = ""
            if device is None:
                why = Phrase("opcua.no_device")
            elif nodes is None:
                why = Phrase("opcua.no_map", {"profile": device.profile})
            else:
                try:
                    yield from bind(nodes, self._directory.points(device.profile), device, root)
                except ConfigError as error:
                    why = reason(error)
            if why:
                self._unwatched[code] = why
                self._log_once(code, why)

    def _roots(self) -> dict[str, str]:
        """Device code -> root: from the registry, overridden by the configuration."""
        found: dict[str, str] = {}
        if self._config.devices_from:
            for device in self._fleet():
                if device.life is Life.IN_SERVICE and device.attrs.get("opcua_source") == self._source:
                    found[device.code] = str(device.attrs.get("opcua_root", ""))
        return found | dict(self._config.listed())

    def _log_once(self, what: str, why: Localized | str) -> None:
        if (what, str(why)) not in self._logged:
            self._logged.add((what, str(why)))
            log.warning("not watched", source=self._source, what=what, reason=why)


def _named(names: Sequence[str]) -> Phrase | str:
    shown = ", ".join(names[:NAMED])
    return Phrase("source.more_names", {"names": shown, "more": len(names) - NAMED}) if len(names) > NAMED else shown
