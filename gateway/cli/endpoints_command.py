"""`fieldgate endpoints`"""

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from gateway.cli.options import main_file, report_language
from gateway.domain.errors import ConfigError
from gateway.domain.text import Lang, localize

if TYPE_CHECKING:
    from gateway.settings.model import Settings
    from gateway.settings.project import Project

form = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Output.")


@click.group("endpoints")
def command() -> None:
    """The systems that events and notices go to.

    Example: fieldgate endpoints test oa
    """


def _project(config: Path, lang: Lang | None) -> "tuple[Project, Lang]":
    from gateway.cli.problems import refuse
    from gateway.settings.project import load_project

    try:
        project = load_project(config)
    except ConfigError as error:
        refuse(error, lang or "zh")
    return project, lang or project.settings.language


@command.command("list")
@main_file
@report_language
@form
def listing(config: Path, lang: Lang | None, form: str) -> None:
    """List the endpoints of the configuration, with counts and state while the gateway runs.

    Example: fieldgate endpoints list -c gateway.yaml
    """
    project, language = _project(config, lang)
    settings = project.settings
    running = _call_gateway(settings, language, "GET", "/v1/endpoints")
    items = running["items"] if running else [_configured(name, one) for name, one in settings.endpoints.items()]
    if form == "json":
        click.echo(json.dumps(items, ensure_ascii=False, indent=2))
        return
    if not items:
        click.echo(localize("endpoints.none", language, file=config))
    for one in items:
        click.echo(localize("endpoints.line", language, **one))
        if running:
            off = localize("endpoints.off", language, why=one["disabled"]) if one["disabled"] else ""
            breaker = localize(f"endpoints.breaker.{one['breaker']}", language)
            click.echo("  " + localize("endpoints.counts", language, **{**one, "breaker": breaker}) + off)


def _configured(name: str, config: Any) -> dict[str, Any]:
    """Configured endpoints. Only the host of a URL is shown: some vendors put tokens into the rest."""
    return {"name": name, "type": config.type, "host": urlsplit(config.url).hostname or ""}


@command.command("test")
@click.argument("name")
@main_file
@report_language
@form
def test(name: str, config: Path, lang: Lang | None, form: str) -> None:
    """Send a signed test event to an endpoint and show its answer. It changes no order and no queue, and works whether
    the gateway runs or not; a running gateway records it in its audit.

    Exit status 0 the receiver accepted it, 1 it did not, 2 there is no such endpoint.

    Example: fieldgate endpoints test oa -c gateway.yaml
    """
    from gateway.adapters import ENDPOINTS

    project, language = _project(config, lang)
    settings = project.settings
    endpoint = settings.endpoints.get(name)
    takers = sorted(one for one, of in settings.endpoints.items() if ENDPOINTS[of.type].payload == "event")
    if endpoint is None or name not in takers:
        known = ", ".join(takers) or "-"
        key = "endpoints.unknown" if endpoint is None else "api.no_test"
        click.echo(localize(key, language, name=name, known=known), err=True)
        sys.exit(2)
    found = _call_gateway(settings, language, "POST", f"/v1/endpoints/{name}/test")
    found = asyncio.run(_alone(project, name, language)) if found is None else found
    if form == "json":
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        host = urlsplit(endpoint.url).hostname or ""
        status = found["status"] or localize("endpoints.no_answer", language)
        ms = f"{1000 * found['latency']:.0f}"
        click.echo(localize("endpoints.sent", language, name=name, host=host, event=found["event"]))
        click.echo(localize("endpoints.answer", language, status=status, ms=ms))
        if found["reason"]:
            click.echo(localize("endpoints.reason", language, reason=found["reason"]))
        if found["answer"]:
            click.echo(localize("endpoints.body", language, body=found["answer"]))
        click.echo(found["look_for"])
    sys.exit(0 if found["ok"] else 1)


def _call_gateway(settings: "Settings", lang: Lang, method: str, path: str) -> Any:
    """Response of the running gateway; None when none runs here, or it refuses the key."""
    import httpx

    from gateway.cli.local_api import local_api

    if not settings.api.port:
        return None
    try:
        with local_api(settings, lang) as client:
            answer = client.request(method, path)
    except httpx.TransportError:
        return None
    return answer.json() if answer.is_success else None


async def _alone(project: "Project", name: str, lang: Lang) -> dict[str, Any]:
    """Send the test event from this process."""
    from gateway.app.build import endpoint_sink
    from gateway.clock import SystemClock
    from gateway.delivery import explain, test_endpoint
    from gateway.desk import endpoint_test
    from gateway.desk.policy import DeskPolicy
    from gateway.domain.delivery import Delivery
    from gateway.domain.workorder import Actor, Role

    clock, settings = SystemClock(), project.settings
    sink = endpoint_sink(project, name, clock)
    actor = Actor("fieldgate", Role.ADMIN, "")
    event = endpoint_test(DeskPolicy(installation=settings.name), settings.tenant, name, actor, clock.now())
    delivery = Delivery(event.id, name, event.type, event.subject, event.body, event.content_type, 1)
    try:
        trial = await test_endpoint(sink, delivery, settings.delivery.deadline)
    finally:
        await sink.close()
    return {
        "endpoint": name,
        "event": event.id,
        "ok": trial.ok,
        "status": trial.status,
        "latency": trial.latency / 1e6,
        "reason": explain(trial.reason, lang) if trial.reason else "",
        "answer": trial.answer,
        "look_for": localize(f"delivery.hint.{trial.hint}", lang),
    }
