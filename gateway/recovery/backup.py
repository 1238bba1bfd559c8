"""A copy of an installation, made beside a running gateway, from which one can be started.

Order is what makes it whole: readings first, snapshots of the engine, the database, the journal last. So the journal
holds whatever came after the cursors of the others, and a start replays it, as after a power cut.
"""

import hashlib
import shutil
import tarfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway import expected_stores
from gateway.adapters import SERIES
from gateway.clock import SystemClock
from gateway.desk import Desk
from gateway.domain.duration import iso
from gateway.domain.error_reasons import library_text, reason
from gateway.domain.errors import StoreError
from gateway.durable import copy_plain, replace_synced, sync_names
from gateway.expected_stores import DATABASE, JOURNAL
from gateway.journal import JournalReader
from gateway.recovery import series_stores
from gateway.recovery.copy_sqlite import copy_sqlite
from gateway.settings.model import Settings, store_name
from gateway.store import DatabasePlace, SqlDeskStore
from gateway.store.integrity_check import find_damage

FORMAT: Final = 1
NAME: Final = "backup.json"
DATA, CONFIG = "data", "config"
TRIES: Final = 3
LOOK: Final = 5.0
"""Seconds for checking the copied database."""
LARGEST: Final = 16 * 1024 * 1024
"""Largest file beside the main file that is copied as configuration."""


@dataclass(frozen=True, slots=True)
class BackupContents:
    """Contents of a backup: `at` µs when it began, bytes, the newest record of the journal, files left out, stores of
    readings that are elsewhere and not in it."""

    path: Path
    at: int
    bytes: int
    head: int
    left_out: tuple[Path, ...] = ()
    elsewhere: tuple[str, ...] = ()


def packed(target: Path) -> bool:
    """True if `target` is to be one file rather than a folder."""
    return target.name.endswith((".tar", ".tar.gz", ".tgz"))


def back_up(settings: Settings, main_file: Path, target: Path) -> BackupContents:
    """Copy data folder and configuration to `target`, a folder or a .tar, .tar.gz file that does not exist yet.

    Raises StoreError; then there is nothing under that name.
    """
    data = settings.data_dir
    if target.exists() or target.is_symlink():
        raise StoreError.of("backup.exists", path=target)
    if not DatabasePlace(data, settings.database).exists() or not (data / JOURNAL).is_file():
        raise StoreError.of("store.nothing_here", path=data)
    expected_stores.check_present(data)
    at = time.time_ns() // 1000
    scratch = target.with_name(target.name + ".part")
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700, parents=True)
        head = _copied(settings, scratch / DATA)
        left_out = _configuration(main_file, data, scratch / CONFIG)
        elsewhere = tuple(map(store_name, series_stores.elsewhere(settings)))
        made = BackupContents(target, at, sum(size for _, size in _files(scratch)), head, left_out, elsewhere)
        _manifest(scratch, main_file, made)
        _place(scratch, target)
    except OSError as error:
        raise StoreError.of("backup.failed", path=target, error=reason(error)) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return made


def _copied(settings: Settings, copy: Path) -> int:
    """Copy the data folder; repeated when retention deleted a file in between that the copy needs."""
    data = settings.data_dir
    for left in range(TRIES - 1, -1, -1):
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir(mode=0o700)
        for _, files in series_stores.in_data_folder(settings):
            files.copy(copy)
        for name in ("snapshots", "stores"):
            (copy / name).mkdir(mode=0o700)
        for path in (data / "stores").glob("*.json"):
            copy_plain(path, copy / "stores" / path.name)
        for path in sorted((data / "snapshots").glob("*.snapshot")):
            with suppress(FileNotFoundError):  # only the newest are kept
                copy_plain(path, copy / "snapshots" / path.name)
        if settings.database.embedded:
            copy_sqlite(data / DATABASE, copy / DATABASE)
        copy_sqlite(data / JOURNAL, copy / JOURNAL)
        for path in [data / expected_stores.NAME, *data.glob("admin*.key"), *(data / "sessions").glob("*")]:
            if path.is_file():
                copy_plain(path, copy / path.relative_to(data))
        try:
            return _checked(settings, copy)
        except StoreError as error:
            if error.key != "backup.apart" or not left:
                raise
    raise AssertionError("unreachable")


def _checked(settings: Settings, copy: Path) -> int:
    """Open everything as a start would; returns the newest record of the journal. Raises StoreError if the files do
    not fit together."""
    place = DatabasePlace(copy, settings.database)
    if place.file is not None and (what := find_damage(place.file, LOOK)):
        raise StoreError.of("store.damaged", path=place.file, what=library_text(what))
    with closing(JournalReader(copy / JOURNAL)) as reader:
        partition, newest = reader.partition, reader.last(reader.partition)
        floor, head = reader.floor(), newest.seq if newest is not None else 0
    desk = 0  # the database of a server is copied after this, by its own tools
    if place.file is not None:
        with closing(place.open()) as database:
            desk = Desk(SqlDeskStore(database), partition=partition).cursor()
    stored = floor
    for config, _ in series_stores.in_data_folder(settings):
        with closing(SERIES[config.type].build(copy, config, SystemClock())) as series:
            cursor = series.cursor(partition)
            stored = cursor if config == settings.history else max(stored, cursor)
    if max(desk, stored) > head or stored < floor:
        raise StoreError.of("backup.apart", desk=desk, series=stored, floor=floor, head=head)
    return head


def _configuration(main_file: Path, data: Path, copy: Path) -> tuple[Path, ...]:
    """The folder of the main file without the data folder; files too large to be configuration are left out and
    listed. Files elsewhere are not included."""
    root, left_out = main_file.resolve().parent, []
    for path in sorted(root.rglob("*")):
        inside = data.resolve() in (path.resolve(), *path.resolve().parents)
        if inside or not path.is_file() or any(part.startswith(".") for part in path.relative_to(root).parts):
            continue
        if path.stat().st_size > LARGEST:
            left_out.append(path)
            continue
        copy_plain(path, copy / path.relative_to(root))
    return tuple(left_out)


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    """(relative name, bytes) of every file."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.stat().st_size


def digest(path: Path) -> str:
    """SHA-256 of the file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manifest(scratch: Path, main_file: Path, made: BackupContents) -> None:
    files = {name: {"bytes": size, "sha256": digest(scratch / name)} for name, size in _files(scratch)}
    found: dict[str, Any] = {
        "format": FORMAT,
        "at": iso(made.at),
        "head": made.head,
        "main_file": main_file.name,
        "files": files,
    }
    replace_synced(scratch / NAME, found)


def _place(scratch: Path, target: Path) -> None:
    if packed(target):
        archive = target.with_name(target.name + ".new")
        mode = "w:" if target.name.endswith(".tar") else "w:gz"
        try:
            archive.touch(0o600)
            with tarfile.open(archive, mode) as tar:  # type: ignore[call-overload]
                names: Sequence[str] = [NAME, *(name for name, _ in _files(scratch) if name != NAME)]
                for name in names:
                    tar.add(scratch / name, name)
            archive.replace(target)
        finally:
            archive.unlink(missing_ok=True)
    else:
        scratch.rename(target)
    sync_names(target.parent)
