"""The short-message sink: HTTP 200 is not success, and a phone number goes nowhere but to the gateway."""

import json
import logging

import pytest
import structlog
from webhook_receiver import SECRET, StoppedClock, answer, receiving

from gateway.domain.delivery import Delivery, Receipt
from gateway.domain.errors import DeliveryDeferred, DeliveryRefused
from simulators.sms import Sms, build
from simulators.webhooks import ReceiverFault, decode_secret, running
from sinks.http.verdict import excerpt
from sinks.notice.sms.config import SmsConfig
from sinks.notice.sms.sink import LIMIT_WAIT, SmsSink

PHONE = "13800138000"


def sink(port: int, clock: StoppedClock, **more: object) -> SmsSink:
    values = {
        "type": "sms",
        "url": f"http://127.0.0.1:{port}/send",
        "secret": SECRET,
        "allow": ["127.0.0.0/8"],
        "timeout": "2s",
        "sign": "示例燃气",
    }
    return SmsSink("sms", SmsConfig.model_validate({**values, **more}), clock)


def delivery(number: int = 1, attempt: int = 1, **more: object) -> Delivery:
    body = {"template": "gas_safety", "params": {"site": "S12"}, "phone": PHONE, "text": "…", "language": "zh"}
    raw = json.dumps({**body, **more}, ensure_ascii=False).encode()
    return Delivery(f"ntc_{number}", "sms", "notice.sms", "customer-1", raw, "application/json", attempt)


@pytest.fixture
def now() -> StoppedClock:
    import time

    return StoppedClock(int(time.time() * 1_000_000))


async def test_against_the_simulator(now: StoppedClock) -> None:
    gateway = Sms([decode_secret(SECRET)], templates=["gas_safety"], signs=["示例燃气"], per_day=2)
    async with running(build(gateway)) as port:
        sms = sink(port, now)
        first = await sms.deliver(delivery(1))
        again = await sms.deliver(delivery(1, attempt=2))
        assert first.reference == again.reference != ""
        await sms.deliver(delivery(2))
        with pytest.raises(DeliveryDeferred) as limited:
            await sms.deliver(delivery(3))
        assert (limited.value.reason, limited.value.retry_after) == ("limit: isv.BUSINESS_LIMIT_CONTROL", LIMIT_WAIT)
        with pytest.raises(DeliveryRefused, match="SMS_TEMPLATE_ILLEGAL"):
            await sms.deliver(delivery(4, template="unknown"))
        with pytest.raises(DeliveryRefused, match="MOBILE_NUMBER_ILLEGAL"):
            await sms.deliver(delivery(5, phone="12"))
        await sms.close()
    assert gateway.counts == {"requests": 6, "taken": 2, "duplicates": 1}
    assert gateway.inbox[0]["phone"] == "138****8000"
    assert gateway.inbox[0]["params"] == {"site": "S12"}


async def test_a_reset_after_the_message_was_taken_sends_it_once(now: StoppedClock) -> None:
    gateway = Sms([decode_secret(SECRET)])
    gateway.faults.queue.append(ReceiverFault("reset"))
    async with running(build(gateway)) as port:
        sms = sink(port, now)
        with pytest.raises(DeliveryDeferred, match="broken"):
            await sms.deliver(delivery(1))
        await sms.deliver(delivery(1, attempt=2))
        await sms.close()
    assert (gateway.counts["taken"], gateway.counts["duplicates"]) == (1, 1)


async def test_a_wrong_secret_is_told_by_the_code(now: StoppedClock) -> None:
    gateway = Sms([b"another secret of thirty-two byte"])
    async with running(build(gateway)) as port:
        sms = sink(port, now)
        with pytest.raises(DeliveryDeferred, match="not_ok: SignatureDoesNotMatch"):
            await sms.deliver(delivery(1, attempt=3))
        with pytest.raises(DeliveryRefused, match="not_ok: SignatureDoesNotMatch"):
            await sms.deliver(delivery(1, attempt=4))
        await sms.close()
    assert gateway.counts["taken"] == 0


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"code": "OK", "biz_id": "b"}', Receipt(200, "b", "OK")),
        (200, b'{"code": "OK"}', Receipt(200, "", "OK")),
        (200, b"", (DeliveryDeferred, True)),
        (200, b"<html>blocked</html>", (DeliveryDeferred, True)),
        (200, b'{"code": 0}', (DeliveryDeferred, True)),
        (200, b'{"code": "Throttling.User"}', (DeliveryDeferred, True)),
        (200, b'{"code": "isp.SYSTEM_ERROR"}', (DeliveryDeferred, True)),
        (200, b'{"code": "isv.AMOUNT_NOT_ENOUGH"}', (DeliveryDeferred, False)),
        (400, b'{"code": "isv.MOBILE_NUMBER_ILLEGAL"}', (DeliveryRefused, True)),
        (500, b'{"code": "OK"}', (DeliveryDeferred, True)),
    ],
)
async def test_the_body_decides(status: int, body: bytes, expected: object, clock: StoppedClock) -> None:
    async with receiving(answer(status, body)) as receiver:
        sms = sink(receiver.port, clock)
        try:
            result: object = await sms.deliver(delivery(1, attempt=9))
        except (DeliveryDeferred, DeliveryRefused) as error:
            result = (type(error), getattr(error, "charge", True))
        await sms.close()
    assert result == expected


async def test_an_unknown_code_is_believed_after_three_tries(clock: StoppedClock) -> None:
    async with receiving(answer(200, b'{"code": "isv.NEW_RULE"}')) as receiver:
        sms = sink(receiver.port, clock)
        with pytest.raises(DeliveryDeferred):
            await sms.deliver(delivery(1, attempt=3))
        with pytest.raises(DeliveryRefused):
            await sms.deliver(delivery(1, attempt=4))
        await sms.close()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"template": "t", "phone": ""}', b'{"template": "t", "phone": 1}']
)
async def test_a_body_that_is_no_notice(body: bytes, clock: StoppedClock) -> None:
    with pytest.raises(DeliveryRefused, match="bad_body"):
        await sink(9, clock).deliver(Delivery("n", "sms", "notice.sms", "c", body, "", 1))


async def test_templates_by_language(clock: StoppedClock) -> None:
    async with receiving(answer(200, b'{"code": "OK"}')) as receiver:
        sms = sink(receiver.port, clock, templates={"gas_safety": "SMS_1", "gas_safety.en": "SMS_2"})
        for language in ("zh", "en"):
            await sms.deliver(delivery(1, language=language))
        with pytest.raises(DeliveryRefused, match="template: other"):
            await sms.deliver(delivery(1, template="other"))
        await sms.close()
    sent = [json.loads(got.body) for got in receiver.got]
    assert [body["template"] for body in sent] == ["SMS_1", "SMS_2"]
    assert sent[0] == {
        "template": "SMS_1",
        "params": {"site": "S12"},
        "phone": PHONE,
        "sign": "示例燃气",
        "out_id": "ntc_1",
    }


async def test_the_phone_number_appears_nowhere(
    clock: StoppedClock, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    with structlog.testing.capture_logs() as events:
        for status, body in [
            (200, f'{{"code": "OK", "biz_id": "b", "message": "{PHONE}"}}'),
            (200, f'{{"code": "isv.MOBILE_NUMBER_ILLEGAL", "message": "{PHONE} is wrong"}}'),
            (200, f'{{"code": "{PHONE[:3]} {PHONE[3:]}"}}'),
            (400, f"bad number +86 {PHONE} / 138-0013-8000 for {SECRET}"),
            (500, f"<html>{PHONE}</html>"),
        ]:
            async with receiving(answer(status, body.encode())) as receiver:
                sms = sink(receiver.port, clock)
                try:
                    said.append(repr(await sms.deliver(delivery())))
                except (DeliveryDeferred, DeliveryRefused) as error:
                    said.append(f"{error!r} {error.reason} {error.__cause__!r}")
                await sms.close()
        with pytest.raises(DeliveryRefused) as caught:
            await sink(9, clock).deliver(Delivery("n", "sms", "x", "c", f'{{"phone": "{PHONE}"}}'.encode(), "", 1))
        said.append(f"{caught.value!r} {caught.value.__cause__!r}")
    said += [repr(delivery()), caplog.text, repr(events), *capsys.readouterr()]
    everything = "".join(said)
    for canary in (PHONE, "138 00138000", "138-0013-8000", SECRET[6:]):
        assert canary not in everything


def test_excerpts_are_one_short_line() -> None:
    assert excerpt(b"a\r\n\x00b\xff" + b"x" * 1000) == ("a b\ufffd" + "x" * 1000)[:200]
    assert excerpt(b'{"token": "abc123", "n": 12345}') == '{"token": "•••", "n": 12345}'
    assert (
        excerpt(b"Authorization: Bearer abc.def; password=hunter2&x=1") == "Authorization: Bearer •••; password=•••&x=1"
    )
