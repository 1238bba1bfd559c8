"""`fieldgate probe mqtt`"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.new_files import check_project, fail, name_from, write_project, zone
from gateway.cli.options import MAIN_FILE, MainFile, report_language
from gateway.cli.problems import refuse
from gateway.domain.duration import SECOND, parse_duration
from gateway.domain.error_reasons import reason
from gateway.domain.errors import ConfigError, SourceError
from gateway.domain.text import Lang, localize

if TYPE_CHECKING:
    from gateway.probe.project_files import Broker
    from gateway.probe.propose import Proposal
    from gateway.probe.seen_topics import SeenTopics

PASSWORD = "secrets/mqtt.password"  # noqa: S105 - a file
LONGEST = 3600 * SECOND


@click.command("mqtt")
@click.argument("broker", metavar="URL|SOURCE")
@click.option(
    "-c", "--config", type=MainFile(), default=MAIN_FILE, show_default=True, help="The main file that has the SOURCE."
)
@click.option("--for", "duration", default="60s", show_default=True, help="How long to listen.", metavar="DURATION")
@click.option(
    "--topic", "topics", multiple=True, help="An MQTT filter; may be repeated. [default: #]", metavar="FILTER"
)
@click.option("--username", help="User name at the broker; its password is taken from MQTT_PASSWORD.")
@click.option("--ca-file", type=click.Path(path_type=Path), help="Authority of the broker's certificate.")
@click.option("--cert-file", type=click.Path(path_type=Path), help="Client certificate.")
@click.option("--key-file", type=click.Path(path_type=Path), help="Key of the client certificate.")
@click.option(
    "--protocol",
    type=click.Choice(["auto", "5", "3.1.1"]),
    default="auto",
    help="Version of MQTT: `auto`, `5` or `3.1.1`.",
    metavar="VERSION",
)
@click.option("--timezone", help="Of local times in messages. [default: that of this machine]")
@click.option("--write", "folder", type=click.Path(path_type=Path, file_okay=False), help="Write the files here.")
@report_language
def mqtt(broker: str, folder: Path | None, lang: Lang, **given: Any) -> None:
    """Listen at a broker and propose routes, profiles and a list of devices from the messages seen.

    Reads JSON, bare values, CSV and line protocol, and the birth messages of Home Assistant discovery, Zigbee2MQTT,
    Tasmota, Shelly and Homie. It connects under a name of its own and publishes nothing; a gateway may run beside it.
    Where a profile of the library fits, that one is proposed. Without --write the files are printed.

    Exit status 0 proposed, 1 nothing was seen or could be proposed, 2 not possible.

    \b
    Example: fieldgate probe mqtt mqtt://127.0.0.1:1883 --for 60s --topic 'zigbee2mqtt/#' --write my-site
             fieldgate probe mqtt broker -c gateway.yaml --for 5m
    """
    from gateway.adapters import SOURCES
    from gateway.probe.project_files import ProjectAnswers
    from gateway.probe.propose import propose
    from gateway.probe.seen_topics import SeenTopics
    from gateway.starter import library

    name = name_from(folder.resolve().name if folder else "")
    config, where = _of_url(broker, name, given, lang) if "://" in broker else _of_source(broker, given["config"], lang)
    seconds = _seconds(given["duration"], lang)
    filters = given["topics"] or ("#",)
    seen = SeenTopics()
    listen = SOURCES["mqtt"].listen
    assert listen is not None
    shown = localize("probe.listens", lang, url=config.url, seconds=f"{seconds:g}", filters=", ".join(filters))
    click.echo(shown, err=True)
    try:
        asyncio.run(_listen(listen(config, filters, seconds, partial(_add, seen))))
    except KeyboardInterrupt:
        click.echo("", err=True)
    except (SourceError, OSError) as error:
        fail(localize("probe.away", lang, where=config.url, why=reason(error)))
    answers = ProjectAnswers(name, given["timezone"] or zone(), lang)
    found = propose(seen, answers, where, library(devices=True))
    click.echo("\n".join(_summary(found, seen, lang)))
    if not found.files:
        click.echo(localize("probe.nothing", lang), err=True)
        sys.exit(1)
    files = dict(found.files)
    if config.username is not None and "password_file" in where.keys and where.keys["password_file"] == PASSWORD:
        files[PASSWORD] = os.environ.get("MQTT_PASSWORD", "") + "\n"
    if folder is None:
        for path, text in files.items():
            if text and path not in (PASSWORD, ".gitignore"):
                click.echo(f"\n# ---- {path}\n{text}", nl=False)
        return
    write_project(folder, files, lang, (PASSWORD,))
    check_project(folder / "gateway.yaml", lang)


async def _listen(work: Awaitable[None]) -> None:
    await work


def _add(seen: "SeenTopics", topic: str, payload: bytes, retained: bool) -> None:
    seen.add(topic, payload, retained=retained)


def _seconds(text: str, lang: Lang) -> float:
    try:
        found = parse_duration(text)
    except ValueError:
        found = 0
    if not 0 < found <= LONGEST:
        fail(localize("probe.duration", lang, value=text))
    return found / SECOND


def _of_url(url: str, name: str, given: dict[str, Any], lang: Lang) -> tuple[Any, "Broker"]:
    from pydantic import ValidationError

    from gateway.adapters import SOURCES
    from gateway.probe.project_files import Broker
    from gateway.settings.validation_messages import problems_of
    from gateway.settings.yaml_document import Document

    keys: dict[str, Any] = {"type": "mqtt", "url": url, "client_id": name}
    files = {key: given[key] for key in ("ca_file", "cert_file", "key_file") if given[key] is not None}
    if given["protocol"] != "auto":
        keys["protocol"] = given["protocol"]
    if given["username"] is not None:
        keys["username"] = given["username"]
    here = {key: str(path.resolve()) for key, path in files.items()}
    password = {"password": os.environ.get("MQTT_PASSWORD", "")} if given["username"] is not None else {}
    route = {"filter": "{any*}", "device": "any", "points": {"any": {"path": "."}}}
    model, source_keys = SOURCES["mqtt"].config, keys | here | password | {"routes": [route]}
    try:
        config = model.model_validate(source_keys)
    except ValidationError as error:
        fail("\n".join(one.render(lang) for one in problems_of(error, Document("probe mqtt", source_keys), model)))
    written = {key: json.dumps(value, ensure_ascii=False) for key, value in (keys | here).items()}
    if password:
        written["password_file"] = PASSWORD
    return config, Broker("broker", written)


def _of_source(name: str, file: Path, lang: Lang) -> tuple[Any, "Broker"]:
    from gateway.adapters import SOURCES
    from gateway.probe.project_files import Broker
    from gateway.settings.project import load_settings

    try:
        settings = load_settings(file)
    except ConfigError as error:
        refuse(error, lang)
    known = {key: one for key, one in settings.sources.items() if SOURCES[one.type].listen is not None}
    if name not in known:
        fail(localize("probe.source", lang, value=name, known=", ".join(known) or "-"))
    config: Any = known[name]
    keys: dict[str, str] = {}
    for key in (
        "type",
        "url",
        "client_id",
        "protocol",
        "username",
        "password_file",
        "ca_file",
        "cert_file",
        "key_file",
    ):
        value = getattr(config, key)
        if value is not None and key in config.model_fields_set:
            keys[key] = json.dumps(str(value.resolve()) if isinstance(value, Path) else value, ensure_ascii=False)
    if config.password is not None:
        keys["password"] = '"${MQTT_PASSWORD}"'  # noqa: S105 - a variable
    return config, Broker(name, keys)


def _summary(found: "Proposal", seen: "SeenTopics", lang: Lang) -> Iterator[str]:
    yield localize("probe.seen", lang, messages=seen.messages, topics=len(seen.topics))
    if seen.dropped:
        yield localize("probe.dropped", lang, count=seen.dropped)
    for ecosystem, count in found.announced.items():
        yield localize("probe.announced", lang, ecosystem=ecosystem, count=count)
    for model in found.models:
        key = "probe.library" if model.library else "probe.model"
        routes, devices = len(model.routes), len(model.devices)
        points = len(model.names) if model.library else len(model.points)
        profile = model.library or model.id
        yield localize(key, lang, profile=profile, points=points, devices=devices, routes=routes)
    for one in found.leftovers:
        yield localize(f"probe.left.{one.reason}", lang, count=one.count, example=one.example)
