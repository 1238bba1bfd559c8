"""`fieldgate init`"""

import base64
import json
import os
import secrets
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from gateway.cli.init_modbus import SCHEME, modbus_answers, with_device_values
from gateway.cli.new_files import check_project, fail, name_from, write_project, zone
from gateway.cli.options import report_language
from gateway.domain.error_reasons import reason
from gateway.domain.text import Lang, localize

if TYPE_CHECKING:
    from gateway.settings.profiles import LoadedProfile
    from gateway.starter import InitAnswers

ENDPOINT = "http://127.0.0.1:8090/hooks/oa"


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path(), metavar="[DIR]")
@click.option("--name", help="Name of this installation. [default: that of the folder]")
@click.option("--broker", help="[default: mqtt://127.0.0.1:1883]", metavar="URL")
@click.option(
    "--username", default="", help="User name at the broker; its password is prompted for, or taken from MQTT_PASSWORD."
)
@click.option("--device", help="Code of the first device. [default: DEV-1]", metavar="CODE")
@click.option("--device-name", help="Display name of the device.")
@click.option("--topic", help="Topic on which it publishes. [default: devices/CODE/telemetry]")
@click.option("--sample", type=click.Path(path_type=Path), help="One of its messages: proposes profile and route.")
@click.option("--modbus", help="A Modbus TCP device instead of a broker. [port: 502]", metavar="HOST[:PORT]")
@click.option("--unit", help="Its unit id. [default: 1]", metavar="0-255")
@click.option(
    "--register",
    multiple=True,
    help="A register, such as `temp:15:i16:0.1:degC`; may be repeated.",
    metavar="NAME:AT[:TYPE[/ORDER][:SCALE[:UNIT]]]",
)
@click.option(
    "--table", type=click.Choice(["holding", "input"]), default="holding", help="Register table of --register."
)
@click.option("--profile", help="A profile of the library, instead of one made from sample or registers.", metavar="ID")
@click.option("--kind", default="device", show_default=True, help="Kind of the device, as rules name it.")
@click.option(
    "--endpoint", help="Address for work-order events. [default: http://127.0.0.1:8090/hooks/oa]", metavar="URL"
)
@click.option("--timezone", help="[default: that of this machine]")
@click.option("--yes", is_flag=True, help="No prompts: use the defaults for what is not given.")
@report_language
def command(folder: Path, lang: Lang, yes: bool, **given: Any) -> None:
    """Write a small project of your own: a broker or Modbus device, one device, one rule with its test, one endpoint.

    Prompts for what is not given if it runs on a terminal. Nothing is overwritten; secrets are generated, and readable
    for you alone. Needs no broker; a Modbus device is polled once, if it answers, to propose a limit. Exit status 0
    written and without problems, 2 nothing was written.

    \b
    Example: fieldgate init my-site --device CP-17 --topic stations/CP-17/meter --sample message.json --lang en
    """
    answers = _answers(folder, lang, _Prompt(lang, not yes and _is_interactive()), given)
    from gateway.starter import SECRETS, files

    made = files(answers)
    if answers.profile is not None and answers.modbus is None:
        source = Path(answers.profile.file)
        made[f"profiles/{source.name}"] = source.read_text("utf-8")
    write_project(folder, made, lang, SECRETS)
    check_project(folder / "gateway.yaml", lang)
    _next(folder, answers)


def _is_interactive() -> bool:
    return sys.stdin.isatty()


@dataclass(frozen=True, slots=True)
class _Prompt:
    """Prompts on a terminal (`interactive`), otherwise takes the default."""

    lang: Lang
    interactive: bool

    def __call__(self, key: str, given: str | None, default: str, **fields: object) -> str:
        if given is not None or not self.interactive:
            return given or default
        return str(
            click.prompt(localize(f"init.ask.{key}", self.lang, **fields), default=default, show_default=bool(default))
        )


def _answers(folder: Path, lang: Lang, prompt: _Prompt, given: Mapping[str, Any]) -> "InitAnswers":
    from gateway.starter import InitAnswers, fitting, library, matches, read_sample, sample_of

    def text(key: str) -> str | None:
        return None if given[key] is None else str(given[key])

    known = {name: one for name, one in library().items() if "modbus" not in one.sections}
    name = prompt("name", text("name"), name_from(folder.resolve().name))
    broker = text("modbus")
    broker = SCHEME + broker if broker else prompt("broker", text("broker"), "mqtt://127.0.0.1:1883")
    device = prompt("device", text("device"), "DEV-1")
    device_name = prompt("device_name", text("device_name"), device)
    if broker.startswith(SCHEME):
        return _modbus_answers(name, device, device_name, broker, prompt, given)
    own = _with_source(text("profile"))
    if own is not None and not text("sample"):
        return _source_answers(name, broker, device, device_name, own, prompt, given)
    topic = prompt("topic", text("topic"), f"devices/{device}/telemetry")
    sample = prompt("sample", text("sample"), "")
    wanted = text("profile")
    if wanted is None and not sample:
        wanted = prompt("profile", None, "charger_dc", known=", ".join(known))
    own = _with_source(wanted)
    if own is not None and not sample:
        return _source_answers(name, broker, device, device_name, own, prompt, given)
    known |= {} if own is None else {own.profile.id: own}
    _refuse_unknown(wanted, known, lang)
    document = _sample(Path(sample), lang) if sample else sample_of(known[wanted or ""])
    found = read_sample(document, device)
    if text("device") is None and not prompt.interactive and found.codes:
        topic = topic.replace(device, found.codes[0]) if text("topic") is None else topic
        device = found.codes[0]
        device_name = text("device_name") or device
    if not found.points:
        fail(localize("init.no_points", lang, path=sample))
    if wanted is None and (fits := fitting(found, known)):
        wanted = fits
        click.echo(localize("init.library", lang, profile=fits))
    profile = known[wanted] if wanted else None
    if profile is not None and sample and not matches(found, profile):
        fail(localize("init.no_match", lang, profile=wanted))
    endpoint = prompt("endpoint", text("endpoint"), ENDPOINT)
    username = text("username") or ""
    return InitAnswers(
        name,
        text("timezone") or zone(),
        lang,
        broker,
        device,
        device_name,
        topic,
        endpoint,
        document,
        profile,
        str(given["kind"]),
        username,
        _password(username, prompt) if username else "",
        _secret(),
    )


def _refuse_unknown(wanted: str | None, known: Mapping[str, object], lang: Lang) -> None:
    """Ends the command for a profile that no broker's device can have."""
    from gateway.starter import device_files, library

    if wanted is not None and wanted not in known:
        key = "init.modbus" if wanted in device_files() or wanted in library(demo=True) else "init.no_profile"
        named = ", ".join([*sorted(known), *device_files()])
        fail(localize(key, lang, value=wanted, profile=wanted, known=named))


def _with_source(wanted: str | None) -> "LoadedProfile | None":
    """The profile of a real device that has a source of its own."""
    from gateway.starter import device_profile, source_sample

    found = device_profile(wanted) if wanted else None
    return found if found is not None and source_sample(found) else None


def _source_answers(
    name: str,
    broker: str,
    device: str,
    device_name: str,
    profile: "LoadedProfile",
    prompt: _Prompt,
    given: Mapping[str, Any],
) -> "InitAnswers":
    from gateway.starter import InitAnswers, source_sample

    username = str(given["username"] or "")
    return InitAnswers(
        name,
        given["timezone"] or zone(),
        prompt.lang,
        broker,
        device,
        device_name,
        "",
        prompt("endpoint", given["endpoint"], ENDPOINT),
        None,
        profile,
        username=username,
        password=_password(username, prompt) if username else "",
        secret=_secret(),
        source=source_sample(profile),
        token=secrets.token_urlsafe(24),
    )


def _modbus_answers(
    name: str, device: str, device_name: str, where: str, prompt: _Prompt, given: Mapping[str, Any]
) -> "InitAnswers":
    from gateway.starter import InitAnswers

    slave, profile = modbus_answers(
        where,
        given["unit"],
        given["register"],
        given["table"],
        prompt,
        prompt.lang,
        profile=given["profile"],
        interactive=prompt.interactive,
    )
    answers = InitAnswers(
        name,
        given["timezone"] or zone(),
        prompt.lang,
        "",
        device,
        device_name,
        "",
        prompt("endpoint", given["endpoint"], ENDPOINT),
        None,
        profile,
        str(given["kind"]),
        secret=_secret(),
        modbus=slave,
    )
    return with_device_values(answers, prompt.lang)


def _secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _sample(path: Path, lang: Lang) -> object:
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        fail(localize("init.no_sample", lang, path=path, error=reason(error)))
    if not isinstance(document, dict | list):
        fail(localize("init.no_sample", lang, path=path, error=type(document).__name__))
    return document


def _password(username: str, prompt: _Prompt) -> str:
    known = os.environ.get("MQTT_PASSWORD", "")
    if known or not prompt.interactive:
        return known
    return str(click.prompt(localize("init.ask.password", prompt.lang, username=username), hide_input=True))


def _next(folder: Path, answers: "InitAnswers") -> None:
    from gateway.starter import above, trigger

    lang = answers.lang
    steps = [] if folder == Path() else [(f"cd {shlex.quote(str(folder))}", "")]
    tried = f"modbus {shlex.quote(answers.device)}" if answers.modbus else f"{shlex.quote(answers.topic)} sample.json"
    if not answers.source:
        steps.append((f"fieldgate try {tried}", "poll" if answers.modbus else "try"))
    steps += [("fieldgate run", "run"), ("fieldgate tail", "tail")]
    if message := trigger(answers):
        steps.append(
            (
                f"mosquitto_pub -V 5 -q 1 {_broker(answers)} -t {shlex.quote(answers.topic)} -m {shlex.quote(message)}",
                "publish",
            )
        )
    if not answers.modbus:
        steps.append(("fieldgate devices unknown", "unknown"))
    click.echo(localize("init.next", lang))
    for line, key in steps:
        click.echo(f"  {line}" + (f"    # {localize(f'init.next.{key}', lang)}" if key else ""))
    if answers.modbus:
        raised = above(answers)
        click.echo(localize("init.next.above" if raised else "init.next.silent", lang, raised=raised))


def _broker(answers: "InitAnswers") -> str:
    """Connection options for mosquitto_pub, with `…` in place of the password."""
    url = urlsplit(answers.broker)
    options = ["-h", url.hostname or "127.0.0.1"]
    if url.port is not None:
        options += ["-p", str(url.port)]
    elif url.scheme == "mqtts":
        options += ["-p", "8883"]
    if url.scheme == "mqtts":
        options += ["--tls-use-os-certs"]
    if answers.username:
        options += ["-u", answers.username, "-P", "…"]
    return shlex.join(options)
