"""The registry of a project without a database."""

from collections.abc import Sequence

from gateway.domain.record import Fact
from gateway.ports import Clock, Known
from gateway.registry import Registry
from gateway.settings.project import Project


class _Paper:
    """A RegistryStore that keeps nothing."""

    def load(self) -> Known:
        """As RegistryStore: empty."""
        return Known((), (), (), ())

    def save(self, changed: Known, facts: Sequence[Fact]) -> None:
        """As RegistryStore."""


def paper_registry(project: Project, clock: Clock) -> Registry:
    """What the files say, with ids of its own; learned state texts are unknown to it."""
    registry = Registry(_Paper(), project.settings.tenant, clock)
    registry.apply(project.wanted)
    return registry
