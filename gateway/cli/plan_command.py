"""`fieldgate plan`"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.new_files import fail
from gateway.cli.options import main_file, report_language
from gateway.cli.problems import print_filled, refuse
from gateway.domain.duration import format_duration
from gateway.domain.errors import ConfigError
from gateway.domain.text import Lang, localize

if TYPE_CHECKING:
    from gateway.probe_ports import RequestLine, SourcePlan
    from gateway.settings.project import Project


@click.command("plan")
@main_file
@click.option("--source", default="", help="Only this source.", metavar="NAME")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Output.")
@report_language
def command(config: Path, source: str, form: str, lang: Lang) -> None:
    """Show what each source will do by itself: requests with their time and share of the link, subscriptions,
    endpoints, files.

    For Modbus: every request by link with unit, table, addresses, period, the points it answers and how many registers
    are read along; the time is an estimate for the speed of the link. What devices taught a running gateway is not in
    it. Nothing is sent and nobody is connected to.

    Exit status 0, or 2 when the configuration has problems.

    \b
    Example: fieldgate plan -c gateway.yaml --source meters
    """
    from gateway.probe.source_plans import source_plans
    from gateway.settings import load_project

    try:
        project = load_project(config, offline=True)
    except ConfigError as error:
        refuse(error, lang)
    print_filled(project.filled, lang)
    known = project.settings.sources
    if source and source not in known:
        fail(localize("plan.unknown", lang, value=source, known=", ".join(known) or "-"))
    plans = source_plans(project, source)
    if form == "json":
        click.echo(json.dumps({name: _values(plan) for name, plan in plans.items()}, ensure_ascii=False, indent=2))
        return
    if not plans:
        click.echo(localize("plan.no_sources", lang, file=config))
    click.echo("\n\n".join("\n".join(_page(name, plan, project, lang)) for name, plan in plans.items()))


def _values(plan: "SourcePlan") -> Mapping[str, object]:
    requests = [asdict(one) for one in plan.requests]
    return {"requests": requests, "also": [one.text("en") for one in plan.sentences]}


def _page(name: str, plan: "SourcePlan", project: "Project", lang: Lang) -> Iterator[str]:
    yield localize("plan.source", lang, name=name, type=project.settings.sources[name].type)
    for sentence in plan.sentences:
        yield f"  {sentence.text(lang)}"
    for link, requests in groupby(sorted(plan.requests, key=lambda one: one.link), key=lambda one: one.link):
        yield from _link(link, list(requests), lang)
    if not plan.sentences and not plan.requests:
        yield f"  {localize('plan.nothing', lang)}"


def _link(link: str, requests: "Sequence[RequestLine]", lang: Lang) -> Iterator[str]:
    share = sum(one.cost / one.period for one in requests)
    once = _time(sum(one.cost for one in requests))
    fields = {"link": link, "requests": len(requests), "once": once, "share": f"{100 * share:.3g}"}
    yield f"  {localize('plan.link', lang, **fields)}"
    if share > 1:
        yield f"  {localize('plan.overload', lang)}"
    for one in requests:
        place = {"unit": one.unit, "table": one.table, "first": one.address, "last": one.address + one.count - 1}
        what = {"count": one.count, "when": one.when, "cost": _time(one.cost), "device": one.device}
        key = "plan.request_at" if ":" in one.when else "plan.request"
        along = f" ({localize('plan.along', lang, along=one.along)})" if one.along and lang == "en" else ""
        along = f"（{localize('plan.along', lang, along=one.along)}）" if one.along and lang == "zh" else along
        yield f"    {localize(key, lang, **place, **what, points=', '.join(one.points))}{along}"


def _time(us: int) -> str:
    """Whole ms above one, else µs."""
    return format_duration(us // 1000 * 1000) if us >= 1000 else f"{us} us"
