"""`fieldgate tail`"""

import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from gateway.cli.live import running_gateway
from gateway.cli.options import main_file, report_language
from gateway.cli.problems import UNUSABLE, refuse
from gateway.domain.duration import SECOND, parse_duration
from gateway.domain.error_reasons import reason
from gateway.domain.errors import ConfigError, StoreError
from gateway.domain.text import Lang, localize
from gateway.domain.workorder import Role

if TYPE_CHECKING:
    import httpx

KINDS = ("message", "reading", "alarm", "order")
TIMEOUT = 30.0  # s per response; the gateway holds it back for 10 s when there is no event
EXIT = (1, 0)


@click.command("tail")
@main_file
@click.option("--device", default="", help="Only this device.", metavar="CODE")
@click.option("--site", default="", help="Only devices of this site.", metavar="CODE")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only this kind; may be repeated.")
@click.option("--for", "duration", help="End after this time: 10s, 5m.", metavar="DURATION")
@click.option("--once", is_flag=True, help="End after this number of lines.")
@report_language
def command(
    config: Path, device: str, site: str, kinds: tuple[str, ...], duration: str | None, once: bool, lang: Lang | None
) -> None:
    """Show what the running gateway receives and decides, as it happens: messages, readings, alarms, orders.

    Ends with Ctrl-C. Lines that come too fast are counted, not queued. Exit status 0, 1 when no gateway runs.

    \b
    Example: fieldgate tail --device CP-17 --kind alarm --kind order --for 10m
    """
    from gateway.settings.project import load_settings

    try:
        settings = load_settings(config)
    except ConfigError as error:
        refuse(error, lang or "zh")
    language: Lang = lang or settings.language
    lasts = _seconds(duration, language)
    filters = {"device": device, "site": site, "kind": list(kinds)}
    zone = ZoneInfo(settings.timezone)
    try:
        with running_gateway(settings, Role.OPERATOR, "tail", language, TIMEOUT) as client:
            for page in _pages(client, filters, lasts):
                if not page["begun"]:
                    click.echo(localize("tail.begin", language, url=client.base_url), err=True)
                for line in page["items"]:
                    click.echo(shown(line, language, zone))
                if page["skipped"]:
                    click.echo(localize("tail.skipped", language, count=page["skipped"]), err=True)
                if once and page["items"]:
                    break
    except KeyboardInterrupt:
        click.echo("", err=True)
    except BrokenPipeError:
        sys.stderr.close()
    except StoreError as error:
        click.echo(error.text(language), err=True)
        sys.exit(1)


def _seconds(duration: str | None, lang: Lang) -> float | None:
    """Duration in seconds; None = no end."""
    if duration is None:
        return None
    try:
        return parse_duration(duration) / SECOND
    except ValueError:
        click.echo(localize("config.type.duration", lang, written=repr(duration)), err=True)
        sys.exit(UNUSABLE)


def _pages(client: "httpx.Client", filters: dict[str, Any], lasts: float | None) -> Iterator[dict[str, Any]]:
    """Pages of events. The first page only carries the position `now`; `begun` is false for it."""
    import httpx

    where: dict[str, int] = {}
    end = float("inf")
    while time.monotonic() < end:
        left = max(0.2, min(TIMEOUT, end - time.monotonic()))
        try:
            answer = client.get("/v1/tail", params={**filters, **where}, timeout=left)
        except httpx.ReadTimeout:
            continue
        except httpx.TransportError as error:
            raise StoreError.of("tail.lost", url=client.base_url, error=reason(error)) from error
        if not answer.is_success:
            raise StoreError.of("tail.refused", status=answer.status_code, said=answer.json()["detail"])
        page: dict[str, Any] = {**answer.json(), "begun": bool(where)}
        if not where and lasts is not None:
            end = time.monotonic() + lasts
        where = {"after": page["next"], "event": page["next_event"]}
        yield page


def shown(line: dict[str, Any], lang: Lang, zone: ZoneInfo) -> str:
    """One event as a line."""
    at = datetime.fromisoformat(line["at"]).astimezone(zone).strftime("%H:%M:%S.%f")[:-3]
    kind = localize(f"tail.kind.{line['kind']}", lang)
    device = line["device"] or "-"
    match line["kind"]:
        case "message" if line["what"] == "taken":
            text = localize("tail.taken", lang, count=line["detail"])
        case "message":
            text = localize("tail.dead", lang, reason=line["what"], address=line["detail"])
        case "reading":
            point = f"{line['point']}#{line['component']}" if line["component"] else line["point"]
            text = f"{point} = {_value(line, lang)}"
        case _:
            detail = localize(f"word.level.{line['detail']}", lang) if line["kind"] == "alarm" else line["detail"]
            text = f"{_event_text(line, lang)} {detail}  {line[f'title_{lang}']}"
    return f"{at}  {kind}  {device}  {text}"


def _value(line: dict[str, Any], lang: Lang) -> str:
    value = line["value"]
    text = f"{value:.6g}" if isinstance(value, float | int) else (value if value is not None else "-")
    word = localize(f"word.quality.{line['what']}", lang)
    quality = "" if line["what"] == "good" else localize("tail.quality", lang, quality=word)
    return f"{text}{' ' + line['unit'] if line['unit'] else ''}{quality}"


def _event_text(line: dict[str, Any], lang: Lang) -> str:
    return localize(f"word.{'change' if line['kind'] == 'alarm' else 'event'}.{line['what']}", lang)
