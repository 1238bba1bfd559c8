"""Recurring work of the running gateway. Due work is in tables; the next run catches up on a missed one."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from gateway.domain.errors import GatewayError

log = structlog.get_logger()
Work = Callable[[], Awaitable[None]]


class EverySeconds(BaseTrigger):  # type: ignore[misc] # it has no types
    """Trigger every `seconds`, independent of steps of the clock: it makes up no missed runs.

    APScheduler's own interval lists every slot between the last run and now, on the event loop: after the clock of a
    machine with an empty battery was set, those of decades.
    """

    def __init__(self, seconds: float) -> None:
        self.interval = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """In the rhythm of `previous` if that is ahead of `now` and within one interval; else one interval later."""
        now = now.astimezone(UTC)  # in a zone, an hour may come twice or never
        following = now + self.interval if previous is None else previous.astimezone(UTC) + self.interval
        return following if now < following <= now + self.interval else now + self.interval


class Scheduler:
    """One job per name. Each runs alone: while a run takes longer than its interval, the next waits."""

    def __init__(self) -> None:
        self._jobs = AsyncIOScheduler(timezone=UTC)
        self._failing: set[str] = set()

    def every(self, seconds: float, name: str, work: Work) -> None:
        """Run `work` every `seconds`; replaces the job with this name."""
        self._jobs.add_job(
            partial(self._run, name, work),
            EverySeconds(seconds),
            id=name,
            replace_existing=True,
            coalesce=True,
            misfire_grace_time=None,
            max_instances=1,
        )

    async def _run(self, name: str, work: Work) -> None:
        """One run. An expected error (a database that is away) is logged once, and once when it is over."""
        try:
            await work()
        except GatewayError as error:
            if name not in self._failing:
                log.warning("a job failed: it runs again", name=name, error=error)
            self._failing.add(name)
            return
        if name in self._failing:
            self._failing.discard(name)
            log.info("a job works again", name=name)

    def start(self) -> None:
        """Start the jobs. A second call changes nothing."""
        if not self._jobs.running:
            self._jobs.start()

    def again(self) -> None:
        """The clock was set: a job due later than one interval from now runs now."""
        if not self._jobs.running:
            return
        now = datetime.now(UTC)
        for job in self._jobs.get_jobs():
            if job.next_run_time > now + job.trigger.interval:
                job.modify(next_run_time=now)
        self._jobs.wakeup()

    def stop(self) -> None:
        """Nothing begins any more; what runs ends. A second call changes nothing."""
        if self._jobs.running:
            self._jobs.shutdown(wait=False)
