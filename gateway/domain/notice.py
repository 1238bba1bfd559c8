"""Messages to customers, and the events of each endpoint."""

from enum import StrEnum
from typing import Literal

from msgspec import Struct

from gateway.domain.text import Lang


class NoticeState(StrEnum):
    """`suppressed`: not sent, with a reason (no recipient, no phone, no endpoint, no template)."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    SUPPRESSED = "suppressed"


class Recipient(Struct, frozen=True):
    """One customer of an audience. `phone` is personal data: never logged, kept only in the bytes to send."""

    customer: str
    phone: str
    language: str = ""


class Notice(Struct, frozen=True):
    """One message to one customer. (tenant, subject, recipient, template, n) is unique: never two for one episode.

    `subject` is the order, or the alarm when the rule makes no order; `n` counts reminders from 1; `event` is the
    outbox row that carries it ("" when suppressed); `params` is JSON text.
    """

    id: str
    tenant: str
    subject: str
    alarm: str
    audience: str
    recipient: str
    template: str
    n: int
    klass: str
    language: str
    params: str
    state: NoticeState
    reason: str
    event: str
    created_at: int
    updated_at: int


class EndpointRoute(Struct, frozen=True):
    """Events sent to one endpoint. `payload`: `event` = those of alarms and orders, `notice` = notices.

    `events` are globs over the type without its prefix: `workorder.*`, `alarm.raised`, `notice.safety`. `language` is
    used for recipients of notices without a language of their own.
    """

    endpoint: str
    payload: Literal["event", "notice"] = "event"
    events: tuple[str, ...] = ("workorder.*",)
    language: Lang = "zh"


class OutboxEvent(Struct, frozen=True):
    """One immutable message. `seq` rises by one per subject; `kind` is `event` (in the feed) or `notice` (never)."""

    id: str
    tenant: str
    kind: str
    type: str
    subject: str
    subject_seq: int
    body: bytes
    content_type: str
    created_at: int
