"""The database in a backup, as a file to read."""

import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from gateway.domain.errors import StoreError
from gateway.expected_stores import DATABASE
from gateway.recovery.backup import DATA, NAME

_SQLITE: Final = b"SQLite format 3\0"


@contextmanager
def database_of(backup: Path) -> Iterator[Path]:
    """A copy of the database in a backup (folder or archive), or of a database file, gone at the end: the backup is
    left as it is. Raises StoreError."""
    with TemporaryDirectory(prefix="fieldgate-") as folder:
        copy = Path(folder) / DATABASE
        try:
            _copied(backup, copy)
        except (OSError, tarfile.TarError, EOFError) as error:
            raise StoreError.of("audit.no_database", path=backup) from error
        yield copy


def _copied(backup: Path, copy: Path) -> None:
    if backup.is_dir():
        if (backup / NAME).is_file() and not (backup / DATA / DATABASE).is_file():
            raise StoreError.of("audit.server_backup", path=backup)
        inside = backup / DATA / DATABASE
        shutil.copyfile(inside if inside.is_file() else backup / DATABASE, copy)
    elif tarfile.is_tarfile(backup):
        with tarfile.open(backup) as tar:
            names = tar.getnames()
            if f"{DATA}/{DATABASE}" not in names:
                raise StoreError.of("audit.server_backup" if NAME in names else "audit.no_database", path=backup)
            stored = tar.extractfile(f"{DATA}/{DATABASE}")
            assert stored is not None
            with copy.open("wb") as file:
                shutil.copyfileobj(stored, file)
    else:
        shutil.copyfile(backup, copy)
    with copy.open("rb") as file:
        if file.read(len(_SQLITE)) != _SQLITE:
            raise StoreError.of("audit.no_database", path=backup)
