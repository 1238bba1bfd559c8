"""`fieldgate command`"""

import json
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import main_file, report_language
from gateway.domain.errors import ConfigError
from gateway.domain.text import Lang, localize

if TYPE_CHECKING:
    import httpx

    from gateway.settings.model import Settings

form = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Output.")
key_file = click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    help="File with the API key of the person who acts. [default: the admin key in data_dir]",
)
component = click.option("--component", type=int, default=0, help="Number of the component; 0 = the device itself.")
note = click.option("--note", default="", help="Words for the audit.")
reason = click.option("--reason", required=True, help="Why; it goes into the audit.")


@click.group("command")
def command() -> None:
    """Commands to devices, by the running gateway: what is allowed, send, approve, follow.

    Example: fieldgate command send CH-1 set_limit amps=16
    """


@command.command("allowed")
@click.argument("device")
@main_file
@key_file
@report_language
@form
def allowed(device: str, config: Path, key_file: Path | None, lang: Lang | None, form: str) -> None:
    """Show what the configuration allows for a device, with the limits of each parameter.

    Example: fieldgate command allowed CH-1 -c gateway.yaml
    """
    found, language = _call(config, key_file, lang, "GET", f"/v1/devices/{device}/commands/allowed")
    if form == "json":
        _print_json(found)
        return
    if not found["items"]:
        click.echo(localize("command.none_allowed", language, device=device))
    for one in found["items"]:
        key = "command.approved_by" if one["approval"] else "command.approved_by_nobody"
        approval = localize(key, language, role=one["approval"])
        click.echo(f"{one['name']}  {one['title_' + language]}  {approval}")
        for parameter in one["parameters"]:
            click.echo(f"  {parameter['name']}: {_limits(parameter)}  {parameter['title_' + language]}")


def _limits(parameter: dict[str, Any]) -> str:
    if parameter["values"]:
        return " | ".join(str(value) for value in parameter["values"])
    if parameter["min"] is not None:
        return f"{parameter['min']:g} … {parameter['max']:g} {parameter['unit']}".strip()
    return parameter["type"] if not parameter["max_length"] else f"{parameter['type']} <= {parameter['max_length']}"


@command.command("send")
@click.argument("device")
@click.argument("name")
@click.argument("parameters", nargs=-1)
@component
@note
@click.option("--id", "command_id", help="Idempotency key: the same key again sends nothing. [default: a new one]")
@main_file
@key_file
@report_language
@form
def send(
    device: str,
    name: str,
    parameters: tuple[str, ...],
    component: int,
    note: str,
    command_id: str | None,
    config: Path,
    key_file: Path | None,
    lang: Lang | None,
    form: str,
) -> None:
    """Request a command. It is sent at once, or after a second person has approved it. Parameters are written
    NAME=VALUE.

    Example: fieldgate command send CH-1 set_limit amps=16 --note "grid is full"
    """
    body = {"command": name, "component": component, "parameters": _values(parameters), "note": note}
    body["command_id"] = command_id or secrets.token_hex(8)
    found, language = _call(config, key_file, lang, "POST", f"/v1/devices/{device}/commands", body)
    _show(found, language, form)


def _values(parameters: tuple[str, ...]) -> dict[str, Any]:
    """`amps=16` -> 16, `fast=true` -> True, `mode=eco` -> text; the gateway checks the types."""
    found: dict[str, Any] = {}
    for word in parameters:
        name, sign, text = word.partition("=")
        if not sign:
            raise click.BadParameter(word, param_hint="NAME=VALUE")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        found[name] = value if isinstance(value, bool | int | float | str) else text
    return found


@command.command("list")
@click.option("--device", default="", help="Only commands to this device.")
@click.option("--open", "is_open", is_flag=True, help="Only those that wait for a person, the device or the read-back.")
@main_file
@key_file
@report_language
@form
def listing(device: str, is_open: bool, config: Path, key_file: Path | None, lang: Lang | None, form: str) -> None:
    """List commands, newest first.

    Example: fieldgate command list --open -c gateway.yaml
    """
    path = f"/v1/devices/{device}/commands" if device else "/v1/device-commands"
    found, language = _call(config, key_file, lang, "GET", path + ("?open=true" if is_open else ""))
    if form == "json":
        _print_json(found["items"])
        return
    if not found["items"]:
        click.echo(localize("command.none", language))
    for one in found["items"]:
        click.echo(_line(one, language))


@command.command("show")
@click.argument("command_id")
@main_file
@key_file
@report_language
@form
def show(command_id: str, config: Path, key_file: Path | None, lang: Lang | None, form: str) -> None:
    """Show a command with its audit.

    Example: fieldgate command show 4205173398012276 -c gateway.yaml
    """
    found, language = _call(config, key_file, lang, "GET", f"/v1/device-commands/{command_id}")
    _show(found, language, form)
    for line in found["audit"] if form == "text" else ():
        event = localize(f"command.event.{line['type']}", language)
        data = "  ".join(f"{name}={value}" for name, value in line["data"].items())
        click.echo(f"  {line['at']}  {event}  {line['actor']}  {data}".rstrip())


@command.command("approve")
@click.argument("command_id")
@note
@main_file
@key_file
@report_language
@form
def approve(command_id: str, note: str, config: Path, key_file: Path | None, lang: Lang | None, form: str) -> None:
    """Approve a command of another person; it is sent at once.

    Example: fieldgate command approve 4205173398012276 --key-file li.key
    """
    _act(config, key_file, lang, form, command_id, "approve", {"note": note})


@command.command("refuse")
@click.argument("command_id")
@reason
@main_file
@key_file
@report_language
@form
def refuse(command_id: str, reason: str, config: Path, key_file: Path | None, lang: Lang | None, form: str) -> None:
    """Refuse a command, or take back your own: it is never sent.

    Example: fieldgate command refuse 4205173398012276 --reason "a car is charging"
    """
    _act(config, key_file, lang, form, command_id, "refuse", {"reason": reason})


@command.command("settle")
@click.argument("command_id")
@click.argument("outcome", type=click.Choice(["done", "not_done"]))
@reason
@main_file
@key_file
@report_language
@form
def settle(
    command_id: str, outcome: str, reason: str, config: Path, key_file: Path | None, lang: Lang | None, form: str
) -> None:
    """Record what a person found at the device, where the gateway does not know whether it carried a command out.

    Example: fieldgate command settle 4205173398012276 done --reason "the valve is closed"
    """
    _act(config, key_file, lang, form, command_id, "settle", {"outcome": outcome, "reason": reason})


def _act(
    config: Path, key: Path | None, lang: Lang | None, form: str, command_id: str, act: str, body: dict[str, Any]
) -> None:
    found, language = _call(config, key, lang, "POST", f"/v1/device-commands/{command_id}/{act}", body)
    _show(found, language, form)


def _show(one: dict[str, Any], lang: Lang, form: str) -> None:
    if form == "json":
        _print_json(one)
        return
    click.echo(_line(one, lang))
    for name in ("reason", "answer"):
        if one[name]:
            click.echo("  " + localize(f"command.line.{name}", lang, text=one[name]))
    if one["acts"]:
        acts = ", ".join(localize(f"command.act.{act}", lang) for act in one["acts"])
        click.echo("  " + localize("command.line.acts", lang, acts=acts))


def _line(one: dict[str, Any], lang: Lang) -> str:
    state = localize(f"command.state.{one['state']}", lang)
    if one["verification"] != "none":
        verified = localize(f"command.verification.{one['verification']}", lang)
        state = localize("command.line.verified", lang, state=state, verified=verified)
    given = "  ".join(f"{name}={value}" for name, value in one["parameters"].items())
    place = f"{one['device']}/{one['component']}" if one["component"] else one["device"]
    return f"{one['id']}  {place}  {one['title_' + lang]}  {given}  {state}".replace("    ", "  ")


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _call(
    config: Path, key: Path | None, lang: Lang | None, method: str, path: str, body: dict[str, Any] | None = None
) -> tuple[Any, Lang]:
    """Answer of the running gateway, and the language of the output. Ends with status 1 when the gateway refuses, 2
    when none runs or the key cannot be read."""
    import httpx

    from gateway.cli.problems import refuse as refuse_files
    from gateway.domain.error_reasons import reason as reason_of
    from gateway.settings.project import load_settings

    try:
        settings = load_settings(config)
    except ConfigError as error:
        refuse_files(error, lang or "zh")
    language = lang or settings.language
    try:
        answer = _request(settings, key, language, method, path, body)
    except httpx.TransportError:
        click.echo(localize("live.not_running", language, url=settings.api.address), err=True)
        sys.exit(2)
    except OSError as error:
        click.echo(localize("command.key_file", language, path=key or "", error=reason_of(error)), err=True)
        sys.exit(2)
    found = answer.json()
    if not answer.is_success:
        click.echo(found["detail"], err=True)
        for one in found.get("errors", ()):
            click.echo(f"  {one['path']}: {one['message']}", err=True)
        sys.exit(1)
    return found, language


def _request(
    settings: "Settings", key: Path | None, lang: Lang, method: str, path: str, body: dict[str, Any] | None
) -> "httpx.Response":
    from gateway.cli.local_api import local_api

    with local_api(settings, lang) as client:
        if key is not None:
            client.headers["authorization"] = f"Bearer {key.read_text('utf-8').strip()}"
        return client.request(method, path, json=body)
