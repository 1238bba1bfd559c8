"""Live view of messages, readings, alarms and orders, by repeated requests with bounded answers. It reads the
journal and the event feed only; without a viewer it costs nothing."""

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query

from gateway.api.access import Operator, Principal
from gateway.api.context import Context, Gateway, in_ingest
from gateway.api.values import Instant, Line, NonNegativeInt, ResponseModel
from gateway.domain.device import PointKind
from gateway.domain.notice import OutboxEvent
from gateway.domain.reading import Batch, Quality
from gateway.domain.record import Raw, Record

router = APIRouter(prefix="/v1", tags=["tail"])
MOST = 300
"""Lines of an answer; further lines are counted in `skipped`."""
BEHIND = 2_000
"""Records a viewer may be behind; then the oldest are skipped."""
WAIT_SECONDS = 10.0
LOOK_SECONDS = 0.3
Kind = Literal["message", "reading", "alarm", "order"]


class TailView(ResponseModel):
    """One line. `what`: for a message `taken` or the reason of a dead letter, for an alarm or an order its change;
    `detail`: for a message the number of readings, or the address of a dead letter; for a reading its quality."""

    at: Instant
    kind: Kind
    device: str
    site: str
    what: str
    point: str = ""
    component: int = 0
    value: float | str | None = None
    unit: str = ""
    detail: str = ""
    title_en: str = ""
    title_zh: str = ""


class TailPage(ResponseModel):
    """Pass `next` and `next_event` as `after` and `event`. `skipped`: lines left out because they were too many or
    too old."""

    items: list[TailView]
    next: int
    next_event: int
    skipped: int


class _Filter:
    """Filters of the request, and what the caller may see."""

    def __init__(self, context: Context, principal: Principal, device: str, site: str, kinds: Sequence[Kind]) -> None:
        self.context, self._principal = context, principal
        self._device, self._site, self._kinds = device, site, frozenset(kinds)

    def kind(self, kind: Kind) -> bool:
        return not self._kinds or kind in self._kinds

    def place(self, code: str, number: int = 0) -> tuple[str, str] | None:
        """(code, site) of a device to be shown; a dead letter has none."""
        registry = self.context.registry
        device = registry.device_by_id(number) if number else registry.device(code)
        if device is None:
            hidden = self._device or self._site or self._principal.key.sites
            return None if hidden and not (code and code == self._device) else (code, "")
        wrong = (self._device and device.code != self._device) or (self._site and device.site != self._site)
        return None if wrong or not self._principal.sees(device) else (device.code, device.site)


@router.get("/tail")
async def tail(
    context: Gateway,
    principal: Operator,
    after: Annotated[NonNegativeInt | None, Query()] = None,
    event: Annotated[NonNegativeInt | None, Query()] = None,
    device: Annotated[Line, Query()] = "",
    site: Annotated[Line, Query()] = "",
    kind: Annotated[tuple[Kind, ...], Query(max_length=4)] = (),
) -> TailPage:
    """Messages, readings, alarms and orders from now on. The first answer, without `after`, is empty. Answers when
    there is something, or after 10 s."""
    head = context.journal.head(context.settings.partition)
    if after is None or event is None:
        return TailPage(
            items=[], next=head, next_event=await asyncio.to_thread(context.sql.queries.feed_head), skipped=0
        )
    wanted = _Filter(context, principal, device, site, kind)
    skipped = max(0, head - BEHIND - after)
    after += skipped
    loop = asyncio.get_running_loop()
    until, items = loop.time() + WAIT_SECONDS, list[TailView]()
    while not items and loop.time() < until:
        for record in await _more(context, after, until - loop.time()):
            after = record.seq
            lines, room = list(_lines(record, wanted)), MOST - len(items)
            items += lines[:room]
            skipped += max(0, len(lines) - room)
        rows = await asyncio.to_thread(context.sql.queries.feed, event, MOST)
        event = rows[-1][0] if rows else event
        items += [line for _, data in rows if (line := _event(data, wanted)) is not None]
    return TailPage(items=items, next=after, next_event=event, skipped=skipped)


async def _more(context: Context, after: int, seconds: float) -> Sequence[Record]:
    """The next records. None come when nothing arrives soon: the request then returns alarms and orders only."""
    try:
        async with asyncio.timeout(min(max(seconds, 0.05), LOOK_SECONDS)):
            return await in_ingest(context, partial(context.journal.wait, context.settings.partition, after))
    except TimeoutError:
        return ()


def _lines(record: Record, wanted: _Filter) -> Iterator[TailView]:
    match record.body:
        case Raw() as raw if wanted.kind("message"):
            code = raw.detail if raw.reason == "unknown_device" else ""
            if (place := wanted.place(code)) is not None:
                yield TailView(
                    at=raw.received, kind="message", device=place[0], site=place[1], what=raw.reason, detail=raw.address
                )
        case Batch() as batch:
            yield from _frames(batch, wanted) if wanted.kind("message") else ()
            yield from _readings(batch, wanted) if wanted.kind("reading") else ()


def _frames(batch: Batch, wanted: _Filter) -> Iterator[TailView]:
    starts = [0, *(i for i in range(1, len(batch)) if batch.frame[i] != batch.frame[i - 1])]
    for start, end in zip(starts, [*starts[1:], len(batch)], strict=True):
        place = wanted.place("", int(batch.device[start])) if end > start else None
        if place is not None:
            at = int(batch.received[int(batch.frame[start])])
            yield TailView(at=at, kind="message", device=place[0], site=place[1], what="taken", detail=str(end - start))


def _readings(batch: Batch, wanted: _Filter) -> Iterator[TailView]:
    registry = wanted.context.registry
    for row in range(len(batch)):
        place, point = wanted.place("", int(batch.device[row])), registry.point_by_id(int(batch.point[row]))
        if place is None or point is None:
            continue
        quality, number = Quality(int(batch.quality[row])), float(batch.value[row])
        value: float | str | None = None if quality is Quality.BAD else number
        if value is not None and point.kind is PointKind.STATE and 0 <= number < len(point.values):
            value = point.values[int(number)]
        yield TailView(
            at=int(batch.at[row]),
            kind="reading",
            device=place[0],
            site=place[1],
            what=quality.name.lower(),
            point=point.name,
            component=point.component,
            value=value,
            unit=point.unit,
        )


def _event(event: OutboxEvent, wanted: _Filter) -> TailView | None:
    """Line of an alarm or an order, from its event."""
    family, _, what = event.type.removeprefix("com.fieldgate.").partition(".")
    kind: Kind = "order" if family == "workorder" else "alarm"
    data: dict[str, Any] = orjson.loads(event.body)["data"]["workOrder" if kind == "order" else "alarm"]
    alarm = data if kind == "alarm" else data.get("alarm") or {}
    words = alarm.get("evidence", {}).get("sentence") or data["title"]
    device = data.get("device") or {}
    code = str(device.get("code", "")) if isinstance(device, dict) else ""
    if not wanted.kind(kind) or (place := wanted.place(code)) is None:
        return None
    return TailView(
        at=event.created_at,
        kind=kind,
        device=place[0],
        site=place[1],
        what=what,
        point=str(alarm.get("rule", "")),
        detail=str(data.get("no") or data["level"]),
        title_en=words["en"] or data["title"]["en"],
        title_zh=words["zh"] or data["title"]["zh"],
    )
