"""`fieldgate bench ingest|rules`: measured figures, as JSON for scripts."""

import json
from pathlib import Path
from typing import Any

import click

REPORT = click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Also write the figures here.")


def _tell(figures: dict[str, Any], report: Path | None) -> None:
    text = json.dumps(figures, ensure_ascii=False)
    if report is not None:
        report.write_text(text + "\n", "utf-8")
    click.echo(text)


@click.group("bench")
def command() -> None:
    """Measure this machine: ingest (against the raw limit of the same run) and the rule engine.

    Example: fieldgate bench ingest --qos 1 --seconds 15 --report ingest.json
    """


@command.command("ingest")
@click.option("--qos", type=click.IntRange(0, 1), default=1, show_default=True)
@click.option("--seconds", type=click.FloatRange(4, 3600), default=15.0, show_default=True, help="All slices together.")
@click.option("--devices", type=click.IntRange(1, 100_000), default=10_000, show_default=True)
@REPORT
def ingest(qos: int, seconds: float, devices: int, report: Path | None) -> None:
    """Raw ceiling (socket, MQTT 5, JSON, acks) and full pipeline in turn, on one mosquitto; needs mosquitto.

    Example: fieldgate bench ingest --qos 1 --seconds 15 --report ingest.json
    """
    from gateway.cli.bench.ingest import measure

    try:
        figures = measure(qos, seconds, devices)
    except FileNotFoundError as error:
        raise click.ClickException(str(error)) from error
    _tell(figures, report)


@command.command("rules")
@click.option("--seconds", type=click.FloatRange(1, 600), default=5.0, show_default=True)
@REPORT
def rules(seconds: float, report: Path | None) -> None:
    """50 threshold/hold rules, 10 of them cross-point, over 10,000 devices at 1 % hits.

    Example: fieldgate bench rules --report rules.json
    """
    from gateway.cli.bench.rules import run_rules_bench

    _tell({k: v if k == "hit_share" else round(v) for k, v in run_rules_bench(seconds).items()}, report)
