"""The status that the engine publishes. What did not change since the last one is shared with it."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from gateway.domain.engine_status import GlitchCounts
from gateway.domain.record import RuleSet
from rules.engine.windows.counter_glitches import Glitches, together


class PublishedRules:
    """Rule id -> fact, and rule id -> reason, as mappings that never change; copied again after `changed`."""

    def __init__(self) -> None:
        self.rules: Mapping[str, RuleSet] = {}
        self.broken: Mapping[str, str] = {}
        self._stale = True

    def changed(self) -> None:
        """A rule was installed, broken or removed."""
        self._stale = True

    def update(self, rules: Iterable[RuleSet], broken: Mapping[str, str]) -> None:
        """These are in force, those are broken: copied only when something changed."""
        if self._stale:
            self.rules = MappingProxyType({fact.id: fact for fact in rules})
            self.broken = MappingProxyType(dict(broken))
            self._stale = False


class PublishedGlitches:
    """The counts of glitches; counted again for the devices where one was found or taken back."""

    def __init__(self) -> None:
        self._newest = GlitchCounts()

    def update(self, sources: Sequence[Glitches]) -> GlitchCounts:
        """The counts of now; `sources` were fed with the same readings."""
        touched = set().union(*(one.drain_touched() for one in sources))
        if not touched:
            return self._newest
        by_device = dict(self._newest.by_device)
        for device in touched:
            by_device.pop(device, None)
            if found := together(one.counts(device) for one in sources):
                by_device[device] = MappingProxyType(found)
        total = together(one.counts(None) for one in sources)
        self._newest = GlitchCounts(MappingProxyType(total), MappingProxyType(by_device))
        return self._newest
