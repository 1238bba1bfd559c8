"""Another release on the same data: the lock comes first, a copy before every migration, nothing is half done.

Data of older releases is made by the migrations themselves, stopped at each revision; "a newer release" is this one
with one more revision in its folder.
"""

import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from sqlalchemy import Connection

from gateway.app.build import build
from gateway.cli import main
from gateway.domain.errors import StoreError, StoreUnavailable
from gateway.settings.project import load_project
from gateway.store import Database, migrate
from gateway.store.migration_backup import KEPT, copies

pytestmark = pytest.mark.fault
CONFIG = "name: up\ntimezone: UTC\nlanguage: en\ndata_dir: var\napi: {port: 0}\n"
ONE_MORE = '''"""A later release."""
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "9000", "%s", None, None
def upgrade():
    op.add_column("site", sa.Column("later", sa.Text(), nullable=False, server_default=""))
def downgrade():
    op.drop_column("site", "later")
'''


def at_revision(path: Path, revision: str) -> None:
    """A database of an older release, with a site in it."""
    database = Database(f"sqlite:///{path}")

    def work(connection: Connection) -> None:
        scripts = ScriptDirectory(str(migrate.FOLDER))
        steps: Any = lambda current, _: list(scripts._upgrade_revs(revision, current))  # noqa: E731
        with Operations.context(MigrationContext.configure(connection, opts={"fn": steps, "as_sql": False})) as context:
            context.migration_context.run_migrations()

    database.transact(work)
    database.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "INSERT INTO site (tenant_id, code, name, timezone, area, region, attrs, tags)"
            " VALUES ('default', 'S1', '', '', '', '', '{}', '[]')"
        )
        db.commit()


def revision(path: Path) -> str:
    with closing(sqlite3.connect(path)) as db:
        return str(db.execute("SELECT version_num FROM alembic_version").fetchone()[0])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text(CONFIG)
    for name in ("profiles", "rules"):
        (tmp_path / name).mkdir()
    (tmp_path / "var").mkdir(mode=0o700)
    return path


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This release with one more migration."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9000_later.py").write_text(ONE_MORE % migrate.head())
    monkeypatch.setattr(migrate, "FOLDER", folder)
    return folder


def fieldgate(*command: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, [*command, "--lang", "en"], catch_exceptions=False)
    return done.exit_code, done.output


@pytest.mark.parametrize("old", migrate.revisions()[:-1])
def test_a_database_of_every_older_release_is_copied_then_migrated(config: Path, old: str) -> None:
    path = config.parent / "var" / "fieldgate.sqlite"
    at_revision(path, old)
    before = path.read_bytes()
    status, said = fieldgate("migrate", "--check", "-c", str(config))
    assert (status, f"revision {old}" in said) == (1, True)
    assert revision(path) == old, "to check changes nothing"
    assert path.read_bytes() == before
    status, said = fieldgate("migrate", "-c", str(config))
    assert (status, f"to {migrate.head()}" in said) == (0, True)
    (copy,) = copies(path)
    assert copy.name.startswith(f"fieldgate.sqlite.revision-{old}-")
    assert (revision(copy), revision(path)) == (old, migrate.head())
    assert fieldgate("migrate", "--check", "-c", str(config))[0] == 0
    shutil.copy(copy, path)  # the way back: the older release finds its database as it was
    assert revision(path) == old
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT code FROM site").fetchall() == [("S1",)]


def test_only_the_newest_copies_are_kept(config: Path, newer: Path) -> None:
    path = config.parent / "var" / "fieldgate.sqlite"
    for number in range(KEPT + 2):
        (path.parent / f"fieldgate.sqlite.revision-0001-2026010{number}T000000Z").touch()
    at_revision(path, "0004")
    Database(f"sqlite:///{path}").upgrade()
    left = sorted(copy.name for copy in copies(path))
    assert len(left) == KEPT
    assert left[-1].startswith("fieldgate.sqlite.revision-0004-")


def test_a_database_of_a_newer_release_is_refused_and_stays_as_it_is(config: Path, newer: Path) -> None:
    path = config.parent / "var" / "fieldgate.sqlite"
    at_revision(path, "0004")
    Database(f"sqlite:///{path}").upgrade()
    assert revision(path) == "9000"
    (newer / "versions" / "9000_later.py").unlink()  # and back to this release
    before, names = path.read_bytes(), sorted(one.name for one in path.parent.iterdir())
    with pytest.raises(StoreError, match="revision 9000"):
        Database(f"sqlite:///{path}").upgrade()
    for command in (["migrate"], ["migrate", "--check"]):
        status, said = fieldgate(*command, "-c", str(config))
        assert (status, "Start the newer release again" in said) == (2, True)
    assert path.read_bytes() == before
    assert {one.name for one in path.parent.iterdir()} - set(names) <= {
        "fieldgate.sqlite-shm",
        "fieldgate.sqlite-wal",
        "journal.sqlite.lock",
    }


def test_a_newer_release_beside_a_running_one_touches_nothing(config: Path, newer: Path) -> None:
    log = config.parent / "run.log"
    with log.open("w") as out:
        command = [sys.executable, "-m", "gateway", "run", "-c", str(config), "--lang", "en"]
        running = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        until = time.monotonic() + 60
        while "gateway live" not in log.read_text():
            assert running.poll() is None, log.read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        path = config.parent / "var" / "fieldgate.sqlite"
        status, said = fieldgate("migrate", "-c", str(config))
        assert (status, f"process {running.pid} (fieldgate run) has the data" in said) == (2, True)
        with pytest.raises(StoreUnavailable, match=f"process {running.pid} "):
            build(load_project(config))
        assert fieldgate("migrate", "--check", "-c", str(config))[0] == 1, "to look is allowed"
        assert revision(path) == sorted(migrate.revisions())[-2]
        assert copies(path) == []
    finally:
        running.terminate()
        assert running.wait(30) == 0
