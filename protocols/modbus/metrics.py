"""What a Modbus source shows: families and their values."""

from collections import Counter
from collections.abc import Iterator

from gateway.domain.duration import SECOND
from gateway.domain.metric import MetricFamily, MetricSample, by_label
from protocols.modbus.stats import ModbusStats

METRICS = (
    MetricFamily("modbus_due", "Due times of poll cycles by what became of them", ("state",)),
    MetricFamily("modbus_polls", "Poll cycles made: answered and silent ones"),
    MetricFamily("modbus_polls_on_time", "Poll cycles that began and ended in time"),
    MetricFamily("modbus_unanswered", "Requests without a believable answer", ("reason",)),
    MetricFamily("modbus_exceptions", "Answers by exception code", ("code",)),
    MetricFamily("modbus_links_up", "Links that have a connection", (), "gauge"),
    MetricFamily("modbus_link_ups", "Times a link got a connection after it had none"),
    MetricFamily("modbus_units", "Units asked so far by what is known of them", ("presence",), "gauge"),
    MetricFamily("modbus_unplaced", "Devices that cannot be polled", (), "gauge"),
    MetricFamily("modbus_strays", "Frames nobody asked for"),
    MetricFamily("modbus_overruns", "Due times that passed while their link was busy with other polls", ("link",)),
    MetricFamily("modbus_link_busy_seconds", "Time spent with polls", ("link",)),
    MetricFamily(
        "modbus_link_planned", "Share of the time of a link that the plan takes, as estimated", ("link",), "gauge"
    ),
    MetricFamily("modbus_learned", "Limits in force that devices taught by refusing requests", ("kind",), "gauge"),
    MetricFamily("modbus_held", "Times a parcel had to wait for the journal"),
)


def samples(stats: ModbusStats) -> Iterator[MetricSample]:
    """All values now."""
    yield MetricSample("source_up", float(stats.connected))
    yield from by_label(
        "source_readings",
        ("journaled", stats.readings),
        ("bad", stats.bad),
        ("uncertain", stats.uncertain),
        ("undecodable", stats.undecodable),
    )
    yield from by_label(
        "modbus_due",
        ("answered", stats.answered),
        ("silent", stats.silent),
        ("overrun", stats.overruns),
        ("rest", stats.rests),
        ("unlinked", stats.unlinked),
    )
    yield MetricSample("modbus_polls", stats.polls)
    yield MetricSample("modbus_polls_on_time", stats.on_time)
    yield from by_label(
        "modbus_unanswered", ("timeout", stats.timeouts), ("garbled", stats.garbled), ("gateway", stats.gateway)
    )
    yield from by_label("modbus_exceptions", *((str(code), count) for code, count in sorted(stats.exceptions.items())))
    yield MetricSample("modbus_links_up", len(stats.linked))
    yield MetricSample("modbus_link_ups", stats.link_ups)
    presence = Counter(slave.presence.value for slave in stats.slaves.values())
    yield from by_label("modbus_units", *((state, presence[state]) for state in ("up", "down", "unknown")))
    yield MetricSample("modbus_unplaced", stats.unplaced)
    yield MetricSample("modbus_strays", stats.strays)
    yield from by_label("modbus_overruns", *sorted(stats.late.items()))
    yield from by_label("modbus_link_busy_seconds", *((link, us / SECOND) for link, us in sorted(stats.busy.items())))
    yield from by_label("modbus_link_planned", *sorted(stats.planned.items()))
    yield from by_label("modbus_learned", *((kind, stats.learned.get(kind, 0)) for kind in ("caps", "cuts", "holes")))
    yield MetricSample("modbus_held", stats.held)
