"""Files of the desk that its parts own: one line a part in each of the three functions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.domain.errors import Problem
from gateway.settings.inventory import Inventory
from gateway.settings.model import Settings
from gateway.settings.order_codes import OrderCodeFile, check_order_codes, load_order_codes
from gateway.settings.plans import PlanFiles, check_plans, load_plans
from gateway.settings.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class DeskPaths:
    """Where they are; they need not exist."""

    plans: Path
    order_codes: Path

    @classmethod
    def of(cls, tree: Mapping[Any, Any], base: Path) -> "DeskPaths":
        """From the raw tree of the main file in the folder `base`."""

        def path(key: str, usual: str) -> Path:
            text = tree.get(key)
            return base / (text if isinstance(text, str) and text else usual)

        return cls(path("plans", "plans"), path("order_codes", "order_codes.yaml"))

    def places(self) -> tuple[Path, ...]:
        """All of them: a change requires a new check."""
        return (self.plans, self.order_codes)


@dataclass(frozen=True, slots=True)
class DeskFiles:
    """Their contents."""

    plans: PlanFiles = field(default_factory=PlanFiles)
    order_codes: OrderCodeFile = field(default_factory=OrderCodeFile)

    @property
    def problems(self) -> list[Problem]:
        """Problems of each file by itself."""
        return [*self.plans.problems, *self.order_codes.problems]


def load_desk_files(paths: DeskPaths) -> DeskFiles:
    """Read them."""
    return DeskFiles(load_plans(paths.plans), load_order_codes(paths.order_codes))


def check_desk_files(
    files: DeskFiles, settings: Settings, inventory: Inventory, kinds: Iterable[str], rulebook: Rulebook
) -> list[Problem]:
    """Names in them that do not exist elsewhere."""
    found = check_plans(files.plans, settings, inventory, kinds, rulebook)
    return [*found, *check_order_codes(files.order_codes, kinds)]
