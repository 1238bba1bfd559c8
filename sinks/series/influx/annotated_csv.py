"""Answers of the server: docs.influxdata.com/influxdb/v2/reference/syntax/annotated-csv."""

import csv
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from gateway.domain.errors import StoreUnavailable
from gateway.domain.reading import I64

Columns = Mapping[str, list[str]]


def blocks(answer: Iterable[str], wanted: Iterable[str]) -> Iterator[Columns]:
    """The wanted columns of each block of rows with the same header, as texts; one that the block does not have is
    empty in every row. Raises StoreUnavailable when the answer ends in an error."""
    wanted = tuple(wanted)
    header: list[str] | None = None
    rows: list[list[str]] = []
    for row in csv.reader(answer):
        if not row or row[0].startswith("#"):
            if rows and header is not None:
                yield _columns(header, rows, wanted)
            header, rows = None, []
        elif header is None:
            header = row
        elif header[1:2] == ["error"]:
            raise StoreUnavailable.of("store.why.query", detail=row[1][:200])
        else:
            rows.append(row)
    if rows and header is not None:
        yield _columns(header, rows, wanted)


def _columns(header: list[str], rows: list[list[str]], wanted: tuple[str, ...]) -> Columns:
    places = {name: index for index, name in enumerate(header)}
    turned = list(zip(*rows, strict=True))
    empty = [""] * len(rows)
    return {name: list(turned[places[name]]) if name in places else empty for name in wanted}


def micros(times: list[str]) -> I64:
    """µs since 1970 of RFC 3339 times in UTC."""
    bare = np.array([time.removesuffix("Z") for time in times], "datetime64[ns]")
    return bare.astype(np.int64) // 1000
