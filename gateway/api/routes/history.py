"""Stored readings for backtest and explain that only this process can read (`HeldReadings`)."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Response
from pydantic import Field

from gateway.api.access import Operator
from gateway.api.context import Gateway, in_series
from gateway.api.values import RequestModel, When, refused
from gateway.domain.reading import I64, Batch, empty_batch, encode_batch

router = APIRouter(prefix="/v1/history", tags=["history"])
MOST_ROWS = 2_000_000
MOST_BUCKETS = 10_000
COLUMNS = "application/octet-stream"
Ids = Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(max_length=100_000)]


class TimeRange(RequestModel):
    """The interval [start, end)."""

    start: When
    end: When


class RowsIn(TimeRange):
    """Readings of these devices and points, by id; null = all."""

    devices: Ids | None = None
    points: Ids | None = None


class CountsIn(TimeRange):
    """`width` of each bucket in µs."""

    width: Annotated[int, Field(ge=1)]


class BeforeIn(RequestModel):
    """Readings before `moment` of these devices."""

    moment: When
    devices: Ids


@router.post("/before", response_class=Response)
async def before(context: Gateway, _principal: Operator, body: BeforeIn) -> Response:
    """For each point: the newest reading before a moment and the newest one with a value, as columns."""
    found = await in_series(context, lambda: context.series_store.before(body.moment, body.devices))
    return Response(encode_batch(found), media_type=COLUMNS)


@router.post("/open/counts", response_class=Response)
async def open_counts(context: Gateway, _principal: Operator, body: CountsIn) -> Response:
    """Number of readings in each bucket, as little-endian i64."""
    if body.start >= body.end:
        raise refused(422, "range")
    if (body.end - body.start) // body.width >= MOST_BUCKETS:
        raise refused(422, "buckets", most=MOST_BUCKETS)

    def work() -> I64:
        held = context.series_store.held()
        if held is None:
            return np.zeros(-((body.start - body.end) // body.width), np.int64)
        return held.counts(body.start, body.end, body.width)

    counts = await in_series(context, work)
    return Response(counts.astype("<i8").tobytes(), media_type=COLUMNS)


@router.post("/open/rows", response_class=Response)
async def open_rows(context: Gateway, _principal: Operator, body: RowsIn) -> Response:
    """The readings as columns (`gateway.domain.reading.encode_batch`), in any order, at most 2 million."""
    if body.start >= body.end:
        raise refused(422, "range")

    def work() -> Batch | None:
        held = context.series_store.held()
        if held is None:
            return empty_batch()
        if int(held.counts(body.start, body.end, body.end - body.start).sum()) > MOST_ROWS:
            return None
        return held.rows(body.start, body.end, body.devices, body.points)

    found = await in_series(context, work)
    if found is None:
        raise refused(422, "history", most=MOST_ROWS)
    return Response(encode_batch(found), media_type=COLUMNS)
