"""What the sources count, as metrics."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import Metric

from gateway.api.metric_families import counters, fill, gauges
from protocols.modbus.stats import ModbusStats
from protocols.mqtt.stats import Stats as MqttStats


def source_metrics(sources: Mapping[str, Any]) -> Iterator[Metric]:
    """All families; `sources` by name. A family without a source of its protocol stays empty."""
    rejected = counters("dead_letters", "Messages of which something could not be used", "source", "reason")
    up = gauges("source_up", "1 while the source is connected (Modbus: at least one link)", "source")
    for name, source in sources.items():
        dead = Counter(getattr(source.stats, "rejected", {})) + Counter(getattr(source.stats, "partial", {}))
        fill(rejected, name, ((str(reason), count) for reason, count in dead.items()))
        if hasattr(source.stats, "connected"):
            up.add_metric([name], float(source.stats.connected))
    yield from (rejected, up)
    mqtt = {name: source.stats for name, source in sources.items() if isinstance(source.stats, MqttStats)}
    modbus = {name: source.stats for name, source in sources.items() if isinstance(source.stats, ModbusStats)}
    yield from _readings(mqtt, modbus)
    yield from _messages(mqtt)
    yield _unused(mqtt)
    yield from _sessions(mqtt)
    yield from _polls(modbus)
    yield from _links(modbus)


def _readings(mqtt: Mapping[str, MqttStats], modbus: Mapping[str, ModbusStats]) -> Iterator[Metric]:
    readings = counters("source_readings", "Readings by what the source saw in them", "source", "state")
    for name, stats in mqtt.items():
        fill(readings, name, (
            ("journaled", stats.readings), ("bad", stats.bad_values), ("uncertain", stats.uncertain),
            ("bad_elements", stats.bad_elements), ("state_overflow", stats.state_overflow),
        ))  # fmt: skip
    for name, polled in modbus.items():
        fill(readings, name, (
            ("journaled", polled.readings), ("bad", polled.bad), ("uncertain", polled.uncertain),
            ("undecodable", polled.undecodable),
        ))  # fmt: skip
    yield readings


def _messages(mqtt: Mapping[str, MqttStats]) -> Iterator[Metric]:
    messages = counters("source_messages", "MQTT messages by what became of them", "source", "state")
    waiting = gauges("source_waiting_messages", "Received, not on disk yet", "source")
    size = gauges("source_waiting_bytes", "Payload bytes received, not on disk yet", "source")
    balance = gauges("balance_source_messages", "Received less what is accounted for: 0, always", "source")
    for name, stats in mqtt.items():
        rejected = stats.rejected.total()
        gone = stats.journaled + stats.duplicates + rejected + stats.ignored + stats.returned + stats.lost
        fill(messages, name, (
            ("received", stats.received), ("journaled", stats.journaled), ("duplicate", stats.duplicates),
            ("rejected", rejected), ("ignored", stats.ignored), ("returned", stats.returned), ("lost", stats.lost),
        ))  # fmt: skip
        waiting.add_metric([name], stats.waiting)
        size.add_metric([name], stats.bytes_waiting)
        balance.add_metric([name], stats.received - gone - stats.waiting)
    yield from (messages, waiting, size, balance)


def _unused(mqtt: Mapping[str, MqttStats]) -> Metric:
    unused = counters("unused", "Values of journaled messages that nobody used", "source", "route", "reason")
    for name, stats in mqtt.items():
        for (route, reason), count in list(stats.unused.totals.items()):
            unused.add_metric([name, str(route), reason], count)
    return unused


def _sessions(mqtt: Mapping[str, MqttStats]) -> Iterator[Metric]:
    connects = counters("source_connects", "Connections made", "source")
    disconnects = counters("source_disconnects", "Connections that ended by themselves", "source")
    pauses = counters("source_pauses", "Times reading was held back", "source")
    misfits = gauges("source_misfits", "Points a route cannot fill", "source")
    for name, stats in mqtt.items():
        connects.add_metric([name], stats.connects)
        disconnects.add_metric([name], stats.disconnects)
        pauses.add_metric([name], stats.pauses)
        misfits.add_metric([name], stats.misfits)
    yield from (connects, disconnects, pauses, misfits)


def _polls(modbus: Mapping[str, ModbusStats]) -> Iterator[Metric]:
    due = counters("modbus_due", "Due times of poll cycles by what became of them", "source", "state")
    polls = counters("modbus_polls", "Poll cycles made: answered and silent ones", "source")
    on_time = counters("modbus_polls_on_time", "Poll cycles that began and ended in time", "source")
    unanswered = counters("modbus_unanswered", "Requests without a believable answer", "source", "reason")
    exceptions = counters("modbus_exceptions", "Answers by exception code", "source", "code")
    for name, stats in modbus.items():
        fill(due, name, (
            ("answered", stats.answered), ("silent", stats.silent), ("overrun", stats.overruns),
            ("rest", stats.rests), ("unlinked", stats.unlinked),
        ))  # fmt: skip
        polls.add_metric([name], stats.polls)
        on_time.add_metric([name], stats.on_time)
        fill(unanswered, name, (
            ("timeout", stats.timeouts), ("garbled", stats.garbled), ("gateway", stats.gateway),
        ))  # fmt: skip
        fill(exceptions, name, ((str(code), count) for code, count in sorted(stats.exceptions.items())))
    yield from (due, polls, on_time, unanswered, exceptions)


def _links(modbus: Mapping[str, ModbusStats]) -> Iterator[Metric]:
    links = gauges("modbus_links_up", "Links that have a connection", "source")
    units = gauges("modbus_units", "Units asked so far by what is known of them", "source", "presence")
    unplaced = gauges("modbus_unplaced", "Devices that cannot be polled", "source")
    strays = counters("modbus_strays", "Frames nobody asked for", "source")
    held = counters("modbus_held", "Times a parcel had to wait for the journal", "source")
    for name, stats in modbus.items():
        links.add_metric([name], len(stats.linked))
        presence = Counter(slave.presence.value for slave in stats.slaves.values())
        fill(units, name, ((state, presence[state]) for state in ("up", "down", "unknown")))
        unplaced.add_metric([name], stats.unplaced)
        strays.add_metric([name], stats.strays)
        held.add_metric([name], stats.held)
    yield from (links, units, unplaced, strays, held)
