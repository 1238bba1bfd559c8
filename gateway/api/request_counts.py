"""Counts of requests, and log lines and audit rows about refused ones."""

import asyncio
import math
from collections import Counter, OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import structlog

from gateway.api.access import Principal
from gateway.api.context import Context, in_desk
from gateway.api.refusal_limiter import RefusalLimiter
from gateway.api.values import refused
from gateway.domain.duration import HOUR
from gateway.domain.errors import StoreError
from gateway.domain.workorder import Role
from gateway.store import AuditedAct

_LOG_EVERY: Final = 60.0  # s
ADMINS: Final = 1024
"""Number of (key, address) pairs whose last audit row is remembered."""
log = structlog.get_logger()


@dataclass(slots=True)
class RequestCounts:
    """Counts since the start: answers by status, refused logins and callbacks by reason."""

    answers: Counter[int] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    limiter: RefusalLimiter = field(default_factory=RefusalLimiter)
    _logged_at: float = float("-inf")
    _admins: OrderedDict[tuple[str, str], int] = field(default_factory=OrderedDict)

    def require_no_wait(self, address: str, secret: str = "") -> None:
        """Raises CommandError 429 for an address with too many refusals, unless the key was valid recently."""
        wait = self.limiter.wait(address, asyncio.get_running_loop().time())
        if wait and not (secret and self.limiter.recently_accepted(secret)):
            self.refused["throttled"] += 1
            raise refused(429, "slow_down", seconds=math.ceil(wait))

    async def refuse(self, context: Context, reason: str, address: str) -> None:
        """Count a refusal. It is logged once a minute and written to the audit now and then, so that many wrong keys
        do not cause as many lines and rows."""
        self.refused[reason] += 1
        now = asyncio.get_running_loop().time()
        if now - self._logged_at >= _LOG_EVERY:
            self._logged_at = now
            log.warning("api access refused", reason=reason, address=address, so_far=self.refused.total())
        if count := self.limiter.refused(address, now, reason, guess=reason != "no_key"):
            await _write(context, AuditedAct(context.clock.now(), "", address, "access.refused", reason, str(count)))

    async def admin_seen(self, context: Context, principal: Principal, request_line: str) -> None:
        """Record the use of an admin's key: one audit row per address and hour."""
        if principal.key.role is not Role.ADMIN:
            return
        now, pair = context.clock.now(), (principal.key.name, principal.address)
        if abs(now - self._admins.get(pair, -HOUR)) < HOUR:
            return
        self._admins[pair] = now
        self._admins.move_to_end(pair)
        if len(self._admins) > ADMINS:
            self._admins.popitem(last=False)
        await _write(context, principal.audited(now, "access.admin", principal.key.name, request_line))


async def _write(context: Context, entry: AuditedAct) -> None:
    with suppress(StoreError):  # the answer is the same; the store's trouble shows elsewhere
        await in_desk(context, lambda: context.sql.audit.add(entry))
