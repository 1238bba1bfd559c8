"""The registry of a project without a database."""

from collections.abc import Callable

from gateway.adapter_ports import SourceServices
from gateway.ports import Clock, LastIds, RegistryChange, RegistryContents
from gateway.registry import Registry
from gateway.settings.project import Project


class _InMemoryStore:
    """A RegistryStore that keeps nothing but the ids it gave."""

    def __init__(self) -> None:
        self._last = LastIds()

    def load(self) -> RegistryContents:
        """Implements RegistryStore: empty."""
        return RegistryContents((), (), (), ())

    def change(
        self, revision: int, decide: Callable[[RegistryContents | None, LastIds], RegistryChange]
    ) -> tuple[RegistryChange, int]:
        """Implements RegistryStore."""
        change = decide(None, self._last)
        self._last = self._last.after(change.rows)
        return change, revision


class _NoReceipts:
    """A ReceiptLedger of a journal in which nothing is."""

    def claim(self, session: str, packet: int, digest: int) -> bool:  # noqa: ARG002 - as ReceiptLedger
        """Implements ReceiptLedger: False."""
        return False


def in_memory_registry(project: Project, clock: Clock) -> Registry:
    """Registry of the files, with ids of its own; learned state texts are not in it."""
    registry = Registry(_InMemoryStore(), project.settings.tenant, clock)
    registry.apply(project.declared)
    return registry


def trial_services(project: Project, name: str, registry: Registry, clock: Clock) -> SourceServices:
    """Services for a trial of the source `name`."""
    return project.services(name, registry, _NoReceipts(), clock, lambda: registry.contents().devices)
