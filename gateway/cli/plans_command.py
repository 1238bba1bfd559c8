"""`fieldgate plans`"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from gateway.cli.options import main_file, report_language
from gateway.domain.text import Lang, localize

output = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Output.")


@click.group("plans")
def command() -> None:
    """Maintenance plans: their numbers, the next dates, and how much of what was planned is done.

    The gateway must run. Exit status 0, 1 no such plan, 2 no gateway runs.

    Example: fieldgate plans list
    """


@command.command("list")
@main_file
@report_language
@output
def list_command(config: Path, lang: Lang | None, form: str) -> None:
    """Show every plan: what it covers, what is open and overdue, and its next date.

    Example: fieldgate plans list
    """
    from gateway.cli.api_call import LocalApi

    api = LocalApi(config, lang, "plans")
    found: list[dict[str, Any]] = api("GET", "/v1/plans")
    if _as_json(found, form):
        return
    if not found:
        click.echo(localize("plans.cli.none", api.lang))
    for plan in found:
        fields = {"id": plan["id"], "title": plan["title"][api.lang], "open": plan["open"], "overdue": plan["overdue"]}
        key = "plans.cli.of_rule" if plan["kind"] == "rule" else "plans.cli.of_dates"
        due = plan["next_due"] or localize("plans.cli.no_date", api.lang)
        click.echo(localize(key, api.lang, **fields, rule=plan["rule"], things=plan["things"], due=due))
        if plan["undated"]:
            click.echo(f"  {localize('plans.cli.undated', api.lang, count=plan['undated'])}")


@command.command("dates")
@click.argument("plan")
@main_file
@report_language
@output
def dates_command(plan: str, config: Path, lang: Lang | None, form: str) -> None:
    """Show what PLAN covers, each with its next date.

    Example: fieldgate plans dates charger_quarterly
    """
    from gateway.cli.api_call import LocalApi

    api = LocalApi(config, lang, "plans")
    found: list[dict[str, Any]] = []
    query: dict[str, str | int] = {"limit": 500}
    while True:
        page = api("GET", f"/v1/plans/{plan}/things", query=query)
        found += page["items"]
        if not page["next"]:
            break
        query["cursor"] = page["next"]
    if _as_json(found, form):
        return
    for one in found:
        click.echo(f"{_name(one['place']):<24} {_date(one, api.lang)}")


@command.command("coverage")
@click.argument("plan")
@click.option("--by", type=click.Choice(["area", "site"]), default="area", show_default=True, help="One line for each.")
@main_file
@report_language
@output
def coverage_command(plan: str, by: str, config: Path, lang: Lang | None, form: str) -> None:
    """Show how much of PLAN was done in the last 365 days, by area or site.

    Example: fieldgate plans coverage gas_inspection --by site
    """
    from gateway.cli.api_call import LocalApi

    api = LocalApi(config, lang, "plans")
    found: list[dict[str, Any]] = api("GET", f"/v1/plans/{plan}/coverage", query={"by": by})
    if _as_json(found, form):
        return
    for one in found:
        share = "-" if one["share"] is None else f"{one['share']:.1%}"
        fields = {name: one[name] for name in ("due", "done", "open", "overdue", "missed", "skipped")}
        line = localize("plans.cli.coverage", api.lang, of=one["of"] or "-", share=share, **fields)
        click.echo(line)
    if not found:
        click.echo(localize("plans.cli.nothing", api.lang))


def _as_json(found: Sequence[Mapping[str, Any]], form: str) -> bool:
    if form == "json":
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    return form == "json"


def _name(place: Mapping[str, Any]) -> str:
    return str(place["device"] or place["group"])


def _date(thing: Mapping[str, Any], lang: Lang) -> str:
    if thing["due_at"]:
        moved = thing["moved_from"]
        return localize("plans.cli.moved", lang, due=thing["due_at"], was=moved) if moved else str(thing["due_at"])
    return localize("plans.cli.no_start" if thing["undated"] else "plans.cli.after_order", lang)
