"""The short-message sink. The gateway answers HTTP 200 for nearly everything: only the body's code `OK` is success.

Request: POST {"template", "params", "phone", "sign", "out_id"} under Standard Webhooks headers.
Answer: {"code": "OK" | "isv.BUSINESS_LIMIT_CONTROL" | ..., "biz_id", "message"}; codes as in Aliyun's SendSms.
The phone number is personal data: it is in the request body and nowhere else, not in a log, an error or a receipt.
"""

from typing import Final

import msgspec

from gateway.domain.delivery import Delivery, Receipt
from gateway.domain.duration import MINUTE
from gateway.domain.errors import DeliveryDeferred, DeliveryError, DeliveryRefused
from gateway.ports import Clock
from sinks.http.client import HttpResponse, Resolve, system_resolve
from sinks.http.endpoint import SignedEndpoint
from sinks.http.verdict import deferred_or_refused, excerpt, of_status
from sinks.notice.sms.config import SmsConfig

LIMIT_WAIT: Final = 10 * MINUTE

_LIMITED = {"isv.BUSINESS_LIMIT_CONTROL", "isv.DAY_LIMIT_CONTROL", "isv.MONTH_LIMIT_CONTROL"}
_ACCOUNT = {"isv.AMOUNT_NOT_ENOUGH", "isv.OUT_OF_SERVICE", "isv.ACCOUNT_ABNORMAL"}
_AGAIN = {"isp.SYSTEM_ERROR", "Throttling", "ServiceUnavailable", "InternalError"}
_NEVER = {
    "isv.MOBILE_NUMBER_ILLEGAL", "isv.MOBILE_COUNT_OVER_LIMIT", "isv.INVALID_PARAMETERS", "isv.BLACK_KEY_CONTROL_LIMIT",
    "isv.TEMPLATE_MISSING_PARAMETERS", "isv.TEMPLATE_PARAMS_ILLEGAL", "isv.SMS_TEMPLATE_ILLEGAL",
    "isv.SMS_SIGNATURE_ILLEGAL", "isv.INVALID_JSON_PARAM",
}  # fmt: skip


class _Notice(msgspec.Struct):
    """Body of a notice as the desk writes it. `text` is the rendered message, for channels with free text; not used
    here."""

    template: str
    phone: str
    params: dict[str, str | int | float] = {}
    text: str = ""
    language: str = ""


class _GatewayAnswer(msgspec.Struct):
    code: str
    biz_id: str = ""


class SmsSink:
    """One short-message gateway (ports.Sink)."""

    def __init__(self, name: str, config: SmsConfig, clock: Clock, resolve: Resolve = system_resolve) -> None:
        self._name, self._config = name, config
        self._endpoint = SignedEndpoint(config, clock, resolve)

    @property
    def name(self) -> str:
        """Its key in the configuration."""
        return self._name

    async def check(self) -> None:
        """Check that secrets are strong enough, the URL is allowed and the authority readable. Raises
        DeliveryRefused."""
        await self._endpoint.check()

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Receipt of a message that the gateway accepted for sending; `reference` is its id. Raises
        DeliveryDeferred, DeliveryRefused."""
        body = self._request(delivery)
        answer = await self._endpoint.post(delivery, body, "application/json; charset=utf-8", {})
        read = _read(answer)
        error = of_status(answer, delivery.attempt, self._endpoint.clock.now())
        if read is not None and read.code != "OK":  # a code says more than a status
            error = _of_code(read.code, answer.status, delivery.attempt, error)
        if error is not None:
            raise error
        if read is None:
            raise DeliveryDeferred(f"not_understood: {answer.status} {excerpt(answer.body)}", status=answer.status)
        return Receipt(answer.status, reference=read.biz_id[:120], detail=read.code)

    def _request(self, delivery: Delivery) -> bytes:
        try:
            notice = msgspec.json.decode(delivery.body, type=_Notice)
        except ValueError:  # msgspec.ValidationError; its text may quote the body
            raise DeliveryRefused("bad_body") from None
        if not notice.phone or not notice.template:
            raise DeliveryRefused("bad_body")
        codes = self._config.templates
        template = codes.get(f"{notice.template}.{notice.language}") or codes.get(notice.template)
        if template is None:
            if codes:
                raise DeliveryRefused(f"template: {notice.template}")
            template = notice.template
        return msgspec.json.encode(
            {
                "template": template,
                "params": notice.params,
                "phone": notice.phone,
                "sign": self._config.sign,
                "out_id": delivery.id,
            }
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._endpoint.close()


def _read(answer: HttpResponse) -> _GatewayAnswer | None:
    try:
        return msgspec.json.decode(answer.body, type=_GatewayAnswer) if answer.complete else None
    except ValueError:
        return None


def _of_code(code: str, status: int, attempt: int, by_status: DeliveryError | None) -> DeliveryError:
    """A limit of this phone or this account waits; a number or template that is wrong never becomes right."""
    label = excerpt("".join(c for c in code[:60] if c.isascii() and (c.isalnum() or c in "._-")).encode())
    if code in _LIMITED:
        return DeliveryDeferred(f"limit: {label}", retry_after=LIMIT_WAIT, status=status)
    if code in _ACCOUNT:
        return DeliveryDeferred(f"account: {label}", retry_after=LIMIT_WAIT, status=status, charge=False)
    if code in _NEVER:
        return DeliveryRefused(f"not_ok: {label}", status=status)
    if code.partition(".")[0] in _AGAIN or code in _AGAIN:
        return DeliveryDeferred(f"not_ok: {label}", status=status)
    return by_status or deferred_or_refused(f"not_ok: {label}", attempt, status)
