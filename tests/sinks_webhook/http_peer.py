"""The counterpart of a signed HTTP endpoint, for the contract."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from contract.harness import Answer, SinkPeer
from webhook_receiver import SECRET, Got, answer, receiving

from gateway.domain.delivery import Delivery


@asynccontextmanager
async def http_peer(config: Mapping[str, Any], taken: bytes, body: bytes, *secrets: str) -> AsyncIterator[SinkPeer]:
    """`taken` is the body of an answer that means success, `body` what is delivered."""
    kind: Answer = "taken"

    async def behave(got: Got, writer: asyncio.StreamWriter) -> None:
        if kind == "silent":
            await asyncio.sleep(30)
        await answer({"taken": 200, "later": 503, "refused": 400}.get(kind, 200), taken)(got, writer)

    def use(chosen: Answer) -> None:
        nonlocal kind
        kind = chosen

    def delivery(attempt: int) -> Delivery:
        return Delivery("evt_1", "one", "workorder.created", "WO-1", body, "", attempt)

    async with receiving(behave) as receiver:
        whole = {"url": receiver.url, "secret": SECRET, "allow": ["127.0.0.0/8"], "timeout": "1s", **config}
        yield SinkPeer(
            whole, use, lambda: len(receiver.got), delivery, (SECRET, SECRET.removeprefix("whsec_"), *secrets)
        )
