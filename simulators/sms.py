"""Short-message gateway: HTTP 200 with a code in the body, templates, limits per phone.

    python -m simulators.sms --port 0 --secret-file sms.secret --template gas_safety --sign 示例燃气

POST /send   {"template", "params", "phone", "sign", "out_id"} under Standard Webhooks headers -> {"code", "message",
             "biz_id", "request_id"}; the same out_id again gets the same biz_id and no second message
GET  /inbox  messages taken, phones masked;  GET /stats  counts;  POST|DELETE /faults  see simulators.webhooks.Fault

Limits (Aliyun's for notices): per phone, sign and template, 50 in any 24 hours; counted when taken.
"""

import json
import re
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from simulators.webhooks import ReceiverFaults, add_fault_routes, problem_of, read_secrets, reset, run

DAY = 24 * 3600.0
_PHONE = re.compile(r"(\+?86)?1[3-9][0-9]{9}")
_KEEP = 10_000


class Sms:
    """State of the simulator. `templates` empty = every template is approved. `clock` in seconds."""

    def __init__(
        self,
        keys: list[bytes],
        *,
        templates: Iterable[str] = (),
        signs: Iterable[str] = (),
        per_day: int = 50,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.keys, self.templates, self.signs, self.per_day = keys, frozenset(templates), frozenset(signs), per_day
        self.clock = clock
        self.counts: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.inbox: deque[dict[str, Any]] = deque(maxlen=_KEEP)
        self.faults = ReceiverFaults()
        self._known: dict[str, str] = {}  # out_id -> biz_id
        self._sent: dict[tuple[str, str, str], deque[float]] = {}

    async def send(self, request: Request) -> Response:
        """Send one message."""
        self.counts["requests"] += 1
        body = await request.body()
        fault = self.faults.take()
        if fault is not None and fault.kind == "refuse":
            reset(request)
            return Response(status_code=500)
        if (instead := await self.faults.answer(fault)) is not None:
            return instead
        if problem := problem_of(self.keys, request.headers, body):
            self.counts["unsigned"] += 1
            return self._answer("SignatureDoesNotMatch", problem)
        answer = self._take(body)
        if fault is not None and fault.kind == "reset":
            reset(request)
        return answer

    def _take(self, body: bytes) -> Response:
        try:
            request = json.loads(body)
            template, phone, sign, out_id = (str(request[name]) for name in ("template", "phone", "sign", "out_id"))
            params = dict(request["params"])
        except (ValueError, KeyError, TypeError):
            return self._answer("isv.INVALID_PARAMETERS", "a field is missing")
        if self.templates and template not in self.templates:
            return self._answer("isv.SMS_TEMPLATE_ILLEGAL", "the template is not approved")
        if self.signs and sign not in self.signs:
            return self._answer("isv.SMS_SIGNATURE_ILLEGAL", "the sign is not approved")
        if not _PHONE.fullmatch(phone):
            return self._answer("isv.MOBILE_NUMBER_ILLEGAL", f"{phone} is not a mobile number")
        if out_id in self._known:
            self.counts["duplicates"] += 1
            return self._answer("OK", "OK", self._known[out_id])
        recent, now = self._sent.setdefault((phone, sign, template), deque()), self.clock()
        while recent and recent[0] <= now - DAY:
            recent.popleft()
        if len(recent) >= self.per_day:
            return self._answer("isv.BUSINESS_LIMIT_CONTROL", f"day limit of {phone}")
        recent.append(now)
        biz_id = uuid.uuid4().hex
        self._known[out_id] = biz_id
        self.counts["taken"] += 1
        self.inbox.append(
            {
                "phone": phone[:-8] + "****" + phone[-4:],
                "template": template,
                "params": params,
                "sign": sign,
                "out_id": out_id,
                "biz_id": biz_id,
            }
        )
        return self._answer("OK", "OK", biz_id)

    def _answer(self, code: str, message: str, biz_id: str = "") -> Response:
        self.codes[code] += 1
        return JSONResponse({"code": code, "message": message, "biz_id": biz_id, "request_id": uuid.uuid4().hex})

    def stats(self) -> dict[str, Any]:
        """Counts for the demo and tests."""
        return {**self.counts, "codes": dict(self.codes), "faults": self.faults.injected}


def build(sms: Sms) -> FastAPI:
    """The web application around the state."""
    app = FastAPI(title="SMS gateway simulator")
    app.add_api_route("/send", sms.send, methods=["POST"], response_model=None)
    add_fault_routes(app, sms.faults)

    @app.get("/inbox")
    async def inbox() -> list[dict[str, Any]]:
        return list(sms.inbox)

    @app.get("/stats")
    async def stats() -> dict[str, Any]:
        return sms.stats()

    return app


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=0, show_default=True, help="0 = a free one; it is printed.")
@click.option("--secret-file", "secrets", type=click.Path(path_type=Path, exists=True), multiple=True, required=True)
@click.option("--template", "templates", multiple=True, help="An approved template; none = all are.")
@click.option("--sign", "signs", multiple=True, help="An approved sign; none = all are.")
@click.option("--per-day", default=50, show_default=True, help="Messages per phone, sign and template in 24 hours.")
def main(
    host: str, port: int, secrets: tuple[Path, ...], templates: tuple[str, ...], signs: tuple[str, ...], per_day: int
) -> None:
    """Run the SMS gateway simulator."""
    sms = Sms(read_secrets(secrets), templates=templates, signs=signs, per_day=per_day)
    run(build(sms), "sms", host, port)


if __name__ == "__main__":
    main()
