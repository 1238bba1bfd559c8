"""What commands on stored history have in common: moments, names of devices, a progress bar."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from gateway.domain.duration import to_us
from gateway.domain.errors import ConfigError, Problem
from gateway.domain.text import Lang, localize

if TYPE_CHECKING:
    from gateway.backtest.installation import Installation


def moment(text: str, option: str, zone: ZoneInfo) -> int:
    """µs of a date or time; without a zone it is local. Raises ConfigError."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ConfigError([Problem(option, "", "backtest.time", {"value": text, "zone": zone.key})]) from None
    return to_us(found if found.tzinfo is not None else found.replace(tzinfo=zone))


def device_codes(installation: "Installation", text: str) -> tuple[str, ...]:
    """Codes of devices with commas between. Raises ConfigError for one that is not known."""
    return _known(text, {device.code for device in installation.known.devices}, "--devices", "backtest.device")


def point_names(installation: "Installation", text: str) -> tuple[str, ...]:
    """Names of points with commas between. Raises ConfigError for one that is not known."""
    return _known(text, {point.name for point in installation.known.points}, "--points", "export.point")


def _known(text: str, known: set[str], option: str, key: str) -> tuple[str, ...]:
    chosen = tuple(one.strip() for one in text.split(",") if one.strip())
    wrong = [one for one in chosen if one not in known]
    if wrong:
        near = {one: ", ".join(get_close_matches(one, known, 3, 0.5) or sorted(known)[:3]) for one in wrong}
        raise ConfigError([Problem(option, "", key, {"value": one, "near": near[one]}) for one in wrong])
    return chosen


@contextmanager
def progress_bar(lang: Lang) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    """(total, advance): a progress bar on a terminal, otherwise no output."""
    if not sys.stderr.isatty():
        yield (lambda _: None), (lambda _: None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(localize("backtest.progress", lang), total=None)
        yield (lambda rows: bar.update(task, total=rows)), (lambda rows: bar.update(task, advance=rows))
