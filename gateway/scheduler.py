"""Recurring work of the running gateway. What is due is in tables; a run that was missed is caught up by the next."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

Work = Callable[[], Awaitable[None]]


class EverySeconds(BaseTrigger):  # type: ignore[misc] # it has no types
    """Every `seconds`, whatever was done to the clock: it knows of no runs that were missed.

    APScheduler's own interval lists every slot between the last run and now, on the event loop: after the clock of a
    machine with an empty battery was set, those of a quarter of a century.
    """

    def __init__(self, seconds: float) -> None:
        self.interval = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """In the rhythm of `previous` where that lies ahead of `now`, within one interval; else one interval later."""
        now = now.astimezone(UTC)  # in a zone, an hour may come twice or never
        following = now + self.interval if previous is None else previous.astimezone(UTC) + self.interval
        return following if now < following <= now + self.interval else now + self.interval


class Scheduler:
    """One job for each name. Each runs alone: while a run takes longer than its interval, the next waits."""

    def __init__(self) -> None:
        self._jobs = AsyncIOScheduler(timezone=UTC)

    def every(self, seconds: float, name: str, work: Work) -> None:
        """Run `work` every `seconds`, in place of what had this name."""
        self._jobs.add_job(
            work,
            EverySeconds(seconds),
            id=name,
            replace_existing=True,
            coalesce=True,
            misfire_grace_time=None,
            max_instances=1,
        )

    def start(self) -> None:
        """Run them from now on. A second call changes nothing."""
        if not self._jobs.running:
            self._jobs.start()

    def again(self) -> None:
        """The clock was set: what is further away than its interval runs now, what is late by now does so anyway."""
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
