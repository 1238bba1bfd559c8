"""`fieldgate demo`"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path

import click

from gateway.cli.options import report_language
from gateway.domain.duration import SECOND, parse_duration
from gateway.domain.text import Lang, localize


@click.command("demo")
@click.option("--for", "length", default="60s", show_default=True, help="Duration; the scenario takes 60 s.")
@click.option("--seed", default=7, show_default=True, help="The same seed gives the same values.")
@report_language
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write the account as JSON.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Keep all files in this folder.")
def command(length: str, seed: int, lang: Lang, report: Path | None, keep: Path | None) -> None:
    """A minute of Fieldgate on this machine: a real broker, simulated devices, faults, kill -9, an import, an account.

    Example: fieldgate demo --for 60s --seed 7 --lang en --report demo.json
    """
    try:
        seconds = parse_duration(length) / SECOND
    except ValueError as error:
        wrong = localize("config.type.duration", lang, written=repr(length))
        raise click.BadParameter(wrong, param_hint="--for") from error
    if seconds < 60:
        raise click.BadParameter(localize("demo.short", lang), param_hint="--for")
    try:
        import aiomqtt  # noqa: F401
        import iotcore  # noqa: F401
        import paho.mqtt  # noqa: F401
    except ImportError:
        raise click.ClickException(localize("demo.missing", lang)) from None
    with tempfile.TemporaryDirectory(prefix="fieldgate-demo-") as name:
        folder = keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        figures = _perform(folder, lang, seed, seconds)
    if report is not None:
        report.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", "utf-8")
    _judge(figures, lang)


def _perform(folder: Path, lang: Lang, seed: int, seconds: float) -> dict[str, object]:
    from gateway.cli.demo.demo_run import DemoRun
    from gateway.cli.demo.processes import DemoProcesses
    from gateway.cli.demo.view import DemoView
    from simulators.servers import iotcore

    with iotcore(folder / "broker") as broker:
        processes = DemoProcesses(folder, broker, lang, seed)
        try:
            with DemoView(lang) as view:
                return asyncio.run(DemoRun(processes, view, lang, seconds).run())
        finally:
            processes.close()


def _judge(figures: dict[str, object], lang: Lang) -> None:
    from gateway.cli.demo.demo_run import broken_promises

    click.echo(
        localize(
            "demo.verdict",
            lang,
            lost=figures["lost"],
            doubled=figures["doubled"],
            expected=figures["orders_expected"],
            arrived=figures["orders_at_oa"],
        )
    )
    if wrong := broken_promises(figures, lang):
        click.secho(localize("demo.bad", lang, what=localize("handbook.join", lang).join(wrong)), fg="red")
        click.echo(json.dumps(figures, ensure_ascii=False))
        sys.exit(1)
    click.secho(localize("demo.good", lang), fg="green")
