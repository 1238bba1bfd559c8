"""The functions of the pipeline: tables in, tables out."""

import statistics
from collections.abc import Callable
from typing import Any

from simulators.influx.flux import Call, FluxError, Row, Table, regrouped

_AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "count": len, "sum": sum, "mean": statistics.fmean, "min": min, "max": max,
    "first": lambda values: values[0], "last": lambda values: values[-1],
}  # fmt: skip


def run(source: list[Table], calls: list[Call]) -> list[Table]:
    """What the calls after `from` make of the tables of a bucket. Raises FluxError."""
    tables = source
    if not calls or calls[0].name != "range":
        raise FluxError("cannot submit unbounded read; try bounding with a call to range")
    for call in calls:
        function = _FUNCTIONS.get(call.name)
        if function is None:
            raise FluxError(f"undefined identifier {call.name}")
        tables = [table for table in function(tables, call.arguments) if table.rows]
    return tables


def _range(tables: list[Table], arguments: Any) -> list[Table]:
    start, stop = arguments["start"], arguments["stop"]
    if start >= stop:
        raise FluxError("error in building plan: cannot query an empty range")
    return [
        Table(
            ("_start", "_stop", *table.key),
            [{"_start": start, "_stop": stop, **row} for row in table.rows if start <= row["_time"] < stop],
        )
        for table in tables
    ]


def _filter(tables: list[Table], arguments: Any) -> list[Table]:
    return [Table(table.key, [row for row in table.rows if arguments["fn"](row)]) for table in tables]


def _pivot(tables: list[Table], arguments: Any) -> list[Table]:
    if (arguments["rowKey"], arguments["columnKey"]) != (["_time"], ["_field"]):
        raise FluxError("this pivot is not supported")
    made: dict[tuple[Any, ...], dict[int, Row]] = {}
    keys: dict[tuple[Any, ...], tuple[str, ...]] = {}
    for table in tables:
        key = tuple(name for name in table.key if name != "_field")
        for row in table.rows:
            group = tuple((name, row[name]) for name in key)
            keys[group] = key
            into = made.setdefault(group, {}).setdefault(row["_time"], {**dict(group), "_time": row["_time"]})
            into[row["_field"]] = row[arguments["valueColumn"]]
    return [Table(keys[group], list(rows.values())) for group, rows in made.items()]


def _group(tables: list[Table], arguments: Any) -> list[Table]:
    return regrouped((row for table in tables for row in table.rows), tuple(arguments.get("columns", [])))


def _sort(tables: list[Table], arguments: Any) -> list[Table]:
    columns = arguments["columns"]
    return [Table(one.key, sorted(one.rows, key=lambda row: [row[name] for name in columns])) for one in tables]


def _limit(tables: list[Table], arguments: Any) -> list[Table]:
    return [Table(table.key, table.rows[: arguments["n"]]) for table in tables]


def _last(tables: list[Table], _: Any) -> list[Table]:
    return [Table(table.key, table.rows[-1:]) for table in tables]


def _first(tables: list[Table], _: Any) -> list[Table]:
    return [Table(table.key, table.rows[:1]) for table in tables]


def _sum(tables: list[Table], _: Any) -> list[Table]:
    return [Table(one.key, [{**_key_of(one), "_value": sum(row["_value"] for row in one.rows)}]) for one in tables]


def _key_of(table: Table) -> Row:
    return {name: table.rows[0][name] for name in table.key}


def _aggregate_window(tables: list[Table], arguments: Any) -> list[Table]:
    every, offset, fold = arguments["every"], arguments.get("offset", 0), _AGGREGATES[arguments["fn"]]
    if arguments.get("createEmpty", True) or arguments.get("timeSrc") != "_start":
        raise FluxError("only createEmpty: false, timeSrc: _start")
    made = []
    for table in tables:
        windows: dict[int, list[Any]] = {}
        for row in table.rows:
            begin = (row["_time"] - offset) // every * every + offset
            windows.setdefault(max(begin, row["_start"]), []).append(row["_value"])
        kept = _key_of(table)
        made.append(Table(table.key, [{**kept, "_time": at, "_value": fold(v)} for at, v in sorted(windows.items())]))
    return made


_FUNCTIONS: dict[str, Callable[[list[Table], Any], list[Table]]] = {
    "range": _range, "filter": _filter, "pivot": _pivot, "group": _group, "sort": _sort, "limit": _limit,
    "first": _first, "last": _last, "sum": _sum, "aggregateWindow": _aggregate_window,
}  # fmt: skip
