"""`fieldgate try`"""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import main_file, report_language
from gateway.cli.problems import UNUSABLE, print_filled, refuse
from gateway.domain.error_reasons import reason
from gateway.domain.errors import ConfigError
from gateway.domain.text import Lang, localize

if TYPE_CHECKING:
    from gateway.settings.project import Project
    from gateway.try_out import TryResult


@click.command("try")
@click.argument("topic", metavar="TOPIC|modbus")
@click.argument("what", metavar="FILE|-|DEVICE")
@main_file
@click.option("--retain", is_flag=True, help="As a retained message that the broker replays.")
@click.option("--source", default="", help="Only this MQTT source.")
@report_language
def command(topic: str, what: str, config: Path, retain: bool, source: str, lang: Lang) -> None:
    """Show how a message, or one poll of a Modbus device, is read: route, device, points, values with units, quality,
    unused values with the reason, and the rules that read these points.

    The message is a file or, with -, standard input. `try modbus DEVICE` really polls the device, once, and shows the
    registers. Nothing is written, nothing is published; a gateway may run beside it.

    Exit status 0 there are readings, 1 there are none, 2 not possible.

    \b
    Example: echo '{"ts": 1767225600000, "connector": 1, "temp": 95}' | fieldgate try charger/CP-1/telemetry -
             fieldgate try modbus GM-000001 -c gateway.yaml
    """
    from gateway.settings import load_project

    try:
        project = load_project(config, offline=True)
    except ConfigError as error:
        refuse(error, lang)
    print_filled(project.filled, lang)
    from gateway.adapters import SOURCES

    if topic in SOURCES and SOURCES[topic].try_poll is not None:
        found = _poll(project, what, lang)
    else:
        found = _message(project, topic, _payload(what, lang), retain, source, lang)
    from gateway.try_out import page

    click.echo(page(found, lang))
    if not any(one.rows for one in found):
        click.echo(localize("trial.nothing", lang), err=True)
        sys.exit(1)


def _payload(file: str, lang: Lang) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        _fail(localize("trial.file", lang, path=file, error=reason(error)))
        raise AssertionError from error


def _message(
    project: "Project", topic: str, payload: bytes, retain: bool, source: str, lang: Lang
) -> "list[TryResult]":
    from gateway.clock import SystemClock
    from gateway.try_out import message_sources, try_message

    known = message_sources(project)
    if not known:
        _fail(localize("trial.no_source", lang, file=project.file))
    if source and source not in known:
        _fail(localize("trial.source", lang, value=source, known=", ".join(known)))
    return try_message(project, SystemClock(), topic, payload, retain=retain, source=source)


def _poll(project: "Project", device: str, lang: Lang) -> "list[TryResult]":
    from gateway.clock import SystemClock
    from gateway.try_out import try_poll

    found = asyncio.run(try_poll(project, SystemClock(), device))
    if not found:
        _fail(localize("trial.not_polled", lang, value=device))
    return found


def _fail(text: str) -> None:
    click.echo(text, err=True)
    sys.exit(UNUSABLE)
