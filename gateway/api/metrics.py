"""`GET /metrics`: all counts, collected per request. The hot path does no extra work for them."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from gateway.api.context import Context, in_ingest
from gateway.api.metric_families import counter, counters, fill, gauge, gauges
from gateway.api.request_counts import RequestCounts
from gateway.api.source_metrics import source_metrics
from gateway.domain.duration import SECOND
from gateway.domain.errors import StoreError
from gateway.domain.record import RecordKind
from gateway.domain.sla import ClockKind
from gateway.health import GatewayStatus, HealthState, StoreStatus
from gateway.latency import quantile

MESSAGE_STATES = ("received", "journaled", "duplicate", "rejected", "refused", "in_flight")
QUANTILES = (("0.5", 0.5), ("0.95", 0.95), ("0.99", 0.99))
SQL_EVERY = 5.0
"""Seconds for which results of SQL queries are reused."""
MOST_WAITING = 1000


@dataclass(slots=True)
class SqlCounts:
    """Counts from SQL. `known` False: the database does not answer; they are then left out rather than shown as
    zero."""

    counts: Mapping[str, int] = field(default_factory=dict)
    disabled: Mapping[str, str] = field(default_factory=dict)
    callbacks: int = 0
    known: bool = False


class Metrics:
    """Renders the metrics of one gateway."""

    def __init__(self, context: Context, requests: RequestCounts) -> None:
        self._context, self._requests = context, requests
        self._rows, self._taken = SqlCounts(), float("-inf")
        self._one = asyncio.Lock()

    async def render(self) -> bytes:
        """All metrics in Prometheus text format."""
        now = asyncio.get_running_loop().time()
        async with self._one:
            if now - self._taken >= SQL_EVERY:
                self._rows, self._taken = await asyncio.to_thread(self._query), now
        context = self._context

        async def look() -> tuple[GatewayStatus, HealthState, list[Metric]]:
            return *context.look(), list(source_metrics(context.sources()))

        status, condition, sources = await in_ingest(context, look)
        collector = Collector(status, condition, self._requests, self._rows, context.clock.now())
        commands = counters("device_commands", "Commands to devices that reached a state, by state", "state")
        for state, count in sorted(context.commands.counts().items()):
            commands.add_metric([state], count)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collected([*collector.collect(), commands, *sources]))
        return generate_latest(registry)

    def _query(self) -> SqlCounts:
        context = self._context
        try:
            waiting = len(context.sql.inbox.waiting(MOST_WAITING))
            return SqlCounts(context.sql.queries.counts(), context.sql.deliveries.disabled(), waiting, known=True)
        except StoreError:
            return SqlCounts()


@dataclass(frozen=True, slots=True, eq=False)
class _Collected:
    """Families for the Prometheus library."""

    families: list[Metric]

    def collect(self) -> Iterator[Metric]:
        """All families."""
        yield from self.families


class Collector:
    """Families of the metrics at one moment (`now` µs)."""

    def __init__(
        self, status: GatewayStatus, condition: HealthState, requests: RequestCounts, rows: SqlCounts, now: int
    ) -> None:
        self._status, self._found, self._requests, self._rows = status, condition, requests, rows
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """All families."""
        yield gauge("ready", "1 while the gateway is live", float(self._status.ready))
        yield gauge("start_time_seconds", "Start, seconds since 1970", self._status.started / SECOND)
        yield from self._intake()
        yield from self._condition()
        yield from self._consumers()
        yield from self._engine()
        yield from self._journal()
        yield from self._desk()
        yield from self._deliveries()
        yield from self._tasks()

    def _intake(self) -> Iterator[Metric]:
        messages = counters("messages", "Messages and poll cycles by result", "source", "state")
        readings = counters(
            "readings", "Readings by result; from `stored` on, of all sources together", "source", "state"
        )
        lost = gauges("balance_messages", "Messages received and not accounted for: always 0", "source")
        lost_readings = gauges(
            "balance_readings",
            "Readings decoded and not accounted for: always 0; without a source: from decoding to the series store",
            "source",
        )
        intake = self._status.intake
        for source, b in intake.balances.items():
            for state in MESSAGE_STATES:
                messages.add_metric([source, state], getattr(b, state))
            messages.add_metric([source, "partial"], b.partial)
            for state, count in (
                ("decoded", b.decoded), ("journaled", b.readings_journaled), ("refused", b.readings_refused),
                ("in_flight", b.readings_in_flight), ("clamped", b.clamped), ("clock_suspect", b.suspect),
                ("implausible", b.implausible),
            ):  # fmt: skip
                readings.add_metric([source, state], count)
            lost.add_metric([source], b.received - b.journaled - b.duplicate - b.rejected - b.refused - b.in_flight)
            gone = b.readings_journaled + b.readings_refused + b.readings_in_flight
            lost_readings.add_metric([source], b.decoded - gone)
        self._stored(readings, lost_readings)
        yield from (messages, readings, lost, lost_readings)
        steps = counters(
            "clock_steps", "Steps of the gateway's clock: forward, back, or so little back that timers wait", "kind"
        )
        for kind, count in intake.clock_steps.items():
            steps.add_metric([kind], count)
        yield steps
        abnormal = counters("abnormal_readings", "Readings marked as abnormal, by reason", "reason")
        for word, count in intake.abnormal.items():
            abnormal.add_metric([word], count)
        yield abnormal
        behind = max(0, intake.newest - self._now)
        yield gauge("clock_behind_seconds", "Seconds that the gateway's clock is behind its journal", behind / SECOND)
        yield counter("state_texts_refused", "Texts of state points that were refused", self._status.texts_refused)
        yield gauge(
            "state_texts_refusing",
            "Points of devices that were refused texts and were not cleared since",
            len(self._status.refused_texts),
        )

    def _condition(self) -> Iterator[Metric]:
        """Current problems, by the same judgement as `/readyz`."""
        status, condition = self._status, self._found
        trouble = gauges("trouble", "1 while there is a problem with a part, source, endpoint or store", "area", "name")
        for name in ("disk", "clock", "rules", "configuration"):
            trouble.add_metric(["part", name], float(name in condition.parts))
        for name in status.sources:
            trouble.add_metric(["source", name], float(name in condition.sources))
        for name in status.endpoints:
            trouble.add_metric(["endpoint", name], float(name in condition.endpoints))
        for name in status.consumers.stores:
            trouble.add_metric(["store", name], float(name in condition.stores))
        yield trouble
        yield gauge("disk_free_bytes", "Free bytes on the disk of the data folder", condition.free)
        yield gauge("disk_floor_bytes", "Free bytes below which the journal does not grow", condition.floor)
        yield gauge("clamped_share", "Share of the newest readings whose time was impossible", condition.clamped)

    def _stored(self, readings: CounterMetricFamily, balance: GaugeMetricFamily) -> None:
        """Balance from decoding to the series store: what was journaled since the start against what was stored.
        Readings under way are counted on the journal's side, so that they cannot hide a loss."""
        consumers, total = self._status.consumers, self._status.intake.total
        written, replayed, upto = consumers.series.written, consumers.series.replayed, consumers.journaled
        settled = written.rows - replayed.rows
        under_way = total.readings_journaled - (settled if upto is None else upto)
        fill(readings, "", (
            ("stored", written.stored), ("duplicate", written.duplicate), ("expired", written.expired),
            ("conflict", written.conflict), ("replayed", replayed.rows), ("in_flight", under_way),
        ))  # fmt: skip
        accounted = settled + under_way + total.readings_refused + total.readings_in_flight
        balance.add_metric([""], total.decoded - accounted)

    def _engine(self) -> Iterator[Metric]:
        engine = self._status.engine
        yield gauge("engine_rules", "Rules in force", len(engine.rules))
        yield gauge("engine_rules_broken", "Rules whose newest source does not compile", len(engine.broken))
        judged = counters("engine_readings", "Readings evaluated by the rules, by result", "state")
        counts = engine.counts
        for state in ("judged", "late", "expired", "duplicate", "conflict", "unknown"):
            judged.add_metric([state], getattr(counts, state))
        yield judged
        reruns = counters("engine_reruns", "Re-evaluations after late readings, by result", "result")
        for result in ("reruns", "corrected", "unproven", "given_up", "cold"):
            reruns.add_metric([result], getattr(counts, result))
        yield reruns
        glitches = counters("engine_glitches", "Falls of counters that later readings disproved", "point")
        for point, count in sorted(engine.glitches.total.items()):
            glitches.add_metric([point], count)
        yield glitches

    def _consumers(self) -> Iterator[Metric]:
        consumers, head = self._status.consumers, self._status.journal.head
        lag = gauges("lag_records", "Journal records that a consumer has not processed yet", "consumer")
        lag.add_metric(["rules"], head - consumers.judged)
        lag.add_metric(["desk"], head - consumers.committed)
        lag.add_metric(["series"], head - consumers.series.cursor)
        yield lag
        yield from self._stores(consumers.stores, head)
        yield counter("transitions", "Transitions of alarms", consumers.transitions)
        latency = gauges(
            "order_latency_ms",
            "From the deciding reading (or due time) to the committed order",
            "decided_by",
            "quantile",
        )
        for kind, values in (("reading", consumers.by_reading), ("timer", consumers.by_timer)):
            for name, share in QUANTILES:
                if (value := quantile(list(values), share)) is not None:
                    latency.add_metric([kind, name], value)
        yield latency

    def _stores(self, stores: Mapping[str, StoreStatus], head: int) -> Iterator[Metric]:
        lag = gauges("store_lag_records", "Journal records that a store of readings does not have yet", "store")
        up = gauges("store_up", "1 while a store of readings takes what comes", "store")
        readings = counters("store_readings", "Readings by what became of them in a store", "store", "state")
        missed = counters("store_missed_records", "Journal records that a store never got", "store")
        filled = gauges("store_filled", "Share of the first store's history that a store has, 1 = all", "store")
        for name, one in stores.items():
            filled.add_metric([name], one.filled)
            lag.add_metric([name], head - one.progress.cursor)
            up.add_metric([name], float(one.error is None))
            missed.add_metric([name], one.missed)
            written = one.progress.written
            fill(
                readings,
                name,
                (
                    ("stored", written.stored),
                    ("duplicate", written.duplicate),
                    ("expired", written.expired),
                    ("conflict", written.conflict),
                    ("refused", written.refused),
                    ("replayed", one.progress.replayed.rows),
                ),
            )
        yield from (lag, up, readings, missed, filled)

    def _journal(self) -> Iterator[Metric]:
        stats = self._status.journal
        yield gauge("journal_head", "Newest sequence number", stats.head)
        yield counter("journal_commits", "Group commits", stats.commits)
        yield counter("journal_fsyncs", "Flushes to disk", stats.fsyncs)
        yield counter("journal_refused", "Appends refused because the journal was full", stats.refused)
        yield counter("journal_failed", "Commits that failed", stats.failed)
        yield counter("journal_deleted", "Records deleted by retention", stats.deleted)
        records = counters("journal_records", "Records written", "kind")
        for kind in RecordKind:
            records.add_metric([kind.name.lower()], stats.records.get(kind, 0))
        yield records
        yield counter("dead_letters_expired", "Dead letters whose content was deleted to keep the limit", stats.expired)
        yield gauge("journal_floor", "Newest sequence number below which records may be gone", stats.floor)
        yield gauge("journal_released", "Sequence number that every consumer has passed", stats.released)
        yield gauge("journal_waiting", "Appends that wait for their commit", stats.waiting)
        size = gauges("journal_bytes", "Size of the journal", "what")
        size.add_metric(["file"], stats.file_bytes)
        size.add_metric(["used"], stats.used_bytes)
        size.add_metric(["memory"], stats.memory_bytes)
        yield size
        yield gauge("journal_commit_seconds", "Longest commit", stats.latency_max / SECOND)
        yield gauge("journal_last_commit_seconds", "Last commit", stats.latency_last / SECOND)

    def _desk(self) -> Iterator[Metric]:
        if not self._rows.known:
            return
        counts = self._rows.counts
        orders = gauges("orders_open", "Open work orders", "state")
        overdue = gauges("orders_overdue", "Open work orders past the target of a clock of the SLA", "clock")
        waiting = gauges("deliveries_by_state", "Deliveries in the outbox", "state")
        families = {"orders": orders, "overdue": overdue, "deliveries": waiting}
        for name, count in counts.items():
            area, _, label = name.partition(".")
            if area in families:
                families[area].add_metric([label], count)
        for kind in ClockKind:
            if f"overdue.{kind.value}" not in counts:
                overdue.add_metric([kind.value], 0)
        yield from families.values()
        yield gauge("alarms_raised", "Alarms raised now", counts.get("alarms.raised", 0))
        yield gauge("facts_waiting", "Facts not in the journal yet", counts.get("facts.waiting", 0))
        yield gauge("callbacks_parked", "Callbacks received and not carried out", self._rows.callbacks)

    def _deliveries(self) -> Iterator[Metric]:
        attempts = counters("deliveries", "Deliveries by outcome", "endpoint", "state")
        breaker = gauges("endpoint_breaker", "1 for the state the breaker is in", "endpoint", "state")
        in_flight = gauges("endpoint_in_flight", "Deliveries under way", "endpoint")
        disabled = gauges("endpoint_disabled", "1 while the endpoint waits for a person to enable it", "endpoint")
        for name, stats in self._status.endpoints.items():
            for state in ("delivered", "retried", "dead"):
                attempts.add_metric([name, state], getattr(stats, state))
            for state in ("closed", "half_open", "open"):
                breaker.add_metric([name, state], float(stats.breaker == state))
            in_flight.add_metric([name], stats.in_flight)
            if self._rows.known:
                disabled.add_metric([name], float(name in self._rows.disabled))
        yield from (attempts, breaker, in_flight, disabled)

    def _tasks(self) -> Iterator[Metric]:
        restarts = counters("task_restarts", "Restarts of supervised tasks", "task")
        up = gauges("task_up", "1 while the task runs", "task")
        for name, task in self._status.tasks.items():
            restarts.add_metric([name], task.restarts)
            up.add_metric([name], float(task.up))
        yield from (restarts, up)
        yield counter("ticks_missed", "Ticks the journal did not take", self._status.intake.ticks_missed)
        answers = counters("api_answers", "HTTP answers", "status")
        for status, count in sorted(self._requests.answers.items()):
            answers.add_metric([str(status)], count)
        refused = counters("api_refused", "Logins and callbacks refused, by reason", "reason")
        for reason, count in sorted(self._requests.refused.items()):
            refused.add_metric([reason], count)
        yield from (answers, refused)
