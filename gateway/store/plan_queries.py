"""Queries of the API about plans and hazards, of one tenant. Scope is part of each statement: `sites` () = all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, tuple_

from gateway.domain.hazard import Hazard, HazardState
from gateway.domain.maintenance import CycleState, PlanCycle, PlannedThing, PlanStop
from gateway.store import tables as t
from gateway.store.database import Database
from gateway.store.hazard_rows import hazard_of
from gateway.store.hazard_tables import hazard
from gateway.store.plan_rows import PlanReads
from gateway.store.plan_tables import plan_cycle, planned_thing
from gateway.store.row_mapping import columns, plain_of

_HAZARD_COLUMNS = len(columns(hazard))
_ENDED = (HazardState.CLEARED, HazardState.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class PlanCounts:
    """Numbers of one plan. `undated`: things without a next date; `open`: cycles whose order is not resolved, `overdue`
    those whose date has passed; `next_due` µs, None = none."""

    things: int = 0
    undated: int = 0
    open: int = 0
    overdue: int = 0
    next_due: int | None = None


@dataclass(frozen=True, slots=True)
class PlanCoverage:
    """Cycles of one area or site whose dates lie in a period. `due` counts all but skipped and cancelled ones; `done`
    of them are done, `late` of these after their date; `open` are to be done, `overdue` of these past their date."""

    of: str
    things: int
    due: int
    done: int
    late: int
    open: int
    overdue: int
    missed: int
    skipped: int


class PlanQueries:
    """Read-only snapshots."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database, self._tenant = database, tenant

    def counts(self, now: int, sites: Sequence[str] = ()) -> dict[str, PlanCounts]:
        """Plan -> its numbers at `now` µs; plans without things and cycles are missing."""
        p, c = planned_thing.c, plan_cycle.c
        things = _scoped(
            select(p.plan, func.count(), func.sum(case((p.due_at.is_(None), 1), else_=0)), func.min(p.due_at)),
            p.device,
            sites,
        )
        cycles = _scoped(
            select(c.plan, func.count(), func.sum(case((c.due_at < now, 1), else_=0))), c.device, sites
        ).where(c.tenant == self._tenant, c.state == CycleState.OPEN)
        things = things.where(p.tenant == self._tenant).group_by(p.plan)

        def read(connection: Any) -> dict[str, PlanCounts]:
            open_ = {row[0]: (row[1], row[2]) for row in connection.execute(cycles.group_by(c.plan))}
            found = {row[0]: tuple(row[1:]) for row in connection.execute(things)}
            counted: dict[str, PlanCounts] = {}
            for plan in found.keys() | open_.keys():
                things_, undated, next_due = found.get(plan, (0, 0, None))
                counted[plan] = PlanCounts(things_, undated, *open_.get(plan, (0, 0)), next_due)
            return counted

        return self._database.query(read)

    def things(
        self, plan: str, limit: int, after: tuple[int, str] | None = None, sites: Sequence[str] = ()
    ) -> list[PlannedThing]:
        """Things of a plan by (device, route), those later than `after`."""
        c = planned_thing.c
        rows = _scoped(select(planned_thing), c.device, sites).where(c.tenant == self._tenant, c.plan == plan)
        rows = rows.where(tuple_(c.device, c.group) > after) if after else rows
        rows = rows.order_by(c.device, c.group).limit(limit)
        return self._database.query(lambda k: [plain_of(PlannedThing, planned_thing, row) for row in k.execute(rows)])

    def cycles(
        self,
        plan: str,
        limit: int,
        after: tuple[int, int, str] | None = None,
        sites: Sequence[str] = (),
        states: Sequence[CycleState] = (),
        device: int | None = None,
    ) -> list[tuple[PlanCycle, str]]:
        """Cycles of a plan with the number of their order, newest date first, those earlier than `after`."""
        c, o = plan_cycle.c, t.work_order.c
        rows = select(plan_cycle, func.coalesce(o.no, "")).outerjoin(t.work_order, o.id == c.order)
        rows = _scoped(rows, c.device, sites).where(c.tenant == self._tenant, c.plan == plan)
        rows = rows.where(c.state.in_(states)) if states else rows
        rows = rows.where(c.device == device) if device is not None else rows
        rows = rows.where(tuple_(c.due_at, c.device, c.group) < after) if after else rows
        rows = rows.order_by(c.due_at.desc(), c.device.desc(), c.group.desc()).limit(limit)
        return self._database.query(lambda k: [(_cycle_of(row), row[-1]) for row in k.execute(rows)])

    def coverage(
        self, plan: str, since: int, until: int, now: int, by: str, sites: Sequence[str] = ()
    ) -> list[PlanCoverage]:
        """Coverage of each area (`by` area) or site, of dates in [since, until). Without either: ""."""
        c, d, s = plan_cycle.c, t.device.c, t.site.c
        place: ColumnElement[str] = func.coalesce(s.area if by == "area" else d.site, "")
        live = c.state.not_in((CycleState.SKIPPED, CycleState.CANCELLED))
        done = or_(c.state == CycleState.DONE, and_(c.state == CycleState.MERGED, c.done_at.is_not(None)))
        is_open = and_(c.state.in_((CycleState.OPEN, CycleState.MERGED)), c.done_at.is_(None))

        def count(condition: Any) -> Any:
            return func.sum(case((condition, 1), else_=0))

        rows = (
            select(
                place,
                func.count(func.distinct(c.device)),
                count(live),
                count(done),
                count(and_(done, c.done_at > c.due_at)),
                count(is_open),
                count(and_(is_open, c.due_at < now)),
                count(c.state == CycleState.MISSED),
                count(c.state == CycleState.SKIPPED),
            )
            .select_from(plan_cycle)
            .outerjoin(t.device, d.id == c.device)
            .outerjoin(t.site, (s.tenant == d.tenant) & (s.code == d.site))
            .where(c.tenant == self._tenant, c.plan == plan, c.due_at >= since, c.due_at < until)
        )
        rows = rows.where(d.site.in_(sites)) if sites else rows
        rows = rows.group_by(place).order_by(place)
        return self._database.query(lambda k: [PlanCoverage(*row) for row in k.execute(rows)])

    def stops(self, order: str) -> list[PlanStop]:
        """The stops of a round, by the id of its order."""
        return self._database.query(lambda c: PlanReads(c).plan_stops(order))

    def hazards(
        self,
        limit: int,
        after: tuple[int, str] | None = None,
        sites: Sequence[str] = (),
        states: Sequence[HazardState] = (),
        is_open: bool | None = None,
    ) -> list[tuple[Hazard, tuple[str, str, str]]]:
        """Hazards with the numbers of (inspection, rectification, recheck), newest first, those before `after`."""
        c = hazard.c
        rows = self._hazards(sites)
        rows = rows.where(c.state.in_(states)) if states else rows
        if is_open is not None:
            rows = rows.where(c.state.not_in(_ENDED) if is_open else c.state.in_(_ENDED))
        rows = rows.where(tuple_(c.found_at, c.no) < after) if after else rows
        return self._read_hazards(rows.order_by(c.found_at.desc(), c.no.desc()).limit(limit))

    def hazard(self, no: str, sites: Sequence[str] = ()) -> tuple[Hazard, tuple[str, str, str]] | None:
        """One hazard with the numbers of its orders."""
        return next(iter(self._read_hazards(self._hazards(sites).where(hazard.c.no == no))), None)

    def _hazards(self, sites: Sequence[str]) -> Select[Any]:
        c = hazard.c
        first, second, third = (t.work_order.alias(name) for name in ("found", "rectified", "checked"))
        rows = (
            select(hazard, first.c.no, second.c.no, func.coalesce(third.c.no, ""))
            .join(first, first.c.id == c.inspection)
            .join(second, second.c.id == c.rectification)
            .outerjoin(third, third.c.id == c.recheck)
            .where(c.tenant == self._tenant)
        )
        return _scoped(rows, c.device, sites)

    def _read_hazards(self, rows: Select[Any]) -> list[tuple[Hazard, tuple[str, str, str]]]:
        def one(row: Any) -> tuple[Hazard, tuple[str, str, str]]:
            first, second, third = row[_HAZARD_COLUMNS:]
            return hazard_of(row[:_HAZARD_COLUMNS]), (first, second, third)

        return self._database.query(lambda k: [one(row) for row in k.execute(rows)])


def _cycle_of(row: Any) -> PlanCycle:
    return plain_of(PlanCycle, plan_cycle, row[:-1])


def _scoped(rows: Select[Any], device: ColumnElement[int], sites: Sequence[str]) -> Select[Any]:
    if not sites:
        return rows
    d = t.device.c
    return rows.where(device.in_(select(d.id).where(d.site.in_(sites))))
