"""`fieldgate rules backtest`"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from gateway.cli.history_options import device_codes, moment, progress_bar
from gateway.cli.options import main_file, report_language
from gateway.cli.problems import UNUSABLE, refuse
from gateway.domain.error_reasons import reason
from gateway.domain.errors import ConfigError, GatewayError, InvariantBroken, Problem
from gateway.domain.language_values import as_text_field
from gateway.domain.text import Lang, localize

if TYPE_CHECKING:
    from gateway.backtest.installation import Installation
    from rules.compiled import Rule

IN_FORCE = ""
"""`--compare` without a file."""


@click.command("backtest")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--from", "start", required=True, help="Start: 2026-05-01, or a time; without zone: local.")
@click.option("--to", "end", required=True, help="End (not included).")
@main_file
@click.option("--devices", default="", help="Codes of the devices to judge, with commas between. [default: all]")
@click.option(
    "--compare",
    is_flag=False,
    flag_value=IN_FORCE,
    default=None,
    metavar="[RULES]",
    help="Compare with this file or folder; without a value: with the rules in force that have the same ids.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Output format.")
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="Rows of a list; 0 = all.")
@click.option(
    "--plot", type=click.Path(path_type=Path, file_okay=False), help="Folder for an SVG of each episode shown."
)
@report_language
def backtest(
    paths: Sequence[Path],
    start: str,
    end: str,
    config: Path,
    devices: str,
    compare: str | None,
    form: str,
    limit: int,
    plot: Path | None,
    lang: Lang,
) -> None:
    """Show which alarms rules would have raised on stored history, whatever their `mode`. Reads only; nothing is sent
    or stored.

    The same engine as live, on readings sorted by time, without down-time, with the devices and attributes of today.
    Works beside a running gateway (its open files are read through its API) and without one; while it reads the files
    of a stopped gateway, that gateway cannot be started. Latched alarms and those that end by an act of the desk stay
    on.

    Example: fieldgate rules backtest config/rules/gas.yaml --from 2026-01-01 --to 2026-07-01 --compare
    """
    from gateway.backtest.installation import open_installation

    try:
        with open_installation(config, lang) as installation:
            _backtest(installation, paths, (start, end), devices, compare, form, limit, plot)
    except ConfigError as error:
        refuse(error, lang)
    except (GatewayError, InvariantBroken) as error:
        click.echo(as_text_field(reason(error), lang), err=True)
        sys.exit(UNUSABLE)


def _backtest(
    installation: "Installation",
    paths: Sequence[Path],
    span: tuple[str, str],
    devices: str,
    compare: str | None,
    form: str,
    limit: int,
    plot: Path | None,
) -> None:
    from gateway.backtest.backtest import BacktestRequest, run
    from gateway.backtest.report import as_json, as_text

    lang, zone = installation.lang, ZoneInfo(installation.settings.timezone)
    begin, stop = moment(span[0], "--from", zone), moment(span[1], "--to", zone)
    if stop <= begin:
        raise ConfigError([Problem("--to", "", "backtest.order", {"start": span[0], "to": span[1]})])
    rules, other = _rules(installation, paths, compare)
    wanted = BacktestRequest(rules, begin, stop, device_codes(installation, devices), other)
    with progress_bar(lang) as (total, progress):
        outcome = run(installation, wanted, total, progress)
    if form == "json":
        click.echo(json.dumps(as_json(outcome), ensure_ascii=False, indent=1))
    else:
        for line in as_text(outcome, lang, limit, compare or localize("backtest.in_force", lang)):
            click.echo(line)
    if plot is not None:
        from gateway.explain.charts import draw_all

        count = draw_all(installation, outcome, plot, limit)
        click.echo(localize("backtest.plotted", lang, count=count, folder=plot), err=True)


def _rules(
    installation: "Installation", paths: Sequence[Path], compare: str | None
) -> "tuple[list[Rule], list[Rule] | None]":
    """The rules to judge, and the rules to compare with."""
    from rules.format import compile_source

    rules = _loaded(installation, paths)
    if compare is None:
        return rules, None
    if compare != IN_FORCE:
        return rules, _loaded(installation, [Path(compare)])
    ids = {rule.id for rule in rules}
    old = [compile_source(fact.source) for name, fact in installation.rules_in_force().items() if name in ids]
    if not old:
        raise ConfigError([Problem("--compare", "", "backtest.none_in_force", {"rules": ", ".join(sorted(ids))})])
    return rules, old


def _loaded(installation: "Installation", paths: Sequence[Path]) -> "list[Rule]":
    from gateway.cli.rules.files import files, load, unique
    from rules.format import merge

    problems: list[Problem] = []
    names = installation.names()
    loaded = [load(file, names, problems) for file in files(paths, problems)]
    live = [one for one in loaded if one is not None and one.rules and not (one.tests.own or one.tests.use)]
    rules, wrong = merge(live)
    problems += wrong
    if not rules and not problems:
        problems.append(Problem("RULES", "", "backtest.no_rules", {"paths": ", ".join(map(str, paths))}))
    if problems:
        raise ConfigError(unique(problems))
    return list(rules)
