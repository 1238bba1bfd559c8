"""`fieldgate series export`"""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from gateway.cli.history_options import device_codes, moment, point_names, progress_bar
from gateway.cli.options import main_file, report_language
from gateway.cli.problems import UNUSABLE, refuse
from gateway.domain.byte_size import format_size
from gateway.domain.duration import DAY
from gateway.domain.error_reasons import reason
from gateway.domain.errors import ConfigError, GatewayError, InvariantBroken, Problem
from gateway.domain.language_values import as_text_field
from gateway.domain.text import Lang, localize

if TYPE_CHECKING:
    from gateway.backtest.installation import Installation
    from gateway.export import ExportRequest


@click.command("export")
@click.option("--parquet", "target", type=click.Path(path_type=Path), required=True, help="The file to write.")
@click.option("--from", "start", default="", help="Where it begins: 2026-05-01, or a time. [default: the oldest]")
@click.option("--to", "end", default="", help="Where it ends (not included). [default: now]")
@click.option("--devices", default="", help="Codes of devices, with commas between. [default: all]")
@click.option("--points", default="", help="Names of points, with commas between. [default: all]")
@main_file
@report_language
def export(target: Path, start: str, end: str, devices: str, points: str, config: Path, lang: Lang) -> None:
    """Write stored readings to a Parquet file, in order of time: codes, names, units, texts of states, quality.

    Works beside a running gateway and without one, with every store that can be read; memory stays bounded. Columns:
    `time` (UTC), `device`, `site`, `point`, `component`, `value`, `unit`, `text` (of a state), `quality`, `flags`,
    `received`; of corrected readings `original`, `original_quality`, `correction`.

    Exit status 0 done, 2 not done.

    Example: fieldgate series export --parquet june.parquet --from 2026-06-01 --to 2026-07-01
    """
    from gateway.backtest.installation import open_installation
    from gateway.export import export as write

    try:
        with open_installation(config, lang) as installation, progress_bar(lang) as (total, progress):
            wanted = _request(installation, (start, end), devices, points)
            made = write(installation, wanted, target, total, progress)
    except ConfigError as error:
        refuse(error, lang)
    except (GatewayError, InvariantBroken) as error:
        click.echo(as_text_field(reason(error), lang), err=True)
        sys.exit(UNUSABLE)
    click.echo(localize("export.done", lang, path=target, count=made.readings, size=format_size(made.bytes)))


def _request(installation: "Installation", span: tuple[str, str], devices: str, points: str) -> "ExportRequest":
    from gateway.export import ExportRequest

    known, zone, now = installation.known, ZoneInfo(installation.settings.timezone), time.time_ns() // 1000
    begin = moment(span[0], "--from", zone) if span[0] else now - installation.settings.history.retention
    stop = moment(span[1], "--to", zone) if span[1] else now + DAY
    if stop <= begin:
        raise ConfigError([Problem("--to", "", "backtest.order", {"start": span[0], "to": span[1]})])
    codes, names = set(device_codes(installation, devices)), set(point_names(installation, points))
    return ExportRequest(
        begin,
        stop,
        tuple(one.id for one in known.devices if one.code in codes) if codes else None,
        tuple(one.id for one in known.points if one.name in names) if names else None,
    )
