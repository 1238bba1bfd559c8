"""`fieldgate bench NAME`: measured figures, as JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

REPORT = click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), help="Also write the figures to this file."
)


def _print_figures(figures: dict[str, Any], report: Path | None) -> None:
    from gateway.cli.bench.machine import against, reference

    machine = reference()
    figures = figures | {"machine": machine, "to_machine": against(figures, machine)}
    text = json.dumps(figures, ensure_ascii=False)
    if report is not None:
        report.write_text(text + "\n", "utf-8")
    click.echo(text)


def _with_server(measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Figures of a benchmark that starts a mosquitto or a PostgreSQL. Raises ClickException when it is not there."""
    try:
        return measure()
    except FileNotFoundError as error:
        raise click.ClickException(str(error)) from error


@click.group("bench")
def command() -> None:
    """Measure this machine: ingest (against the raw limit of the same run), the rule engine, a restart, callers of the
    API, an idle gateway.

    `machine` is a fixed Python loop and a fixed NumPy pass of the same run, `to_machine` the figures against that loop.

    Example: fieldgate bench ingest --qos 1 --seconds 15 --report ingest.json
    """


@command.command("ingest")
@click.option("--qos", type=click.IntRange(0, 1), default=1, show_default=True)
@click.option("--seconds", type=click.FloatRange(4, 3600), default=30.0, show_default=True, help="All slices together.")
@click.option("--devices", type=click.IntRange(1, 100_000), default=10_000, show_default=True)
@click.option("--protocol", type=click.Choice(["5", "3.1.1"]), default="5", show_default=True)
@REPORT
def ingest(qos: int, seconds: float, devices: int, protocol: str, report: Path | None) -> None:
    """Raw ceiling (socket, MQTT 5, JSON, acks) and full pipeline in turn, on one mosquitto; needs mosquitto.

    Example: fieldgate bench ingest --qos 1 --seconds 15 --report ingest.json
    """
    from gateway.cli.bench.ingest import measure

    _print_figures(_with_server(lambda: measure(qos, seconds, devices, protocol)), report)


@command.command("http")
@click.option("--seconds", type=click.FloatRange(1, 3600), default=10.0, show_default=True)
@click.option("--devices", type=click.IntRange(1, 100_000), default=10_000, show_default=True)
@click.option("--connections", type=click.IntRange(1, 1_000), default=100, show_default=True)
@REPORT
def http(seconds: float, devices: int, connections: int, report: Path | None) -> None:
    """Pushes a second that are on disk when they are answered, by a whole gateway beside one load process.

    Example: fieldgate bench http --seconds 10 --report http.json
    """
    from gateway.cli.bench.http import measure

    _print_figures(measure(seconds, devices, connections), report)


@command.command("modbus")
@click.option("--seconds", type=click.FloatRange(1, 3600), default=10.0, show_default=True)
@click.option("--slaves", type=click.IntRange(1, 4_000), default=200, show_default=True)
@click.option("--registers", type=click.IntRange(1, 1_000), default=100, show_default=True, help="Of each slave.")
@click.option("--links", type=click.IntRange(1, 200), default=20, show_default=True, help="Connections.")
@click.option("--every", default="1s", show_default=True, help="Period of each slave.")
@REPORT
def modbus(seconds: float, slaves: int, registers: int, links: int, every: str, report: Path | None) -> None:
    """Registers a second by a whole gateway beside simulated devices: polls in time, CPU per tag, overruns, wrong
    values; and what one dead unit of thirty costs the others on a slow bus.

    Example: fieldgate bench modbus --seconds 10 --report modbus.json
    """
    from gateway.cli.bench.modbus import measure

    if not 1 <= -(-slaves // links) <= 247:
        raise click.UsageError(f"{slaves} slaves on {links} links are more than 247 unit ids on one")
    _print_figures(measure(seconds, slaves, registers, links, every), report)


@command.command("outage")
@click.option(
    "--outage", type=click.FloatRange(1, 86_400), default=600.0, show_default=True, help="Seconds without the store."
)
@click.option("--rate", type=click.FloatRange(1, 100_000), default=10_000.0, show_default=True, help="Messages/s.")
@click.option("--devices", type=click.IntRange(1, 100_000), default=10_000, show_default=True)
@REPORT
def outage(outage: float, rate: float, devices: int, report: Path | None) -> None:
    """A store that is away while messages come: readings lost, growth of memory, speed of catching up by the live rate.
    Needs PostgreSQL and mosquitto.

    Example: fieldgate bench outage --outage 600 --report outage.json
    """
    from gateway.cli.bench.outage import measure

    _print_figures(_with_server(lambda: measure(outage, rate, devices)), report)


@command.command("rules")
@click.option("--seconds", type=click.FloatRange(1, 600), default=5.0, show_default=True)
@click.option("--curve/--no-curve", default=True, show_default=True, help="Also windows, streaks, 2,000 rules.")
@REPORT
def rules(seconds: float, curve: bool, report: Path | None) -> None:
    """50 threshold/hold rules, 10 of them cross-point, over 10,000 devices at 1 % hits; then windows, statistics,
    streaks, a month that ends for 100,000 meters, rules that change with time alone, up to 2,000 rules over 30,000
    devices (time per batch, memory, loading, reloading).

    `ratio` is to one vectorised comparison per rule over the same batches: compare builds by it.

    Example: fieldgate bench rules --report rules.json
    """
    from gateway.cli.bench.rules import run_more, run_rules_bench

    figures: dict[str, Any] = {
        key: value if key == "hit_share" else round(value, 5) if key == "ratio" else round(value)
        for key, value in run_rules_bench(seconds).items()
    }
    if curve:
        figures |= run_more(seconds)
    _print_figures(figures, report)


@command.command("restart")
@click.option("--devices", type=click.IntRange(100, 100_000), default=20_000, show_default=True)
@REPORT
def restart(devices: int, report: Path | None) -> None:
    """Kill a gateway with 50 rules over so many devices and start it again: seconds until it is live; needs mosquitto.

    Example: fieldgate bench restart --report restart.json
    """
    from gateway.cli.bench.restart import measure

    _print_figures(_with_server(lambda: measure(devices)), report)


@command.command("backtest")
@click.option("--readings", type=click.IntRange(200_000, 1_000_000_000), default=16_000_000, show_default=True)
@REPORT
def backtest(readings: int, report: Path | None) -> None:
    """Backtest ten rules (holds, levels, windows, a streak, silence) on the history of 1,000 devices, from DuckDB to
    episodes.

    Example: fieldgate bench backtest --report backtest.json
    """
    from gateway.cli.bench.backtest import run_backtest_bench

    _print_figures({key: round(value) for key, value in run_backtest_bench(readings).items()}, report)


@command.command("stores")
@click.option("--seconds", type=click.FloatRange(1, 600), default=5.0, show_default=True, help="For each store.")
@REPORT
def stores(seconds: float, report: Path | None) -> None:
    """Rows/s into each store of readings, through its adapter, in the batches of a gateway that catches up. A store
    that has no server or simulator on this machine has no figure.

    Example: fieldgate bench stores --report stores.json
    """
    from gateway.cli.bench.stores import measure

    _print_figures(measure(seconds), report)


@command.command("desk")
@click.option("--seconds", type=click.FloatRange(0.1, 3600), default=12.0, show_default=True, help="Time of the desk.")
@click.option("--database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite", show_default=True)
@click.option("--lists", is_flag=True, help="Instead: 100,000 orders, and the time of each list and count.")
@REPORT
def desk(seconds: float, database: str, lists: bool, report: Path | None) -> None:
    """Orders a second from alarms over 30,000 devices, each with clocks, audit, event and delivery, in transactions
    that are on disk; then 5,000 alarms at once, and commands of people one by one. PostgreSQL needs its programs here.

    Example: fieldgate bench desk --database postgresql --report desk.json
    """
    from gateway.cli.bench import desk as orders
    from gateway.cli.bench import desk_lists

    _print_figures(
        _with_server(lambda: desk_lists.measure(database) if lists else orders.measure(database, seconds)), report
    )


@command.command("delivery")
@click.option("--events", type=click.IntRange(300, 100_000), default=3_000, show_default=True)
@REPORT
def delivery(events: int, report: Path | None) -> None:
    """Webhooks from a queue on disk: events a second to one endpoint while another never answers, and how soon a
    critical event is received that is queued behind minor ones. `ratio` is to plain posts by the same client.

    Example: fieldgate bench delivery --report delivery.json
    """
    from gateway.cli.bench.delivery import measure

    _print_figures(measure(events), report)


@command.command("idle")
@click.option(
    "--seconds",
    type=click.FloatRange(5, 3600),
    default=60.0,
    show_default=True,
    help="Duration, measured twice: memory and CPU, then syncs.",
)
@REPORT
def idle(seconds: float, report: Path | None) -> None:
    """A gateway at which nothing arrives: memory, share of a core, syncs a minute (by strace); needs mosquitto.

    Example: fieldgate bench idle --report idle.json
    """
    from gateway.cli.bench.idle import measure

    _print_figures(_with_server(lambda: measure(seconds)), report)


@command.command("api")
@click.option(
    "--seconds",
    type=click.FloatRange(2, 600),
    default=10.0,
    show_default=True,
    help="Duration without load, and again under load.",
)
@REPORT
def api(seconds: float, report: Path | None) -> None:
    """From PUBLISH to PUBACK, and answers about health, under 600 idle connections, four bodies in chunks of one byte
    and 100 requests a second; `quiet_…`: with the requests alone.

    Example: fieldgate bench api --report api.json
    """
    from gateway.cli.bench.api import measure

    _print_figures(measure(seconds), report)
