"""Paths in the syntax of another system: here they would silently create files with odd names."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from gateway.domain.errors import Problem
from gateway.settings.model import Settings, sections
from gateway.settings.yaml_document import Document, Place

_WINDOWS: Final = re.compile(r"[A-Za-z]:([\\/]|$)|.*\\")


def foreign_paths(settings: Settings, document: Document) -> list[Problem]:
    """Problems of such paths in the main file, before paths are joined to the folder of that file."""
    found = []
    for place, section in sections(settings):
        for name in type(section).model_fields:
            for inner, path in _paths(getattr(section, name), (*place, name)):
                if _WINDOWS.match(str(path)):
                    write = re.sub(r"^[A-Za-z]:", "", str(path)).replace("\\", "/") or "/var/lib/fieldgate"
                    found.append(document.problem(inner, "config.path.windows", path=str(path), write=write))
    return found


def _paths(value: Any, place: Place) -> Iterator[tuple[Place, Path]]:
    if isinstance(value, Path):
        yield place, value
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            yield from _paths(item, (*place, index))
