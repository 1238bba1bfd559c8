"""Checks of the stores of readings: names, places, and that one of them can be read."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec

from gateway.adapter_ports import ConfigFindings
from gateway.adapters import SERIES
from gateway.domain.errors import Problem
from gateway.postgres_connection import PostgresConnection
from gateway.settings.model import Settings, store_name
from gateway.settings.yaml_document import Document, Place, dotted


def written_place(document: Document, place: Place) -> Place:
    """`place` as the file has it: a single store need not be in a list."""
    tree = document.value
    alone = isinstance(tree, Mapping) and not isinstance(tree.get("series"), list)
    return ("series", *place[2:]) if alone and place[:2] == ("series", 0) else place


def check_stores(document: Document, settings: Settings) -> ConfigFindings:
    """Findings about all stores; connects to nothing."""
    found = ConfigFindings()
    names: set[str] = set()
    places: list[dict[str, str]] = []
    for index, config in enumerate(settings.series):
        place, name, adapter = (
            dotted(written_place(document, ("series", index))),
            store_name(config),
            SERIES[config.type],
        )
        where = adapter.place(settings.data_dir, config)
        if name in names:
            found.problems.append(Problem(document.file, f"{place}.name", "config.series.twice", {"name": name}))
        elif where in places:
            found.problems.append(Problem(document.file, place, "config.series.same", {"name": name}))
        names.add(name)
        places.append(where)
        more = adapter.check(config, place, document.file)
        found.problems += more.problems
        found.warnings += more.warnings
        found.notes += more.notes
    found.problems += _database(document.file, settings)
    relational = settings.database
    if not (relational.embedded or relational.local or relational.tls_mode.startswith("verify")):
        fields = {"place": relational.address}
        found.warnings.append(Problem(document.file, "database", "database.warn.plain", fields))
    if not SERIES[settings.history.type].readable(settings.history):
        found.problems.append(Problem(document.file, "series", "config.series.unread"))
    return found


def _database(file: str, settings: Settings) -> Iterator[Problem]:
    """Problems of the relational database on a server: no driver, or the tables of a store of readings beside its own,
    which have the same names."""
    config = settings.database
    if config.embedded:
        return
    if find_spec("psycopg") is None:
        yield Problem(file, "database", "database.driver")
    for name, store in settings.stores.items():
        if isinstance(store, PostgresConnection) and _tables_of(store) == _tables_of(config):
            fields = {"name": name, "schema": config.schema_name}
            yield Problem(file, "database.schema_name", "database.same_schema", fields)


def _tables_of(one: PostgresConnection) -> tuple[str, int, str, str]:
    return one.host, one.port, one.database, one.schema_name
