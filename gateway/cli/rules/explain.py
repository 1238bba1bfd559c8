"""`fieldgate rules explain`"""

import sys
from pathlib import Path

import click

from gateway.cli.options import main_file, report_language
from gateway.cli.problems import UNUSABLE, refuse
from gateway.domain.error_reasons import reason
from gateway.domain.errors import CommandError, ConfigError, GatewayError, InvariantBroken, Problem
from gateway.domain.language_values import as_text_field
from gateway.domain.text import Lang, localize


@click.command("explain")
@click.argument("what", metavar="ALARM_ID|ORDER_NO")
@main_file
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw it to this .svg file.")
@report_language
def explain(what: str, config: Path, plot: Path | None, lang: Lang) -> None:
    """Explain why an alarm was raised: readings, signals, thresholds and their sources, its timeline, what was done.

    With the number of an order: every alarm in it. Includes alarms in shadow. Works beside a running gateway and
    without one. Pictures are SVG, for any browser. Exit status 2: there is no such alarm, or it cannot be read.

    Example: fieldgate rules explain 0-1042-0 --plot why.svg
    Example: fieldgate rules explain WO-20261130-00001
    """
    from gateway.backtest.installation import open_installation
    from gateway.explain.alarm_history import alarm_history, order_history, zone_of
    from gateway.explain.charts import chart_of
    from gateway.explain.page import order_page, page

    try:
        _drawable(plot)
        with open_installation(config, lang) as installation:
            order = order_history(installation, what.strip())
            histories = order.histories if order is not None else [alarm_history(installation, what.strip())]
            zones = [zone_of(installation, history) for history in histories]
            lines = (
                order_page(order, zones, installation.lang)
                if order is not None
                else page(histories[0], zones[0], installation.lang)
            )
            for line in lines:
                click.echo(line)
            for n, (history, zone) in enumerate(zip(histories, zones, strict=True)):
                if plot is not None:
                    path = plot if n == 0 else plot.with_stem(f"{plot.stem}-{n + 1}")
                    path.write_text(chart_of(history, zone, installation.lang), "utf-8")
                    click.echo(localize("explain.plotted", installation.lang, path=path), err=True)
    except ConfigError as error:
        refuse(error, lang)
    except CommandError as error:
        click.echo(error.detail, err=True)
        sys.exit(UNUSABLE)
    except (GatewayError, InvariantBroken, OSError) as error:
        click.echo(as_text_field(reason(error), lang), err=True)
        sys.exit(UNUSABLE)


def _drawable(plot: Path | None) -> None:
    if plot is not None and plot.suffix.lower() != ".svg":
        raise ConfigError([Problem("--plot", "", "explain.svg", {"path": plot})])
