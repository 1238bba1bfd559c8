"""`fieldgate schemas`"""

import json

import click

from gateway.cli.options import report_language
from gateway.domain.text import Lang, localize


@click.command("schemas")
@click.argument("event", required=False)
@report_language
def command(event: str | None, lang: Lang) -> None:
    """List the events that are sent to OA systems, or print the JSON Schema (draft 2020-12) of one.

    Example: fieldgate schemas workorder.created > created.json
    """
    from gateway.desk.event_schemas import EVENTS, schema_of, topic_of

    if event is None:
        width = max(map(len, EVENTS))
        for topic in EVENTS:
            click.echo(f"{topic:<{width}}  {localize(f'event.{topic}', lang)}")
        return
    try:
        topic = topic_of(event)
    except KeyError:
        click.echo(localize("schemas.unknown", lang, event=event, known=", ".join(EVENTS)), err=True)
        raise SystemExit(2) from None
    click.echo(json.dumps(schema_of(topic), ensure_ascii=False, indent=2))
