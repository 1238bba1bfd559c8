"""`fieldgate version`"""

from importlib.metadata import PackageNotFoundError, version

import click


@click.command("version")
def command() -> None:
    """Print the versions of Fieldgate and of the libraries it uses.

    Example: fieldgate version
    """
    import duckdb
    from pysqlite3 import dbapi2 as sqlite

    try:
        own = version("fieldgate")
    except PackageNotFoundError:
        own = "checkout"
    click.echo(f"fieldgate {own} (SQLite {sqlite.sqlite_version}, DuckDB {duckdb.__version__})")
