"""What the gateway needs of this folder (`gateway.adapter_ports.SourceAdapter`). Parts are loaded when needed."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.adapter_ports import ConfigFindings, SourceAdapter, SourceServices
from gateway.domain.duration import format_duration
from gateway.domain.errors import Problem
from gateway.domain.language_values import Phrase
from gateway.probe_ports import SourcePlan
from protocols.drop_folder.config import DropFolderConfig
from protocols.mapping.adapter_parts import check_with, out_of_reach, state_texts, try_message

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
        if not source.folder.is_dir():
            found.warnings.append(Problem(file, f"sources.{name}.folder", "drop.missing"))
        found.problems += out_of_reach(name, source, file)
    return found


def _plan(name: str, config: DropFolderConfig, services: SourceServices) -> SourcePlan:  # noqa: ARG001 - the port
    fields = {"files": str(config.folder / config.files), "every": format_duration(config.every)}
    return SourcePlan((), (Phrase("plan.files", fields),))


ADAPTER = SourceAdapter(
    name="drop_folder",
    config=DropFolderConfig,
    build=_build,
    adjust=_adjust,
    check=_check,
    check_with=check_with,
    state_texts=state_texts,
    try_message=try_message,
    plan=_plan,
)
