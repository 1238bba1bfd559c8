"""Runs the packaged migrations on a connection; no alembic.ini, no command line.

Usually the tables are up to date at start: one query shows it, and alembic is not even imported.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

from gateway.domain.errors import StoreError

FOLDER = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """Present revision ("" = there are no tables yet), and the revisions to apply, oldest first (none: it is up to
    date)."""

    current: str
    pending: tuple[str, ...]


def revisions() -> tuple[str, ...]:
    """Known revisions, oldest first. A file is called `<revision>_<slug>.py`, revisions are numbers of equal length."""
    return tuple(sorted(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py")))


def head() -> str:
    """The newest revision."""
    return revisions()[-1]


def plan(connection: Connection) -> MigrationPlan:
    """The steps that `upgrade` would apply. Raises StoreError for a database of a newer release."""
    known = revisions()
    if not inspect(connection).has_table("alembic_version"):
        return MigrationPlan("", known)
    current = connection.scalar(text("SELECT version_num FROM alembic_version")) or ""
    if current and current not in known:
        raise StoreError.of("store.newer", found=current, known=known[-1])
    return MigrationPlan(current, tuple(one for one in known if one > current))


def upgrade(connection: Connection, target: str = "head") -> None:
    """Apply every revision the database lacks, in the caller's transaction. Raises StoreError for an unknown one."""
    if plan(connection).pending:
        _migrate(connection, target)


def _migrate(connection: Connection, target: str) -> None:
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(FOLDER))

    def steps(revision: Any, _context: MigrationContext) -> list[object]:
        return list(scripts._upgrade_revs(target, revision))  # noqa: SLF001 - what alembic's own env.py is given

    context = MigrationContext.configure(connection, opts={"fn": steps, "as_sql": False})
    with Operations.context(context):
        context.run_migrations()
