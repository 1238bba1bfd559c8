"""`fieldgate readings`"""

import json
from pathlib import Path
from typing import Any

import click

from gateway.cli.api_call import LocalApi
from gateway.cli.options import main_file, report_language
from gateway.cli.readings.shown import amount, moment_of, when
from gateway.domain.text import Lang, localize

form = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Output.")


@click.group("readings")
def command() -> None:
    """Abnormal readings, and corrections of stored ones. The gateway must run.

    Example: fieldgate readings abnormal --device GM-1
    """


@command.command("abnormal")
@click.option("--device", default="", help="Code of a device. [default: all]")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="Lines of each list.")
@main_file
@report_language
@form
def abnormal(device: str, limit: int, config: Path, lang: Lang | None, form: str) -> None:
    """Count readings that were marked as abnormal, by device, point and reason, and list the newest of them.

    Example: fieldgate readings abnormal --device GM-1
    """
    api = LocalApi(config, lang, "readings")
    query: dict[str, str | int] = {"limit": limit} | ({"device": device} if device else {})
    found = api("GET", "/v1/abnormal-readings", query=query)
    if form == "json":
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    if not found["counts"]:
        click.echo(localize("readings.none_abnormal", api.lang))
    for one in found["counts"]:
        click.echo(localize("readings.count", api.lang, **_place(api, one), count=one["count"], last=_last(api, one)))
    if found["recent"]:
        click.echo("\n" + localize("readings.recent", api.lang))
    for one in found["recent"]:
        value = amount(one["value"], one["unit"], api.lang)
        click.echo("  " + localize("readings.mark", api.lang, **_place(api, one), at=when(api, one["at"]), value=value))


def _place(api: LocalApi, one: dict[str, Any]) -> dict[str, str]:
    part = f"#{one['component']}" if one["component"] else ""
    reason = localize(f"readings.reason.{one['reason']}", api.lang)
    return {"device": f"{one['device']}{part}", "point": one["point"], "reason": reason}


def _last(api: LocalApi, one: dict[str, Any]) -> str:
    return f"{when(api, one['last_at'])}, {amount(one['last_value'], one['unit'], api.lang)}"


@command.command("correct")
@click.argument("device")
@click.option("--point", required=True, help="Name of the point.")
@click.option("--component", type=click.IntRange(0, 1000), default=0, help="Connector; 0 = the device itself.")
@click.option("--at", default="", help="Time of the one reading.")
@click.option("--from", "start", default="", help="Begin of a range of readings.")
@click.option("--to", "end", default="", help="End of the range (not included).")
@click.option("--value", default=None, help="The right value, or the text of a state.")
@click.option("--bad", is_flag=True, help="The readings are no data.")
@click.option("--factor", type=float, default=None, help="New value = old value * FACTOR + OFFSET.")
@click.option("--offset", type=float, default=None, help="See --factor.")
@click.option("--unit", default="", help="Unit of --value or --offset. [default: that of the point]")
@click.option("--reason", required=True, help="Why; kept with the correction.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@main_file
@report_language
@form
def correct(
    device: str, config: Path, lang: Lang | None, form: str, start: str, end: str, at: str, **options: Any
) -> None:
    """Correct stored readings of DEVICE: one, a range that is no data, or a range in a wrong unit. The originals are
    kept, rules judge again. Times without a zone are of the installation's zone.

    Exit status 0 corrected, 1 refused, 2 no gateway runs.

    \b
    Example: fieldgate readings correct GM-1 --point pressure --at 2026-11-02T08:00 --value 2.1 --reason "typed wrong"
             fieldgate readings correct GM-1 --point used --from 2026-11-01 --to 2026-11-03 --factor 0.001 --reason Wh
    """
    api = LocalApi(config, lang, "readings")
    body = {name: value for name, value in options.items() if value not in (None, "", False)} | {"device": device}
    for name, text in (("at", at), ("start", start), ("end", end)):
        if text:
            body[name] = moment_of(api, text, {"start": "--from", "end": "--to"}.get(name, "--at"))
    body["value"] = _number(options["value"])
    found = api("POST", "/v1/corrections", {key: value for key, value in body.items() if value is not None})
    if form == "json":
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    key = "readings.would" if options["dry_run"] else "readings.corrected"
    click.echo(localize(key, api.lang, count=found["readings"], judged=found["judged"], id=found["id"]))
    for one in found["changes"]:
        before, after = (amount(one[name], found["unit"], api.lang) for name in ("before", "after"))
        click.echo(f"  {when(api, one['at'])}  {before} -> {after}")
    if found["next"]:
        click.echo("  …")


def _number(text: str | None) -> float | str | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return text


@command.command("corrections")
@click.option("--device", default="", help="Code of a device. [default: all]")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="Lines.")
@main_file
@report_language
@form
def corrections(device: str, limit: int, config: Path, lang: Lang | None, form: str) -> None:
    """List corrections, newest first: who, when, why, and whether they were taken back.

    Example: fieldgate readings corrections --device GM-1
    """
    api = LocalApi(config, lang, "readings")
    query: dict[str, str | int] = {"limit": limit} | ({"device": device} if device else {})
    items = api("GET", "/v1/corrections", query=query)["items"]
    if form == "json":
        click.echo(json.dumps(items, ensure_ascii=False, indent=2))
        return
    if not items:
        click.echo(localize("readings.no_corrections", api.lang))
    for one in items:
        part = f"#{one['component']}" if one["component"] else ""
        what = localize(
            f"readings.kind.{one['kind']}",
            api.lang,
            value=amount(one["value"], one["unit"], api.lang),
            factor=f"{one['factor']:g}",
            offset=f"{one['offset']:g}",
        )
        fields = {"device": f"{one['device']}{part}", "what": what, "at": when(api, one["at"])}
        names = ("id", "point", "actor", "reason", "readings")
        line = localize("readings.correction", api.lang, **fields, **{name: one[name] for name in names})
        if one["undone_at"]:
            line += localize("readings.undone", api.lang, at=when(api, one["undone_at"]), actor=one["undone_by"])
        click.echo(line)


@command.command("undo")
@click.argument("correction")
@click.option("--reason", required=True, help="Why; kept with the correction.")
@main_file
@report_language
def undo(correction: str, reason: str, config: Path, lang: Lang | None) -> None:
    """Take a correction back: the originals are written again.

    Exit status 0 taken back, 1 refused, 2 no gateway runs.

    Example: fieldgate readings undo 4f1c --reason "it was right"
    """
    from urllib.parse import quote

    api = LocalApi(config, lang, "readings")
    found = api("POST", f"/v1/corrections/{quote(correction, safe='')}/undo", {"reason": reason})
    click.echo(localize("readings.taken_back", api.lang, id=found["id"], count=found["readings"]))
