"""Puts notices to people into the outbox: by the rule of an alarm, as digests, or about an order itself."""

from collections.abc import Callable, Mapping, Sequence

import msgspec
import orjson

from gateway.desk.events import PREFIX
from gateway.desk.keys import Origin, digest, event_id
from gateway.desk.notice_templates import Rendered, Templates
from gateway.desk.policy import DeskPolicy
from gateway.desk.sla.policy import SlaNotice
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.alarm import NoticePlan
from gateway.domain.duration import from_us
from gateway.domain.notice import EndpointRoute, Notice, NoticeState, OutboxEvent, Recipient
from gateway.domain.text import Lang
from gateway.domain.workorder import Alarm, Deadline, DeadlineReason, QueuedDelivery, WorkOrder
from gateway.ports import Audience

RoutesFor = Callable[[str, str], Sequence[EndpointRoute]]
"""(payload, topic) -> the routes that match."""


class NoticePublisher:
    """Adds notices and their deliveries to a unit of work, once per recipient, template and number."""

    def __init__(
        self, policy: DeskPolicy, routes_for: RoutesFor, templates: Templates, audience: Audience | None
    ) -> None:
        self._policy, self._routes_for = policy, routes_for
        self._templates, self._audience = templates, audience

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
        template = self._policy.digest_template or plan.template
        plan = msgspec.structs.replace(plan, template=template)
        self._add_notices(work, alarm, order, plan, subject, n, {"count": count, **titles})

    def about_order(self, work: UnitOfWork, order: WorkOrder, notice: SlaNotice, notes: Mapping[Lang, str]) -> None:
        """A notice about an order itself, one more each time. `notes`: what it is about."""
        alarm = work.alarm(order.alarm) if order.alarm else None
        before = [n for _, name, n in work.notices_sent(order.tenant, order.id) if name == notice.template]
        extra: dict[str, object] = {f"note_{lang}": note for lang, note in notes.items()}
        extra |= {"title_en": order.title_en, "title_zh": order.title_zh, "count": order.count}
        plan = NoticePlan(notice.audience, notice.template)
        self._add_notices(work, alarm, order, plan, order.id, 1 + max(before, default=0), extra)

    def _add_notices(
        self,
        work: UnitOfWork,
        alarm: Alarm | None,
        order: WorkOrder | None,
        plan: NoticePlan,
        subject: str,
        n: int,
        extra: dict[str, object],
    ) -> int:
        """Queue a notice for each recipient that has none with this number; returns how many."""
        of = _subject(alarm, order)
        count_new, already_sent = 0, work.notices_sent(of.tenant, subject)
        route = next(iter(self._routes_for("notice", f"notice.{plan.klass}")), None)
        recipients = self._audience.resolve(plan.audience, of.device, of.group) if self._audience else ()
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
        alarm: Alarm | None,
        order: WorkOrder | None,
        plan: NoticePlan,
        to: Recipient,
        route: EndpointRoute | None,
        subject: str,
        n: int,
        extra: dict[str, object],
    ) -> None:
        of = _subject(alarm, order)
        fallback: Lang = route.language if route else "en"
        language: Lang = "zh" if to.language.startswith("zh") else "en" if to.language.startswith("en") else fallback
        identity = digest("notice", of.tenant, subject, to.customer, plan.template, n)
        rendered, reason = self._render(work, alarm, order, plan, to, language, n, extra)
        reason = reason or ("no_phone" if not to.phone else "no_endpoint" if route is None else "")
        event = "" if reason else event_id(Origin(identity, work.now), self._policy.installation)
        notice = Notice(
            identity,
            of.tenant,
            subject,
            alarm.id if alarm else "",
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
                of.tenant,
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
            QueuedDelivery(of.tenant, route.endpoint, event, f"notice-{identity}", work.now, of.level)
        )
        work.applied.notices += 1

    def _render(
        self,
        work: UnitOfWork,
        alarm: Alarm | None,
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
        of = _subject(alarm, order)
        values |= {"title": extra.get(f"title_{language}", values["title"]), "count": extra.get("count", of.count)}
        values["note"] = extra.get(f"note_{language}", "")
        rendered = self._templates.render(plan.template, language, values)
        return rendered, "" if rendered else "template_error"

    def _values(
        self, work: UnitOfWork, alarm: Alarm | None, order: WorkOrder | None, to: Recipient, language: Lang, n: int
    ) -> dict[str, object]:
        of = _subject(alarm, order)
        place = work.place_of(of)
        first = alarm.evidence.readings[0] if alarm and alarm.evidence.readings else None
        title, why = (order.title_zh, order.why_zh) if order and language == "zh" else ("", "")
        if order and language == "en":
            title, why = order.title_en, order.why
        if alarm:
            title, why = alarm.plan.title_zh if language == "zh" else alarm.plan.title_en, alarm.plan.why_in(language)
        return {
            "no": order.no if order else "",
            "title": title,
            "why": why,
            "sentence": alarm.evidence.sentence_in(language) if alarm else "",
            "level": of.level.word,
            "fault": order.fault if order else alarm.rule if alarm else "",
            "device": place.code if place else "",
            "device_name": place.name if place else "",
            "component": of.component,
            "group": of.group,
            "site": place.site if place else "",
            "site_name": place.site_name if place else "",
            "customer": to.customer,
            "point": first.point if first else "",
            "value": first.value if first else "",
            "unit": first.unit if first else "",
            "n": n,
            "at": from_us(alarm.raised_at if alarm else order.created_at if order else 0)
            .astimezone(self._policy.zone)
            .strftime("%Y-%m-%d %H:%M"),
        }


def _subject(alarm: Alarm | None, order: WorkOrder | None) -> Alarm | WorkOrder:
    """What a notice is about: the alarm, or an order that has none."""
    found = alarm or order
    assert found is not None
    return found


def _notice_body(rendered: Rendered, to: Recipient, language: Lang) -> bytes:
    body = {
        "template": rendered.code,
        "params": rendered.params,
        "phone": to.phone,
        "text": rendered.text,
        "language": language,
    }
    return orjson.dumps(body)
