"""Puts events into the outbox, with one delivery row for each endpoint whose route matches."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from gateway.desk.events import PREFIX, alarm_event, order_event
from gateway.desk.keys import Origin
from gateway.desk.notice_publisher import NoticePublisher
from gateway.desk.notice_templates import Templates
from gateway.desk.policy import DeskPolicy
from gateway.desk.sla.clocks import ClockNumbers, numbers
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.alarm import Level
from gateway.domain.notice import EndpointRoute, OutboxEvent
from gateway.domain.workorder import Actor, Alarm, QueuedDelivery, WorkOrder
from gateway.ports import Audience


class EventPublisher:
    """Adds events and their deliveries to a unit of work, by the configured routes; `notices` does so for notices."""

    def __init__(
        self, policy: DeskPolicy, routes: Sequence[EndpointRoute], templates: Templates, audience: Audience | None
    ) -> None:
        """Raises ValueError when two routes name one endpoint: it would get each event twice."""
        if len({route.endpoint for route in routes}) != len(routes):
            raise ValueError("an endpoint has one route: put all its events into it")
        self.policy = policy
        self._routes = tuple(routes)
        self._routes_for = lru_cache(maxsize=256)(self._match)
        self.notices = NoticePublisher(policy, self._routes_for, templates, audience)

    def _match(self, payload: str, topic: str) -> tuple[EndpointRoute, ...]:
        routes = (one for one in self._routes if one.payload == payload)
        return tuple(one for one in routes if any(fnmatchcase(topic, glob) for glob in one.events))

    def order(
        self,
        work: UnitOfWork,
        order: WorkOrder,
        kind: str,
        origin: Origin,
        *,
        alarm: Alarm | None = None,
        changed: tuple[str, ...] = (),
        actor: Actor,
        note: str = "",
        escalation: dict[str, Any] | None = None,
    ) -> None:
        """One event about an order. `escalation`: the milestone it is about."""
        if alarm is None and order.alarm:
            work.load_alarms([order.alarm])  # every event shows the evidence, also those of a person's command
        shown = alarm or work.alarm(order.alarm)
        place = work.place_of(order)
        self._send(
            work,
            order_event(
                self.policy,
                order,
                kind,
                origin,
                alarm=shown,
                place=place,
                changed=changed,
                actor=actor,
                note=note,
                now=work.now,
                clocks=self._clocks(work, order),
                escalation=escalation,
            ),
            order.level,
        )

    def _clocks(self, work: UnitOfWork, order: WorkOrder) -> list[ClockNumbers]:
        if not self.policy.sla.in_use:
            return []
        policy = self.policy.sla.of(order.sla, order.priority, order.type)
        return [numbers(clock, policy, work.now) for clock in work.clocks.of(order.id)]

    def alarm(self, work: UnitOfWork, alarm: Alarm, kind: str, origin: Origin) -> None:
        """One event about an alarm."""
        self._send(work, alarm_event(self.policy, alarm, kind, origin, work.place_of(alarm), work.now), alarm.level)

    def _send(self, work: UnitOfWork, event: OutboxEvent, level: Level) -> None:
        work.changes.events.append(event)
        work.applied.events += 1
        for route in self._routes_for("event", event.type.removeprefix(PREFIX)):
            work.changes.deliveries.append(
                QueuedDelivery(event.tenant, route.endpoint, event.id, event.subject, event.created_at, level)
            )
