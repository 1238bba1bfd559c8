"""Puts events and notices into the outbox, with one delivery row for each endpoint whose route matches."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

import msgspec
import orjson

from gateway.desk.events import PREFIX, alarm_event, order_event
from gateway.desk.keys import Origin, digest, event_id
from gateway.desk.notice_templates import Rendered, Templates
from gateway.desk.policy import DeskPolicy
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.alarm import Level, NoticePlan
from gateway.domain.duration import from_us
from gateway.domain.notice import EndpointRoute, Notice, NoticeState, OutboxEvent, Recipient
from gateway.domain.text import Lang
from gateway.domain.workorder import Actor, Alarm, Deadline, DeadlineReason, QueuedDelivery, WorkOrder
from gateway.ports import Audience


class EventPublisher:
    """Adds events, notices and their deliveries to a unit of work, by the configured routes."""

    def __init__(
        self, policy: DeskPolicy, routes: Sequence[EndpointRoute], templates: Templates, audience: Audience | None
    ) -> None:
        """Raises ValueError when two routes name one endpoint: it would get each event twice."""
        if len({route.endpoint for route in routes}) != len(routes):
            raise ValueError("an endpoint has one route: put all its events into it")
        self.policy = policy
        self._routes = tuple(routes)
        self._templates = templates
        self._audience = audience
        self._routes_for = lru_cache(maxsize=256)(self._match)

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
    ) -> None:
        """One event about an order."""
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
            ),
            order.level,
        )

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

    # notices
    def notify(
        self,
        work: UnitOfWork,
        alarm: Alarm,
        order: WorkOrder | None,
        n: int = 1,
        *,
        reminder: bool = False,
        again: bool = False,
    ) -> None:
        """Queue the notice of the rule for each customer of its audience, once per order (or episode) and number.

        Outside the active hours of the rule only a `reminder` is sent. `again`: the notice may have been sent before,
        then its reminders stay as they are.
        """
        plan = alarm.plan.notice
        if plan is None:
            return
        muted = alarm.muted and not reminder
        already_sent = (
            0 if muted else self._add_notices(work, alarm, order, plan, order.id if order else alarm.id, n, {})
        )
        if again and not already_sent:
            return
        n += not muted
        if plan.remind and n <= plan.max:
            work.set_deadline(
                Deadline(alarm.id, alarm.tenant, DeadlineReason.REMIND, work.now + plan.remind, work.now, n)
            )

    def digest(self, work: UnitOfWork, alarm: Alarm, order: WorkOrder | None, subject: str, count: int, n: int) -> None:
        """Digest `n` of a storm of `count` alarms, to those whom `alarm` concerns and who did not get it yet."""
        plan = alarm.plan.notice
        if plan is None:
            return
        titles: dict[str, object] = {"title_en": order.title_en, "title_zh": order.title_zh} if order else {}
        template = self.policy.digest_template or plan.template
        plan = msgspec.structs.replace(plan, template=template)
        self._add_notices(work, alarm, order, plan, subject, n, {"count": count, **titles})

    def _add_notices(
        self,
        work: UnitOfWork,
        alarm: Alarm,
        order: WorkOrder | None,
        plan: NoticePlan,
        subject: str,
        n: int,
        extra: dict[str, object],
    ) -> int:
        """Queue a notice for each recipient that has none with this number; returns how many."""
        count_new, already_sent = 0, work.notices_sent(alarm.tenant, subject)
        route = next(iter(self._routes_for("notice", f"notice.{plan.klass}")), None)
        recipients = self._audience.resolve(plan.audience, alarm.device, alarm.group) if self._audience else ()
        for recipient in recipients or (Recipient("", ""),):
            if (recipient.customer, plan.template, n) in already_sent:
                continue
            already_sent.add((recipient.customer, plan.template, n))
            self._notice(work, alarm, order, plan, recipient, route, subject, n, extra)
            count_new += 1
        return count_new

    def _notice(
        self,
        work: UnitOfWork,
        alarm: Alarm,
        order: WorkOrder | None,
        plan: NoticePlan,
        to: Recipient,
        route: EndpointRoute | None,
        subject: str,
        n: int,
        extra: dict[str, object],
    ) -> None:
        fallback: Lang = route.language if route else "en"
        language: Lang = "zh" if to.language.startswith("zh") else "en" if to.language.startswith("en") else fallback
        identity = digest("notice", alarm.tenant, subject, to.customer, plan.template, n)
        rendered, reason = self._render(work, alarm, order, plan, to, language, n, extra)
        reason = reason or ("no_phone" if not to.phone else "no_endpoint" if route is None else "")
        event = "" if reason else event_id(Origin(identity, work.now), self.policy.installation)
        notice = Notice(
            identity,
            alarm.tenant,
            subject,
            alarm.id,
            plan.audience,
            to.customer,
            plan.template,
            n,
            plan.klass,
            language,
            orjson.dumps(rendered.params).decode() if rendered else "{}",
            NoticeState.SUPPRESSED if reason else NoticeState.QUEUED,
            reason,
            event,
            work.now,
            work.now,
        )
        work.changes.notices.append(notice)
        if reason or rendered is None or route is None:
            return
        kind = f"{PREFIX}notice.{plan.klass}"
        work.changes.events.append(
            OutboxEvent(
                event,
                alarm.tenant,
                "notice",
                kind,
                f"notice-{identity}",
                1,
                _notice_body(rendered, to, language),
                "application/json",
                work.now,
            )
        )
        work.changes.deliveries.append(
            QueuedDelivery(alarm.tenant, route.endpoint, event, f"notice-{identity}", work.now, alarm.level)
        )
        work.applied.notices += 1

    def _render(
        self,
        work: UnitOfWork,
        alarm: Alarm,
        order: WorkOrder | None,
        plan: NoticePlan,
        to: Recipient,
        language: Lang,
        n: int,
        extra: dict[str, object],
    ) -> tuple[Rendered | None, str]:
        if not to.customer:
            return None, "no_recipient"
        if plan.template not in self._templates:
            return None, "no_template"
        values = self._values(work, alarm, order, to, language, n)
        values |= {"title": extra.get(f"title_{language}", values["title"]), "count": extra.get("count", alarm.count)}
        rendered = self._templates.render(plan.template, language, values)
        return rendered, "" if rendered else "template_error"

    def _values(
        self, work: UnitOfWork, alarm: Alarm, order: WorkOrder | None, to: Recipient, language: Lang, n: int
    ) -> dict[str, object]:
        place = work.place_of(alarm)
        first = alarm.evidence.readings[0] if alarm.evidence.readings else None
        return {
            "no": order.no if order else "",
            "title": alarm.plan.title_zh if language == "zh" else alarm.plan.title_en,
            "why": alarm.plan.why_in(language),
            "sentence": alarm.evidence.sentence_in(language),
            "level": alarm.level.word,
            "fault": order.fault if order else alarm.rule,
            "device": place.code if place else "",
            "device_name": place.name if place else "",
            "component": alarm.component,
            "group": alarm.group,
            "site": place.site if place else "",
            "site_name": place.site_name if place else "",
            "customer": to.customer,
            "point": first.point if first else "",
            "value": first.value if first else "",
            "unit": first.unit if first else "",
            "n": n,
            "at": from_us(alarm.raised_at).astimezone(self.policy.zone).strftime("%Y-%m-%d %H:%M"),
        }


def _notice_body(rendered: Rendered, to: Recipient, language: Lang) -> bytes:
    body = {
        "template": rendered.code,
        "params": rendered.params,
        "phone": to.phone,
        "text": rendered.text,
        "language": language,
    }
    return orjson.dumps(body)
