"""Pushes over real sockets: who may push, what is answered and when, and what broken or hostile senders get."""

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mqtt_kit import NOW, SIMPLE
from push_kit import BODY, OPEN, ROUTE, Stage, post, running
from pydantic import ValidationError

from gateway.adapters import SOURCES
from gateway.domain.errors import SourceRejected
from gateway.domain.finding import Grade
from gateway.settings.validation_messages import problems_of
from gateway.settings.yaml_document import parse_document
from protocols.http import source as source_module
from protocols.http.config import HttpConfig, ServerTls


# ---- answers ------------------------------------------------------------------------------------------------------
async def test_the_answer_comes_after_the_journal() -> None:
    async with running() as stage:
        stage.journal.gate.clear()
        asked = asyncio.create_task(post(stage))
        async with asyncio.timeout(10):
            while not stage.source.stats.waiting:
                await asyncio.sleep(0.001)
        assert not asked.done()
        stage.journal.gate.set()
        answer = await asked
        assert (answer.status_code, answer.json()) == (200, {"status": "accepted"})
        assert stage.journal.values == [21.5]


async def test_a_dead_letter_is_answered_by_its_reason() -> None:
    async with running() as stage:
        answers = await asyncio.gather(post(stage), post(stage, b"{"), post(stage, path="/c9"), post(stage))
        assert [one.status_code for one in answers] == [200] * 4
        assert [one.json()["status"] for one in answers] == ["accepted", "dead_letter", "dead_letter", "accepted"]
        assert [one.json().get("reason") for one in answers] == [None, "bad_json", "unknown_device", None]
        kept = [raw for parcel in stage.journal.parcels for raw in parcel.rejected]
        assert sorted((raw.reason, raw.payload) for raw in kept) == [("bad_json", b"{"), ("unknown_device", BODY)]


async def test_what_the_journal_refuses_is_to_be_sent_again() -> None:
    async with running() as stage:
        stage.journal.refuse = 1
        answer = await post(stage, accept_language="zh-CN")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "not_taken"
        assert "重发" in answer.json()["detail"]
        assert (await post(stage)).status_code == 200
        assert stage.source.stats.returned == 1


async def test_a_journal_that_hangs_does_not_hold_up_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "_DRAIN", 0.05)
    async with running() as stage:
        stage.journal.gate.clear()
        sent = asyncio.create_task(post(stage))
        async with asyncio.timeout(10):
            while not stage.source.stats.waiting:
                await asyncio.sleep(0.001)
        assert stage.task is not None
        stage.task.cancel()
        answer = await sent
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "stopping", "5")
        assert stage.source.stats.returned == 1


async def test_a_journal_that_does_not_keep_up_is_busy() -> None:
    async with running({**OPEN, "max_unjournaled": "1KiB"}) as stage:
        stage.journal.gate.clear()
        asked = [asyncio.create_task(post(stage)) for _ in range(40)]
        answers: list[httpx.Response] = []
        async with asyncio.timeout(10):
            while not answers:
                done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
                answers += [one.result() for one in done]
        assert {one.status_code for one in answers} == {503}
        stage.journal.gate.set()
        assert 200 in {one.status_code for one in await asyncio.gather(*asked)}


async def test_an_idempotency_key_counts_once() -> None:
    async with running() as stage:
        stage.journal.gate.clear()
        twice = [asyncio.create_task(post(stage, idempotency_key="k1")) for _ in range(2)]
        await asyncio.sleep(0.05)
        stage.journal.gate.set()
        assert [one.json()["status"] for one in await asyncio.gather(*twice)] == ["accepted", "accepted"]
        for _ in range(2):
            assert (await post(stage, idempotency_key="k1")).json() == {"status": "duplicate"}
        assert (await post(stage, idempotency_key="k2")).json() == {"status": "accepted"}
        assert (await post(stage, BODY + b" ", idempotency_key="k1")).json() == {"status": "accepted"}
        assert stage.journal.values == [21.5] * 3
        assert stage.source.stats.duplicates == 2


async def test_requests_on_one_connection_are_answered_in_order() -> None:
    async with running() as stage:
        reader, writer = await asyncio.open_connection(*stage.source.address)
        bodies = [BODY, b"{", BODY, b"[1"]
        head = b"POST /v1/ingest/push/c1 HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
        writer.write(b"".join(head % len(body) + body for body in bodies))
        writer.write(b"GET /v1/ingest/push HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        text = (await reader.read()).decode()
        codes = [answer[:3] for answer in text.split("HTTP/1.1 ")[1:]]
        assert codes == ["200"] * 4 + ["405"]
        assert text.count("dead_letter") == 2
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


# ---- who may push -------------------------------------------------------------------------------------------------
SECRET = "canary-secret-4711"


def _hmac_headers(body: bytes, **more: str) -> dict[str, str]:
    return {"x-signature": hmac.new(SECRET.encode(), body, "sha256").hexdigest(), **more}


def _stamped(seconds: int) -> dict[str, str]:
    return _hmac_headers(b"%d.%s" % (seconds, BODY), **{"x-time": str(seconds)})


def _onenet(msg: Any, nonce: str = "n1", token: str = SECRET) -> tuple[bytes, str]:
    text = json.dumps(msg, separators=(",", ":"))
    signature = base64.b64encode(hashlib.md5((token + nonce + text).encode()).digest()).decode()
    return json.dumps({"msg": msg, "msg_signature": signature, "nonce": nonce}).encode(), signature


@pytest.mark.parametrize(
    ("auth", "headers", "status"),
    [
        ({"kind": "token"}, {"authorization": f"Bearer {SECRET}"}, 200),
        ({"kind": "token"}, {"authorization": f"Bearer {SECRET}x"}, 401),
        ({"kind": "token"}, {}, 401),
        ({"kind": "token", "header": "X-Api-Key"}, {"x-api-key": SECRET}, 200),
        ({"kind": "token", "header": "X-Api-Key"}, {"x-api-key": ""}, 401),
        ({"kind": "token", "query": "k"}, {"authorization": f"Bearer {SECRET}"}, 401),
        ({"kind": "hmac"}, _hmac_headers(BODY), 200),
        ({"kind": "hmac"}, _hmac_headers(BODY + b"x"), 401),
        ({"kind": "hmac", "prefix": "sha256="}, {"x-signature": "sha256=" + _hmac_headers(BODY)["x-signature"]}, 200),
        ({"kind": "hmac", "timestamp": "x-time"}, _stamped(NOW // 10**6), 200),
        ({"kind": "hmac", "timestamp": "x-time"}, _stamped(1000), 401),
        ({"kind": "hmac", "timestamp": "x-time"}, _hmac_headers(BODY), 401),
    ],
)
async def test_the_proof_of_the_sender(auth: dict[str, Any], headers: dict[str, str], status: int) -> None:
    async with running({**OPEN, "auth": {**auth, "secret": SECRET}}) as stage:
        answer = await post(stage, **headers)
        assert answer.status_code == status
        assert SECRET not in answer.text
        assert stage.source.stats.received == (status == 200)


async def test_onenet_signs_its_messages_and_checks_the_address() -> None:
    route = {
        "filter": "push",
        "device": "c1",
        "time": {"path": "msg.at", "unit": "ms"},
        "points": {"gun_temp": {"path": "msg.value"}},
    }
    async with running({**OPEN, "auth": {"kind": "onenet", "secret": SECRET}, "routes": [route]}) as stage:
        body, _ = _onenet({"at": NOW // 1000, "type": 1, "value": "21.5"})
        assert (await post(stage, body, path="")).json() == {"status": "accepted"}
        forged, _ = _onenet({"at": NOW // 1000, "type": 1, "value": "21.5"}, token="other")
        assert (await post(stage, forged, path="")).status_code == 401
        assert (await post(stage, b"{}", path="")).status_code == 401
        _, signature = _onenet("x")
        signature = base64.b64encode(hashlib.md5(f"{SECRET}n1hello".encode()).digest()).decode()
        async with httpx.AsyncClient() as client:
            asked = {"msg": "hello", "nonce": "n1", "signature": signature}
            answer = await client.get(stage.url, params=asked)
            assert (answer.status_code, answer.text) == (200, "hello")
            answer = await client.get(stage.url, params={**asked, "nonce": "n2"})
            assert answer.status_code == 401


def _onenet_encrypted(text: str, key: bytes, nonce: str = "12345678", *, length: int | None = None) -> bytes:
    """As the platform sends it, encrypted by the command openssl."""
    plain = b"0123456789abcdef" + (len(text) if length is None else length).to_bytes(4, "big") + text.encode()
    command = ["openssl", "enc", "-aes-256-cbc", "-K", key.hex(), "-iv", key[:16].hex()]
    sealed = base64.b64encode(subprocess.run(command, input=plain, capture_output=True, check=True).stdout).decode()
    digest = hashlib.md5((SECRET + nonce + sealed).encode()).digest()
    return json.dumps({"enc_msg": sealed, "msg_signature": base64.b64encode(digest).decode(), "nonce": nonce}).encode()


async def test_onenet_encrypts_its_messages() -> None:
    key = bytes(range(32))
    auth = {"kind": "onenet", "secret": SECRET, "aes_secret": base64.b64encode(key).decode().rstrip("=")}
    route = {
        "filter": "push",
        "device": "c1",
        "time": {"path": "msg.at", "unit": "ms"},
        "points": {"gun_temp": {"path": "msg.value"}},
    }
    text = json.dumps({"at": NOW // 1000, "value": "21.5"})
    async with running({**OPEN, "auth": auth, "routes": [route]}) as stage:
        answers = [
            await post(stage, body, path="")
            for body in (
                _onenet_encrypted(text, key),
                _onenet_encrypted(text, bytes(32)),
                _onenet_encrypted(text, key, length=9),
                _onenet({"at": NOW // 1000, "value": 1})[0],
                _onenet_encrypted(text, key).replace(b"12345678", b"12345679"),
            )
        ]
        found = [(one.status_code, one.json().get("status"), one.json().get("reason")) for one in answers]
        assert found == [
            (200, "accepted", None),
            (200, "dead_letter", "bad_packet"),
            (200, "dead_letter", "bad_packet"),
            (401, 401, None),
            (401, 401, None),
        ]
        assert stage.journal.values == [21.5]
        assert stage.refused() == {"unproven": 2}


async def test_a_message_in_the_query_and_a_secret_beside_it() -> None:
    """traccar forwards by GET, or a platform can send nothing but a URL; a POST with a form is the same message."""
    route = {
        "filter": "push",
        "payload": "form",
        "device": {"path": "id"},
        "time": {"path": "fixTime", "unit": "ms"},
        "points": {"gun_temp": {"path": "temp"}},
        "ignore": ["name"],
    }
    auth = {"kind": "token", "secret": SECRET, "query": "key"}
    message = f"id=c1&name=%E8%BD%A6+1&fixTime={NOW // 1000}&temp=21.5"
    async with (
        running({**OPEN, "auth": auth, "query": True, "routes": [route]}) as stage,
        httpx.AsyncClient() as client,
    ):
        for url, body in ((f"{message}&key={SECRET}", b""), (f"key={SECRET}", message.encode())):
            sent = await (client.post(f"{stage.url}?{url}", content=body) if body else client.get(f"{stage.url}?{url}"))
            assert (sent.status_code, sent.json()) == (200, {"status": "accepted"})
        assert (await client.get(f"{stage.url}?{message}&key=x")).status_code == 401
        lost = await client.get(f"{stage.url}?id=zz&fixTime=1&temp=2&key={SECRET}")
        assert lost.json()["reason"] == "unknown_device"
        assert stage.journal.values == [21.5, 21.5]
        assert SECRET not in str([raw.payload for parcel in stage.journal.parcels for raw in parcel.rejected])


@pytest.mark.parametrize("kind", ["hmac", "onenet"])
def test_a_query_has_no_proof_of_a_body(kind: str) -> None:
    with pytest.raises(ValidationError) as caught:
        HttpConfig.model_validate({**OPEN, "auth": {"kind": kind, "secret": SECRET}, "query": True})
    assert [one["type"] for one in caught.value.errors()] == ["http.query"]


async def test_a_client_certificate(tmp_path: Path) -> None:
    from tls_kit import Authority

    authority = Authority(tmp_path)
    server, client, stranger = authority.issue("server"), authority.issue("sender"), authority.stranger()
    tls = {"cert": server.cert, "key": server.key, "client_ca": authority.itself.cert}
    async with running({**OPEN, "auth": "mtls", "tls": tls}) as stage:
        for pair, works in ((client, True), (stranger, False), (None, False)):
            context = ssl.create_default_context(cafile=str(authority.itself.cert))
            if pair is not None:
                context.load_cert_chain(pair.cert, pair.key)
            async with httpx.AsyncClient(verify=context) as sender:
                try:
                    status = (await sender.post(f"{stage.url}/c1", content=BODY)).status_code
                except httpx.HTTPError:
                    status = 0
            assert status == (200 if works else 0)
        assert stage.journal.values == [21.5]


# ---- broken and hostile senders -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"content-encoding": "gzip"}, gzip.compress(BODY), 200),
        ({"content-encoding": "gzip"}, gzip.compress(BODY)[:-9], 400),
        ({"content-encoding": "gzip"}, b"no gzip", 400),
        ({"content-encoding": "br"}, BODY, 415),
        ({"content-encoding": "gzip"}, gzip.compress(b" " * 10_000_000), 413),
        ({}, b" " * 70_000, 413),
    ],
    ids=["gzip", "cut short", "no gzip", "unknown", "a bomb", "too large"],
)
async def test_bodies(headers: dict[str, str], body: bytes, status: int) -> None:
    async with running() as stage:
        with suppress(httpx.WriteError):  # the listener does not read on
            assert (await post(stage, body, **headers)).status_code == status


Speak = Callable[[asyncio.StreamWriter], Awaitable[None]]


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", 404),
        (b"POST /v1/ingest/other HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n", 404),
        (b"PUT /v1/ingest/push/c1 HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n", 405),
        (b"POST /v1/ingest/push/c1 HTTP/1.1\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(80)) + b"\r\n", 431),
        (b"POST /v1/ingest/push/c1 HTTP/1.1\r\nx: " + b"y" * 40_000 + b"\r\n\r\n", 431),
        (b"POST /v1/ingest/push/c1 HTTP/1.1\r\nhost: x\r\ncontent-length: 999999\r\n\r\n", 413),
        (b"POST /v1/ingest/push/c1 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffff\r\n" + b" " * 65_537, 413),
    ],
)
async def test_what_is_no_push_is_refused(raw: bytes, status: int) -> None:
    async with running({**OPEN, "max_payload": "32KiB"}) as stage:
        reader, writer = await asyncio.open_connection(*stage.source.address)
        writer.write(raw)
        async with asyncio.timeout(10):
            first = await reader.readline()
        assert first.split()[1] == str(status).encode()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        assert (await post(stage)).status_code == 200


async def test_a_chunked_body_arrives_whole() -> None:
    async with running() as stage:
        reader, writer = await asyncio.open_connection(*stage.source.address)
        writer.write(b"POST /v1/ingest/push/c1 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        for byte in BODY:
            writer.write(b"1\r\n%c\r\n" % byte)
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        assert (await reader.readline()).split()[1] == b"200"
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        assert stage.journal.values == [21.5]


async def test_two_sources_share_an_address_and_a_taken_one_is_said() -> None:
    async with running() as first:
        host, port = first.source.address
        shared = {
            **OPEN,
            "listen": f"{host}:{port}",
            "routes": [SIMPLE | {"filter": "other/{device}", "device": "{device}"}],
        }
        first.config = first.source._config = HttpConfig.model_validate(dict(OPEN))
        async with running(shared, "other") as second:
            assert (await post(second)).status_code == 200
            assert (await post(first)).status_code == 200
        async with httpx.AsyncClient() as client:
            gone = await client.post(f"http://{host}:{port}/v1/ingest/other/c1", content=BODY)
        assert gone.status_code == 404
    blocked = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = blocked.sockets[0].getsockname()[1]
    stage = Stage({**OPEN, "listen": f"127.0.0.1:{port}"})
    with pytest.raises(SourceRejected):
        await stage.source.run(stage.journal)
    blocked.close()


# ---- configuration ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"listen": "0.0.0.0:8422"}, "http.open"),
        ({"listen": "localhost:8422"}, "http.listen"),
        ({"listen": "127.0.0.1"}, "http.listen"),
        ({"auth": {"kind": "token"}}, "http.secret"),
        ({"auth": {"kind": "basic"}}, "http.auth"),
        ({"auth": "mtls"}, "http.client_ca"),
    ],
)
def test_mistakes(change: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as caught:
        HttpConfig.model_validate({**OPEN, **change})
    assert key in {error["type"] for error in caught.value.errors()}


def test_check_warns_of_secrets_in_the_clear_and_of_two_kinds_of_tls() -> None:
    plain = HttpConfig.model_validate({**OPEN, "listen": "0.0.0.0:1", "auth": {"kind": "token", "secret": "x"}})
    secured = plain.model_copy(update={"tls": ServerTls(cert=Path("/none/a"), key=Path("/none/b"))})
    found = SOURCES["http"].check({"push": plain, "b": secured}, "gateway.yaml")
    assert [problem.key for problem in found.warnings] == ["http.plain"]
    assert [problem.key for problem in found.problems] == ["http.tls_files", "http.tls_differs", "route.out_of_reach"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"auth": {"kind": "token", "secret": ""}}, ("sources.push.auth", "http.empty_secret")),
        ({"auth": {"kind": "hmac", "secret_file": "/dev/null"}}, ("sources.push.auth", "http.empty_secret")),
        ({"auth": {"kind": "onenet", "secret": "x", "aes_secret": "short"}}, ("sources.push.auth", "http.aes_key")),
        ({"max_payload": "2MiB", "max_unjournaled": "1MiB"}, ("sources.push.max_payload", "http.max_payload")),
        ({"max_payload": "1TiB", "max_unjournaled": "2TiB"}, ("sources.push.max_payload", "http.max_payload")),
        (
            {"routes": [{"filter": "other/{device}", "device": "{device}", "points": {"gun_temp": {"path": "t"}}}]},
            ("sources.push.routes[0].filter", "route.out_of_reach"),
        ),
    ],
)
def test_check_finds_what_would_never_work(change: dict[str, Any], problem: tuple[str, str]) -> None:
    found = SOURCES["http"].check({"push": HttpConfig.model_validate({**OPEN, **change})}, "gateway.yaml")
    assert [(one.path, one.key) for one in found.problems] == [problem]


def test_a_mistake_inside_of_auth_has_its_place_and_keeps_the_secret() -> None:
    auth = {"kind": "hmac", "secret": "canary-7", "algorithm": "md5", "prefx": "x"}
    document = parse_document(json.dumps({"push": {**OPEN, "auth": auth}}), "gateway.yaml")
    with pytest.raises(ValidationError) as caught:
        HttpConfig.model_validate(document.value["push"])
    found = problems_of(caught.value, document, HttpConfig, ("push",))
    assert {problem.path for problem in found} == {"push.auth.algorithm", "push.auth.prefx"}
    assert "canary-7" not in "".join(problem.render(lang) for problem in found for lang in ("en", "zh"))


async def test_names_and_characters_that_are_encoded() -> None:
    route = {"filter": "push/{device}", "device": "{device}", "points": {"gun_temp": {"path": "temp"}}}
    async with running({**OPEN, "routes": [route]}) as stage:
        assert (await post(stage, b'{"temp": 4}', path="/%631")).json() == {"status": "accepted"}
        answer = await post(stage, b'{"temp": 4}', path="/%E8%A1%A8")
        assert answer.json()["reason"] == "unknown_device"
        assert "表" in answer.json()["detail"]
        text = '{"temp": 5, "name": "表"}'.encode("gbk")
        typed = {"content_type": "application/json; charset=GBK"}
        assert (await post(stage, text, **typed, path="/c1")).json() == {"status": "accepted"}
        assert (await post(stage, text, path="/c1")).json()["reason"] == "bad_json"
        other = {"content_type": "application/json; charset=EBCDIC"}
        assert (await post(stage, text, **other, path="/c1")).status_code == 415
        assert (await post(stage, b'\xef\xbb\xbf{"temp": 6}', path="/c1")).json() == {"status": "accepted"}
        assert stage.journal.values == [4, 5, 6]


async def test_a_scheme_may_have_any_case() -> None:
    async with running({**OPEN, "auth": {"kind": "token", "secret": SECRET}}) as stage:
        assert (await post(stage, authorization=f"bearer {SECRET}")).status_code == 200
        assert (await post(stage, authorization=f"basic {SECRET}")).status_code == 401


async def test_onenet_studio_sends_texts() -> None:
    key = "0123456789abcdef"
    route = {
        "filter": "push",
        "device": "c1",
        "time": {"path": "msg.at", "unit": "ms"},
        "points": {"gun_temp": {"path": "msg.value"}},
    }

    def sent(text: str, number: int, signed: str = "", secret: str = SECRET) -> bytes:
        digest = hashlib.md5((secret + "n1" + (signed or text)).encode()).digest()
        whole = {
            "msg": text,
            "signature": base64.b64encode(digest).decode(),
            "nonce": "n1",
            "time": 1,
            "id": str(number),
        }
        return json.dumps(whole).encode()

    def sealed(text: str) -> str:
        command = ["openssl", "enc", "-aes-128-cbc", "-K", key.encode().hex(), "-iv", key.encode().hex()]
        made = subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout
        return base64.b64encode(made).decode()

    texts = [json.dumps({"at": NOW // 1000 + n, "value": n}) for n in range(4)]
    auth = {"kind": "onenet", "secret": SECRET}
    async with running({**OPEN, "auth": auth, "routes": [route]}) as stage:
        assert (await post(stage, sent(texts[0], 0), path="")).json() == {"status": "accepted"}
        assert (await post(stage, sent(texts[0], 0), path="")).json() == {"status": "duplicate"}
        assert (await post(stage, sent(texts[1], 1, secret="other"), path="")).status_code == 401
        assert (await post(stage, sent("no json", 7), path="")).json()["status"] == "dead_letter"
    async with running({**OPEN, "auth": {**auth, "aes_secret": key}, "routes": [route]}) as stage:
        assert (await post(stage, sent(sealed(texts[2]), 2), path="")).json() == {"status": "accepted"}
        assert (await post(stage, sent(sealed(texts[3]), 3, signed=texts[3]), path="")).json() == {"status": "accepted"}
        assert (await post(stage, sent("AAAA", 8), path="")).json()["reason"] == "bad_packet"
        assert stage.journal.values == [2, 3]


async def test_the_doctor_looks_at_the_address_and_the_files_of_tls(tmp_path: Path) -> None:
    async def examined(**more: Any) -> list[tuple[Grade, str]]:
        is_running = more.pop("is_running", False)
        found = await SOURCES["http"].examine("push", HttpConfig.model_validate(OPEN | more), running=is_running)
        return [(one.grade, one.what.key) for one in found]

    async with running() as stage:
        host, port = stage.source.address
        listen = f"{host}:{port}"
        assert await examined(listen=listen, is_running=True) == [(Grade.OK, "doctor.http_listens")]
        assert await examined(listen=listen) == [(Grade.BAD, "doctor.http_taken")]
        assert stage.source.stats.received == 0
    assert await examined(listen=listen) == [(Grade.OK, "doctor.http")]
    assert await examined(listen=listen, is_running=True) == [(Grade.BAD, "doctor.http_silent")]
    tls = {"cert": tmp_path / "none.crt", "key": tmp_path / "none.key"}
    assert await examined(listen=listen, tls=tls) == [(Grade.BAD, "doctor.http_tls")]


FUZZED = [
    ROUTE | {"filter": "push/json/{device}"},
    ROUTE | {"filter": "push/form/{device}", "payload": "form"},
    ROUTE | {"filter": "push/csv/{device}", "payload": "csv", "each": "[*]"},
]
bodies = st.binary(max_size=80) | st.from_regex(r'\A[\[\]{}:,"a-u0-9.&=%;\n-]{0,40}\Z').map(str.encode)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["json", "form", "csv"]), bodies), min_size=1, max_size=8))
async def test_no_body_breaks_the_source_or_its_neighbours(sent: list[tuple[str, bytes]]) -> None:
    """Each is journaled or a counted dead letter, answered by 200; the good one beside them is stored."""
    async with running({**OPEN, "routes": FUZZED}) as stage, httpx.AsyncClient() as client:
        posts = [client.post(f"{stage.url}/{form}/c1", content=body) for form, body in sent]
        answers = await asyncio.gather(*posts, client.post(f"{stage.url}/json/c1", content=BODY))
        assert {one.status_code for one in answers} == {200}
        assert answers[-1].json() == {"status": "accepted"}
        stats = stage.source.stats
        assert stats.received == len(answers) == stats.journaled + stats.rejected.total() + stats.ignored
        assert 21.5 in stage.journal.values
