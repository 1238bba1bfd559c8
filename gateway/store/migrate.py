"""Runs the packaged migrations on a connection; no alembic.ini, no command line.

Nearly every start finds the tables as they should be: then one query tells, and alembic is not even imported.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

from gateway.domain.errors import StoreError

FOLDER = Path(__file__).parent / "migrations"


def head() -> str:
    """The newest revision: a file is called `<revision>_<slug>.py`, revisions are numbers of equal length."""
    return max(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py"))


def upgrade(connection: Connection) -> None:
    """Apply every revision the database lacks, in the caller's transaction. Raises StoreError for an unknown one."""
    known = inspect(connection).has_table("alembic_version")
    if not known or connection.scalars(text("SELECT version_num FROM alembic_version")).all() != [head()]:
        _migrate(connection)


def _migrate(connection: Connection) -> None:
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(FOLDER))

    def steps(revision: Any, _context: MigrationContext) -> list[object]:
        return list(scripts._upgrade_revs("head", revision))  # noqa: SLF001 - what alembic's own env.py is given

    context = MigrationContext.configure(connection, opts={"fn": steps, "as_sql": False})
    now = context.get_current_revision()
    if now is not None and now not in {script.revision for script in scripts.walk_revisions()}:
        raise StoreError(
            f"the database is at revision {now}, which this release does not know: install a newer release"
        )
    with Operations.context(context):
        context.run_migrations()
