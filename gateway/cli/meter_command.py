"""`fieldgate meter`"""

import csv
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import click

from gateway.cli.api_call import REFUSED, LocalApi, refusal
from gateway.cli.options import main_file, report_language
from gateway.cli.readings.shown import amount, moment_of, when
from gateway.domain.error_reasons import reason
from gateway.domain.language_values import as_text_field
from gateway.domain.text import Lang, localize

form = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Output.")
REQUIRED = ("device", "point", "at")
NUMBERS = ("old_final", "new_start", "factor", "component")
COLUMNS = (*REQUIRED, *NUMBERS, "unit", "reason")


@click.group("meter")
def command() -> None:
    """Exchanges of meters: what a counter counts across them. The gateway must run.

    Example: fieldgate meter exchange GM-1 --point volume --at 2026-11-02T10:30 --old-final 15508.1 --new-start 0.2
    """


@command.command("exchange")
@click.argument("device")
@click.option("--point", required=True, help="Name of the counter.")
@click.option("--component", type=click.IntRange(0, 1000), default=0, help="Connector; 0 = the device itself.")
@click.option("--at", required=True, help="Time of the exchange.")
@click.option("--old-final", type=float, default=None, help="Last value of the old meter. [default: its last reading]")
@click.option("--new-start", type=float, default=0.0, show_default=True, help="First value of the new meter.")
@click.option("--factor", type=float, default=1.0, show_default=True, help="Values of the new meter times this.")
@click.option("--unit", default="", help="Unit of both values. [default: that of the point]")
@click.option("--reason", default="", help="A note; kept with the exchange.")
@click.option("--dry-run", is_flag=True, help="Show what would be counted, and change nothing.")
@main_file
@report_language
@form
def exchange(device: str, at: str, config: Path, lang: Lang | None, form: str, **options: Any) -> None:
    """Record that the meter of a counter of DEVICE was exchanged. The increase across it is counted, also days later:
    windows that closed meanwhile are corrected. Times without a zone are of the installation's zone.

    Exit status 0 recorded, 1 refused, 2 no gateway runs.

    Example: fieldgate meter exchange GM-1 --point volume --at 2026-11-02T10:30 --old-final 15508.1 --new-start 0.2
    """
    api = LocalApi(config, lang, "meter")
    body = {name: value for name, value in options.items() if value not in (None, "", False)}
    body |= {"device": device, "at": moment_of(api, at, "--at")}
    found = api("POST", "/v1/meter-exchanges", body)
    if form == "json":
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    click.echo(localize("meter.would" if options["dry_run"] else "meter.recorded", api.lang, **_fields(api, found)))
    last = when(api, found["last_at"]) if found["last_at"] else "-"
    value = amount(found["last"], found["unit"], api.lang)
    counted = amount(found["counted"], found["unit"], api.lang)
    click.echo("  " + localize("meter.counted", api.lang, last=value, at=last, counted=counted))
    if found["scaled"]:
        click.echo("  " + localize("meter.scaled", api.lang, count=found["scaled"]))


def _fields(api: LocalApi, one: dict[str, Any]) -> dict[str, str]:
    part = f"#{one['component']}" if one["component"] else ""
    return {
        "id": one["id"],
        "device": f"{one['device']}{part}",
        "point": one["point"],
        "at": when(api, one["at"]),
        "old": amount(one["old_final"], one["unit"], api.lang) if one["old_final"] is not None else "-",
        "new": amount(one["new_start"], one["unit"], api.lang),
        "factor": f"{one['factor']:g}",
    }


@command.command("exchanges")
@click.option("--device", default="", help="Code of a device. [default: all]")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="Lines.")
@main_file
@report_language
@form
def exchanges(device: str, limit: int, config: Path, lang: Lang | None, form: str) -> None:
    """List exchanges of meters, newest first.

    Example: fieldgate meter exchanges --device GM-1
    """
    api = LocalApi(config, lang, "meter")
    query: dict[str, str | int] = {"limit": limit} | ({"device": device} if device else {})
    items = api("GET", "/v1/meter-exchanges", query=query)["items"]
    if form == "json":
        click.echo(json.dumps(items, ensure_ascii=False, indent=2))
        return
    if not items:
        click.echo(localize("meter.none", api.lang))
    for one in items:
        line = localize("meter.line", api.lang, **_fields(api, one), actor=one["actor"])
        if one["undone_at"]:
            line += localize("readings.undone", api.lang, at=when(api, one["undone_at"]), actor=one["undone_by"])
        click.echo(line)


@command.command("undo")
@click.argument("exchange")
@click.option("--reason", required=True, help="Why; kept with the exchange.")
@main_file
@report_language
def undo(exchange: str, reason: str, config: Path, lang: Lang | None) -> None:
    """Take a recorded exchange back: rules judge again without it.

    Exit status 0 taken back, 1 refused, 2 no gateway runs.

    Example: fieldgate meter undo 4f1c --reason "another device"
    """
    from urllib.parse import quote

    api = LocalApi(config, lang, "meter")
    found = api("POST", f"/v1/meter-exchanges/{quote(exchange, safe='')}/undo", {"reason": reason})
    click.echo(localize("meter.taken_back", api.lang, **_fields(api, found)))


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Check every row, and change nothing.")
@main_file
@report_language
def take(file: Path, dry_run: bool, config: Path, lang: Lang | None) -> None:
    """Record the exchanges of a CSV file with a header: `device`, `point`, `at`; optional `old_final`, `new_start`,
    `factor`, `component`, `unit`, `reason`. Each row is recorded by itself; the same file again changes nothing.

    Exit status 0 all recorded, 1 some refused, 2 nothing was done.

    Example: fieldgate meter import exchanges.csv --dry-run
    """
    api = LocalApi(config, lang, "meter")
    rows = _rows(api, file)
    refused = 0
    for line, row in rows:
        body = _body(api, row)
        body |= {"dry_run": dry_run, "command_id": _key(row)}
        found = api("POST", "/v1/meter-exchanges", body, check=False)
        if "detail" in found:
            refused += 1
            click.echo(localize("meter.row", api.lang, line=line, why=" ".join(refusal(found))), err=True)
    key = "meter.checked" if dry_run else "meter.imported"
    click.echo(localize(key, api.lang, count=len(rows) - refused, refused=refused))
    sys.exit(REFUSED if refused else 0)


def _rows(api: LocalApi, file: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as source:
            reader = csv.DictReader(source)
            header = [name.strip() for name in reader.fieldnames or ()]
            rows = [(reader.line_num, {name.strip(): row[name] or "" for name in row if name}) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        api.fail(localize("meter.file", api.lang, file=file, error=as_text_field(reason(error), api.lang)))
    missing, unknown = [one for one in REQUIRED if one not in header], [one for one in header if one not in COLUMNS]
    if missing or unknown:
        known = ", ".join(COLUMNS)
        wrong = ", ".join([*missing, *unknown])
        api.fail(localize("meter.columns", api.lang, file=file, wrong=wrong, known=known))
    return rows


def _body(api: LocalApi, row: dict[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = {name: value.strip() for name, value in row.items() if value.strip() and name != "at"}
    for name in NUMBERS:
        if name in body:
            try:
                body[name] = int(body[name]) if name == "component" else float(body[name])
            except ValueError:
                continue  # the gateway refuses it, and names the field
    return body | {"at": moment_of(api, row["at"], "at")}


def _key(row: dict[str, str]) -> str:
    """The same for the same row, so that a repeat changes nothing."""
    text = "\x1f".join(row.get(name, "").strip() for name in COLUMNS if name != "reason")
    return f"csv-{hashlib.sha256(text.encode()).hexdigest()[:24]}"
