"""`fieldgate sla`"""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from gateway.cli.new_files import fail
from gateway.cli.options import main_file, report_language
from gateway.cli.problems import refuse
from gateway.domain.duration import from_us, iso, to_us
from gateway.domain.errors import ConfigError
from gateway.domain.text import Lang, localize

if TYPE_CHECKING:
    from gateway.desk.sla import SimulatedMilestone, SlaPolicy
    from gateway.domain.sla import ClockKind
    from gateway.settings.project import Project

output = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Output.")


@click.group("sla")
def command() -> None:
    """SLA: when the clocks of an order reach their milestones, and why.

    Example: fieldgate sla simulate repair_4h --start "2026-02-13 16:00"
    """


@command.command("simulate")
@click.argument("policy")
@click.option("--start", default="", help="When the order is made. [default: now]")
@click.option(
    "--hold",
    "holds",
    nargs=2,
    multiple=True,
    metavar="FROM UNTIL",
    help="A pause of the clocks; may be given several times.",
)
@main_file
@report_language
@output
def simulate_command(
    policy: str, start: str, holds: Sequence[tuple[str, str]], config: Path, lang: Lang | None, form: str
) -> None:
    """Print the milestones of an order made at a given time that nobody ends, and which time is counted.

    The same arithmetic as for real orders. Times are of the installation's zone, unless they have one. Nothing is
    started and no data is read.

    Exit status 0, or 2 when the configuration has problems, or no such policy.

    \b
    Example: fieldgate sla simulate repair_24h --start "2026-02-13 16:00" --hold "2026-02-14 09:00" "2026-02-14 10:00"
    """
    from gateway.clock import SystemClock
    from gateway.desk.sla import simulate
    from gateway.settings import load_project

    try:
        project = load_project(config, offline=True)
    except ConfigError as error:
        refuse(error, lang or "zh")
    language = lang or project.settings.language
    chosen, zone = _policy(project, policy, language), ZoneInfo(project.settings.timezone)
    began = _moment(start, zone, language) if start else SystemClock().now()
    pauses = [(_moment(since, zone, language), _moment(until, zone, language)) for since, until in holds]
    last = began
    for pause in pauses:
        if not last <= pause[0] <= pause[1]:
            fail(localize("sla.holds", language))
        last = pause[1]
    word = localize("sla.hold_word", language)
    found, reasons = simulate(chosen, began, [(*pause, word) for pause in pauses], zone)
    if form == "json":
        why = {kind.value: [line.text(language) for line in lines] for kind, lines in reasons.items()}
        click.echo(
            json.dumps({"milestones": [_values(one) for one in found], "why": why}, ensure_ascii=False, indent=2)
        )
        return
    click.echo(localize("sla.simulated", language, policy=policy, start=_wall(began, zone), zone=zone.key))
    for one in found:
        click.echo(f"  {_line(one, zone, language)}")
    for lines in reasons.values():
        click.echo("")
        for number, line in enumerate(lines):
            click.echo(f"{'  ' if number else ''}{line.text(language)}")


@command.command("why")
@click.argument("no")
@main_file
@report_language
@output
def why(no: str, config: Path, lang: Lang | None, form: str) -> None:
    """Show the clocks of order NO: their milestones, the time that was counted, the pauses, and when something is due.

    The gateway must run. Exit status 0, 1 no such order, 2 no gateway runs.

    \b
    Example: fieldgate sla why WO-20261122-00017
    """
    from gateway.cli.api_call import LocalApi

    api = LocalApi(config, lang, "sla")
    found: list[dict[str, Any]] = api("GET", f"/v1/work-orders/{no}/clocks")
    if form == "json":
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    if not found:
        click.echo(localize("sla.none", api.lang, no=no))
    for clock in found:
        first, *rest = (line[api.lang] for line in clock["why"])
        state = localize(f"word.clockstate.{clock['clock']['state']}", api.lang)
        click.echo(localize("sla.clock", api.lang, line=first, state=state))
        for line in rest:
            click.echo(f"  {line}")
        for one in clock["milestones"]:
            if one["fired_at"]:
                click.echo(
                    f"  {localize('sla.fired', api.lang, name=one['name'], due=one['due_at'], at=one['fired_at'])}"
                )


def _policy(project: "Project", name: str, lang: Lang) -> "SlaPolicy":
    known = {one.name: one for one in project.sla.by_name.values() if one.targets}
    if name not in known:
        fail(localize("sla.unknown", lang, value=name, known=", ".join(known) or "-"))
    return known[name]


def _moment(text: str, zone: ZoneInfo, lang: Lang) -> int:
    try:
        written = datetime.fromisoformat(text)
    except ValueError:
        fail(localize("sla.time", lang, value=text))
    return to_us(written if written.tzinfo else written.replace(tzinfo=zone))


def _line(one: "SimulatedMilestone", zone: ZoneInfo, lang: Lang) -> str:
    from gateway.desk.sla.explain import Spent, clock_word

    at = localize("sla.never", lang) if one.at is None else _wall(one.at, zone)
    name = localize("sla.target_word", lang) if one.breach else one.milestone.name
    notice = one.milestone.notice
    to = localize("sla.tells", lang, audience=notice.audience) if notice else ""
    event = "workorder.sla_breached" if one.breach else "workorder.escalated"
    clock = localize(clock_word(one.kind).key, lang)
    return f"{at}  {clock}  {name}  {Spent(one.milestone.after).text(lang)}  {event}{to}"


def _values(one: "SimulatedMilestone") -> dict[str, object]:
    kind: ClockKind = one.kind
    notice = one.milestone.notice
    return {
        "at": None if one.at is None else iso(one.at),
        "clock": kind.value,
        "milestone": one.milestone.name,
        "after_ms": one.milestone.after // 1000,
        "audience": notice.audience if notice else "",
    }


def _wall(at: int, zone: ZoneInfo) -> str:
    return f"{from_us(at).astimezone(zone):%Y-%m-%d %H:%M}"
