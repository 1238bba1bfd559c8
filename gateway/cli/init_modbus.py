"""The questions of `fieldgate init` about a Modbus device, and one poll of it for a limit that fits."""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from gateway.cli.problems import UNUSABLE
from gateway.domain.text import Lang, localize

if TYPE_CHECKING:
    from gateway.settings.profiles import LoadedProfile
    from gateway.starter import InitAnswers, ModbusAnswers

SCHEME = "modbus://"
PORT = 502
PromptFor = Callable[[str, str | None, str], str]
"""(question, value of the option or None, default) -> answer."""


def modbus_answers(
    where: str,
    unit: str | None,
    registers: Sequence[str],
    table: str,
    prompt: PromptFor,
    lang: Lang,
    *,
    profile: str | None,
    interactive: bool,
) -> "tuple[ModbusAnswers, LoadedProfile | None]":
    """Modbus device from options and prompts, with its profile or its registers. Ends the command when a value is
    invalid."""
    from gateway.starter import ModbusAnswers, device_files, device_profile, library, register

    known = {name: one for name, one in library(demo=True).items() if "modbus" in one.sections}
    where = where.removeprefix(SCHEME)
    where = where if where.rpartition(":")[2].isdecimal() and ":" in where else f"{where}:{PORT}"
    number = prompt("unit", unit, "1")
    if not number.isdecimal() or int(number) > 255:
        _fail(localize("init.unit", lang, value=number))
    if profile is None and not registers:
        profile = prompt("modbus_profile", None, "") if interactive else None
    if profile:
        own = device_profile(profile)
        if own is not None and "modbus" in own.sections:
            known = {profile: own}
        if profile not in known:
            _fail(localize("init.no_map", lang, value=profile, known=", ".join([*known, *device_files()])))
        return ModbusAnswers(where, int(number)), known[profile]
    texts = list(registers)
    while interactive and not registers and (text := prompt("register", None, "")):
        texts.append(text)
    if not texts:
        _fail(localize("init.no_registers", lang, known=", ".join(known)))
    found = []
    for text in texts:
        try:
            found.append(register(text))
        except ValueError as error:
            _fail(localize("init.register", lang, written=text, part=error))
    return ModbusAnswers(where, int(number), tuple(found), table), None


def with_device_values(answers: "InitAnswers", lang: Lang) -> "InitAnswers":
    """Answers with the present values of the device, when it can be read. Polls once, reads only."""
    from gateway.clock import SystemClock
    from gateway.settings import load_project
    from gateway.starter import files, read
    from gateway.try_out import try_poll

    assert answers.modbus is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in files(answers).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, "utf-8")
        project = load_project(folder / "gateway.yaml", offline=True)
        polled = asyncio.run(try_poll(project, SystemClock(), answers.device))
    rows = [(row.point.name, row.value) for one in polled for row in one.rows if isinstance(row.value, float)]
    where = answers.modbus.where
    if not rows:
        why = next((one.failure for one in polled if one.failure), "-")
        click.echo(localize("init.silent", lang, where=where, why=why), err=True)
        return answers
    values = read(answers, rows)
    shown = ", ".join(f"{name} {value:g}" for name, value in values.items())
    click.echo(localize("init.answered", lang, where=where, values=shown))
    return replace(answers, modbus=replace(answers.modbus, values=values))


def _fail(text: str) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(UNUSABLE)
