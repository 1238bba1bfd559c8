"""Meaning of a response for a delivery: done, try again, or give up. Pure."""

import re
from email.utils import parsedate_to_datetime

from gateway.domain.duration import DAY, SECOND, to_us
from gateway.domain.errors import DeliveryDeferred, DeliveryError, DeliveryRefused
from sinks.http.client import HttpResponse, SendFailed

ATTEMPTS_BEFORE_REFUSAL = 3
"""Attempts after which a response that looks final (404, a redirect) is accepted as final."""
_LONGEST = 7 * DAY
_EXCERPT = 200
_SECONDS = re.compile(r"[0-9]{1,9}")
_NUMBER = re.compile(r"\+?[0-9](?:[ -]?[0-9]){5,}")
_SECRET = re.compile(
    r"whsec_[A-Za-z0-9+/=_-]+"
    r"|((?i:\b(?:bearer|basic)\s+|(?:token|secret|password|api[_-]?key)[\"']?\s*[:=]\s*[\"']?))[^\s\"',;&]+"
)


def retry_after(header: str, now: int) -> int:
    """`Retry-After` in seconds or as a date -> µs to wait, 0 .. 7 days; 0 for none and for nonsense. `now` in µs."""
    text = header.strip()
    if _SECONDS.fullmatch(text):
        return min(int(text) * SECOND, _LONGEST)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0
    if moment.tzinfo is None:  # "-0000": RFC 9110 dates are GMT
        return 0
    return max(0, min(to_us(moment) - now, _LONGEST))


def excerpt(body: bytes) -> str:
    """The first characters of an answer for the delivery log, one line, without numbers of persons and secrets."""
    text = body[: 4 * _EXCERPT].decode("utf-8", "replace")
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _NUMBER.sub("•••", _SECRET.sub(lambda found: f"{found[1] or ''}•••", text))[:_EXCERPT]


def _reason(label: str, status: int, body: bytes) -> str:
    shown = excerpt(body)
    return f"{label}: {status} {shown}" if shown else f"{label}: {status}"


def of_status(answer: HttpResponse, attempt: int, now: int) -> DeliveryError | None:
    """None if the receiver accepted it. `attempt` counts from 1, `now` in µs.

    410 disables the endpoint; 408, 425, 429 and 5xx are tried again, after Retry-After where it is given; a redirect or
    another 4xx is tried three times more, then refused.
    """
    status = answer.status
    if 200 <= status < 300:
        return None
    if status == 410:
        return DeliveryRefused(_reason("gone", status, answer.body), status=status, disable=True)
    wait = retry_after(answer.retry_after, now)
    if status in {429, 503}:
        return DeliveryDeferred(_reason("busy", status, answer.body), status=status, retry_after=wait)
    if status in {408, 425} or status >= 500:
        return DeliveryDeferred(_reason("failing", status, answer.body), status=status)
    reason = _reason("redirect" if 300 <= status < 400 else "rejected", status, answer.body)
    return deferred_or_refused(reason, attempt, status)


def of_failure(failure: SendFailed, attempt: int) -> DeliveryError:
    """Without a response: try again. A URL that names a forbidden address: refused. A name that resolved to one: the
    local resolver may be wrong for a while (a captive portal), so it is tried like a 4xx; no connection was made."""
    if failure.label == "address":
        return DeliveryRefused("address") if failure.literal else deferred_or_refused("address", attempt)
    return DeliveryDeferred(failure.label)


def deferred_or_refused(reason: str, attempt: int, status: int = 0) -> DeliveryError:
    """Deferred for the first three attempts, then refused."""
    if attempt <= ATTEMPTS_BEFORE_REFUSAL:
        return DeliveryDeferred(reason, status=status)
    return DeliveryRefused(reason, status=status)
