"""Restores a backup to a folder from which a gateway can start."""

import json
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.domain.error_reasons import reason
from gateway.domain.errors import StoreError
from gateway.durable import copy_plain, sync_names
from gateway.recovery.backup import CONFIG, DATA, FORMAT, NAME, digest


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored: as of `at` (RFC 3339), bytes, the newest record of the journal."""

    at: str
    bytes: int
    head: int
    main_file: str


def restore(backup: Path, data: Path, configuration: Path | None = None) -> Restored:
    """Put the data of `backup` into `data`, and its configuration into `configuration`: both empty, or missing.

    Every file is compared with the backup's manifest before it gets its name. Raises StoreError; then nothing is
    changed.
    """
    places = {DATA: data} | ({CONFIG: configuration} if configuration is not None else {})
    for place in places.values():
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise StoreError.of("restore.not_empty", path=place)
    try:
        with _opened(backup, data) as folder:
            found = _manifest(folder)
            for name, entry in found["files"].items():
                if not (folder / name).is_file() or digest(folder / name) != entry["sha256"]:
                    raise StoreError.of("restore.damaged", path=backup, name=name)
            for area, place in places.items():
                _put(folder / area, place)
    except (OSError, tarfile.TarError, EOFError) as error:
        raise StoreError.of("restore.failed", path=backup, error=reason(error)) from error
    size = sum(entry["bytes"] for entry in found["files"].values())
    return Restored(found["at"], size, found["head"], found["main_file"])


@contextmanager
def _opened(backup: Path, data: Path) -> Iterator[Path]:
    """The folder of a backup; an archive is unpacked beside the place where the data goes."""
    if backup.is_dir():
        yield backup
        return
    if not backup.is_file():
        raise StoreError.of("restore.none", path=backup)
    scratch = data.with_name(data.name + ".unpacked")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700, parents=True)
    try:
        with tarfile.open(backup) as tar:
            tar.extractall(scratch, filter="data")
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / NAME).read_text("utf-8"))
        names = [Path(name) for name in found["files"]]
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise StoreError.of("restore.none", path=folder) from error
    if found.get("format") != FORMAT or any(name.is_absolute() or ".." in name.parts for name in names):
        raise StoreError.of("restore.none", path=folder)
    return found


def _put(source: Path, place: Path) -> None:
    scratch = place.with_name(place.name + ".part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700, parents=True)
    try:
        for path in sorted(source.rglob("*")):
            if path.is_dir():
                (scratch / path.relative_to(source)).mkdir(mode=0o700, exist_ok=True)
            else:
                copy_plain(path, scratch / path.relative_to(source))
        if place.exists():
            place.rmdir()
        scratch.rename(place)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    sync_names(place.parent)
