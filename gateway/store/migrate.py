"""Runs the packaged migrations on a connection; no alembic.ini, no command line."""

from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from gateway.domain.errors import StoreError

SCRIPTS = ScriptDirectory(str(Path(__file__).parent / "migrations"))


def upgrade(connection: Connection) -> None:
    """Apply every revision the database lacks, in the caller's transaction. Raises StoreError for an unknown one."""
    context = MigrationContext.configure(connection, opts={"fn": _steps, "as_sql": False})
    now = context.get_current_revision()
    if now is not None and now not in {script.revision for script in SCRIPTS.walk_revisions()}:
        raise StoreError(
            f"the database is at revision {now}, which this release does not know: install a newer release"
        )
    with Operations.context(context):
        context.run_migrations()


def _steps(revision: Any, _context: MigrationContext) -> list[object]:
    return list(SCRIPTS._upgrade_revs("head", revision))  # noqa: SLF001 - what alembic's own env.py is given
