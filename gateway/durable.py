"""Files that survive a power cut: written anew, copied, moved aside."""

import json
import os
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from gateway.domain.error_reasons import reason
from gateway.domain.errors import StoreError, StoreFull

CHUNK: Final = 4 * 1024 * 1024


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


def move_aside(path: Path, *companions: str, word: str = "damaged") -> Path:
    """`<path>.<word>-<UTC>`, with the files of these suffixes; returns it. A missing file is no error."""
    aside = path.with_name(f"{path.name}.{word}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    for suffix in (*companions, ""):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    sync_names(path.parent)
    return aside


def copy_plain(source: Path, target: Path) -> None:
    """Copy a file that is never changed in place. Raises FileNotFoundError, StoreError."""
    try:
        with source.open("rb") as old, new_file(target) as new:
            shutil.copyfileobj(old, new, CHUNK)
            new.flush()
            os.fsync(new.fileno())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise copy_failed(target, error) from error


def new_file(path: Path) -> BinaryIO:
    """An empty file that its owner alone may read, in a folder that is made. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def copy_failed(path: Path, error: Exception) -> StoreError:
    """The error for a copy to `path` that could not be written."""
    full = "full" in str(error) or "No space" in str(error)
    return (StoreFull if full else StoreError).of("backup.failed", path=path, error=reason(error))
