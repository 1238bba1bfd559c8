"""Small files that survive a power cut."""

import json
import os
from pathlib import Path


def replace_synced(path: Path, value: object) -> None:
    """Put a JSON file in the place of another, synced with its folder. Raises OSError."""
    scratch = path.with_name(path.name + ".part")
    with scratch.open("w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    sync_names(path.parent)


def sync_names(folder: Path) -> None:
    """Bring the names of a folder to disk. Raises OSError."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
