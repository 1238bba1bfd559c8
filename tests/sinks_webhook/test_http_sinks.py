"""What every sink over HTTP makes of an answer: the same table of statuses for each of them."""

import asyncio
import json
from collections.abc import Callable
from email.utils import formatdate

import pytest
from webhook_receiver import SECRET, StoppedClock, answer, receiving

from gateway.domain.delivery import Delivery, Receipt
from gateway.domain.duration import SECOND
from gateway.domain.errors import DeliveryDeferred, DeliveryRefused
from gateway.ports import Sink
from sinks.notice.sms.config import SmsConfig
from sinks.notice.sms.sink import SmsSink
from sinks.oa.webhook.config import WebhookConfig
from sinks.oa.webhook.sink import WebhookSink

Make = Callable[[str, StoppedClock], Sink]
PHONE = "13800138000"


def webhook(url: str, clock: StoppedClock) -> Sink:
    config = WebhookConfig.model_validate(
        {"type": "webhook", "url": url, "secret": SECRET, "allow": ["127.0.0.0/8"], "timeout": "1s"}
    )
    return WebhookSink("oa", config, clock)


def sms(url: str, clock: StoppedClock) -> Sink:
    config = SmsConfig.model_validate(
        {"type": "sms", "url": url, "secret": SECRET, "allow": ["127.0.0.0/8"], "timeout": "1s", "sign": "示例"}
    )
    return SmsSink("sms", config, clock)


def delivery(attempt: int = 1) -> Delivery:
    body = json.dumps({"template": "t", "params": {}, "phone": PHONE, "text": "x", "language": "zh"}).encode()
    return Delivery("evt_1", "oa", "workorder.created", "WO-1", body, "", attempt)


async def outcome(make: Make, behave: object, clock: StoppedClock, attempt: int = 1) -> object:
    async with receiving(behave) as receiver:  # type: ignore[arg-type]
        sink = make(receiver.url, clock)
        try:
            return await sink.deliver(delivery(attempt))
        except (DeliveryDeferred, DeliveryRefused) as error:
            return error
        finally:
            await sink.close()  # type: ignore[attr-defined]


every_sink = pytest.mark.parametrize("make", [webhook, sms])
OK = b'{"code": "OK", "biz_id": "b-1"}'


@every_sink
async def test_taken(make: Make, clock: StoppedClock) -> None:
    result = await outcome(make, answer(200, OK), clock)
    assert isinstance(result, Receipt)
    assert result.status == 200


@every_sink
@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 599])
@pytest.mark.parametrize("attempt", [1, 4, 11])
async def test_always_tried_again(make: Make, status: int, attempt: int, clock: StoppedClock) -> None:
    result = await outcome(make, answer(status, b"later"), clock, attempt)
    assert isinstance(result, DeliveryDeferred)
    assert (result.status, result.charge, result.retry_after) == (status, True, 0)


@every_sink
@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 422, 301, 302, 307, 308, 304])
async def test_tried_three_times_more_then_refused(make: Make, status: int, clock: StoppedClock) -> None:
    kinds = [type(await outcome(make, answer(status, b"no"), clock, attempt)) for attempt in (1, 3, 4)]
    assert kinds == [DeliveryDeferred, DeliveryDeferred, DeliveryRefused]


@every_sink
async def test_gone_disables(make: Make, clock: StoppedClock) -> None:
    result = await outcome(make, answer(410, b"moved away"), clock)
    assert isinstance(result, DeliveryRefused)
    assert result.disable
    assert result.reason == "gone: 410 moved away"


@every_sink
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after(make: Make, status: int, clock: StoppedClock) -> None:
    in_90_s = formatdate(clock.now() // SECOND + 90, usegmt=True)
    for header, expected in [("120", 120), (in_90_s, 90), ("-5", 0), ("soon", 0), ("9" * 30, 0), ("99999999", 604_800)]:
        result = await outcome(make, answer(status, b"", retry_after=header), clock)
        assert isinstance(result, DeliveryDeferred)
        assert result.retry_after == expected * SECOND, header


@every_sink
async def test_a_redirect_is_not_followed(make: Make, clock: StoppedClock) -> None:
    async with receiving(answer(200, OK)) as elsewhere:
        result = await outcome(make, answer(302, b"", location=elsewhere.url), clock)
        assert isinstance(result, DeliveryDeferred)
        assert result.reason == "redirect: 302"
        assert elsewhere.connections == 0


@every_sink
async def test_nobody_listens(make: Make, clock: StoppedClock) -> None:
    async with receiving(answer(200)) as receiver:
        url = receiver.url
    sink = make(url, clock)
    with pytest.raises(DeliveryDeferred, match="connect"):
        await sink.deliver(delivery())
    await sink.close()  # type: ignore[attr-defined]


@every_sink
async def test_silence_and_trickle_end_at_the_time_limit(make: Make, clock: StoppedClock) -> None:
    async def silent(_: object, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async def trickle(_: object, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1000:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.05)

    results = await asyncio.gather(outcome(make, silent, clock), outcome(make, trickle, clock))
    assert [(type(result), str(result)) for result in results] == [(DeliveryDeferred, "timeout")] * 2


@every_sink
async def test_reset_and_nonsense_are_tried_again(make: Make, clock: StoppedClock) -> None:
    async def reset(_: object, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async def nonsense(_: object, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        await writer.drain()

    for behave in (reset, nonsense):
        result = await outcome(make, behave, clock)
        assert isinstance(result, DeliveryDeferred)
        assert result.reason == "broken"


@every_sink
async def test_address_that_is_not_allowed_is_never_connected_to(make: Make, clock: StoppedClock) -> None:
    async with receiving(answer(200, OK)) as receiver:
        sink = make(receiver.url.replace("127.0.0.1", "[::1]"), clock)
        with pytest.raises(DeliveryRefused, match="address"):
            await sink.check()
        with pytest.raises(DeliveryRefused, match="address"):
            await sink.deliver(delivery())
        await sink.close()  # type: ignore[attr-defined]
        assert receiver.connections == 0


@every_sink
async def test_the_id_stays_and_the_attempt_is_told(make: Make, clock: StoppedClock) -> None:
    async with receiving(answer(500)) as receiver:
        sink = make(receiver.url, clock)
        for attempt in (1, 2):
            with pytest.raises(DeliveryDeferred):
                await sink.deliver(delivery(attempt))
        await sink.close()  # type: ignore[attr-defined]
    assert [got.headers["webhook-id"] for got in receiver.got] == ["evt_1", "evt_1"]
    assert [got.headers["idempotency-key"] for got in receiver.got] == ["evt_1", "evt_1"]
    assert [got.headers["x-fieldgate-attempt"] for got in receiver.got] == ["1", "2"]


@every_sink
async def test_an_id_that_cannot_be_signed_is_refused(make: Make, clock: StoppedClock) -> None:
    sink = make("http://127.0.0.1:9/", clock)
    bad = Delivery("evt.1", "oa", "workorder.created", "WO-1", delivery().body, "", 1)
    with pytest.raises(DeliveryRefused, match="bad_id"):
        await sink.deliver(bad)


@every_sink
async def test_check_sends_nothing(make: Make, clock: StoppedClock) -> None:
    async with receiving(answer(200)) as receiver:
        sink = make(receiver.url, clock)
        await sink.check()
        await sink.close()  # type: ignore[attr-defined]
        assert receiver.connections == 0
