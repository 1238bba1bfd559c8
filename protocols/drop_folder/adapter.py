"""What the gateway needs of this folder (`gateway.adapter_ports.SourceAdapter`). Parts are loaded when needed."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.adapter_ports import CheckedProject, ConfigFindings, MessageTrial, SourceAdapter, SourceServices
from gateway.domain.duration import format_duration
from gateway.domain.errors import Problem
from gateway.domain.language_values import Phrase
from gateway.probe_ports import SourcePlan
from protocols.drop_folder.config import DropFolderConfig

if TYPE_CHECKING:
    from protocols.drop_folder.source import DropFolderSource


def _build(name: str, config: DropFolderConfig, services: SourceServices) -> "DropFolderSource":
    from protocols.drop_folder.source import DropFolderSource

    return DropFolderSource(name, config, services)


def _adjust(
    source: "DropFolderSource", config: DropFolderConfig, _: SourceServices, services: SourceServices
) -> Callable[[], bool]:
    return partial(source.use, config, services)


def _check(sources: Mapping[str, DropFolderConfig], file: str) -> ConfigFindings:
    """Two sources would take each other's files."""
    found = ConfigFindings()
    first: dict[Path, str] = {}
    for name, source in sources.items():
        other = first.setdefault(source.folder, name)
        if other != name:
            found.problems.append(Problem(file, f"sources.{name}.folder", "drop.shared", {"first": other}))
    return found


def _check_with(sources: Mapping[str, DropFolderConfig], project: CheckedProject) -> ConfigFindings:
    from protocols.mapping.route_check import check_routes

    return check_routes(sources, project)


def _state_texts(config: DropFolderConfig) -> Iterable[tuple[str, str]]:
    from protocols.mapping.state_texts import state_texts

    return state_texts(config)


def _try_message(
    name: str, config: DropFolderConfig, services: SourceServices, topic: str, payload: bytes, retain: bool
) -> MessageTrial:
    from protocols.mapping.trial import try_message

    return try_message(name, config, services, topic, payload, retain=retain)


def _plan(name: str, config: DropFolderConfig, services: SourceServices) -> SourcePlan:  # noqa: ARG001 - the port
    fields = {"files": str(config.folder / config.files), "every": format_duration(config.every)}
    return SourcePlan((), (Phrase("plan.files", fields),))


ADAPTER = SourceAdapter(
    name="drop_folder",
    config=DropFolderConfig,
    build=_build,
    adjust=_adjust,
    check=_check,
    check_with=_check_with,
    state_texts=_state_texts,
    try_message=_try_message,
    plan=_plan,
)
