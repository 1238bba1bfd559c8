"""A gateway for short messages. The phone number is a secret, too."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from contract.harness import SinkPeer
from http_peer import http_peer

PHONE = "13800138000"
NOTICE = b'{"template": "t", "params": {}, "phone": "%s", "text": "x", "language": "zh"}' % PHONE.encode()


@asynccontextmanager
async def peer(folder: Path) -> AsyncIterator[SinkPeer]:
    async with http_peer({"type": "sms", "sign": "示例"}, b'{"code": "OK", "biz_id": "b-1"}', NOTICE, PHONE) as found:
        yield found
