"""The commands that the configuration allows: profiles define them, sources allow them, adapters load the rest."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from gateway.adapters import SOURCES
from gateway.domain.device import Device
from gateway.domain.device_command.allowed import AllowedCommand
from gateway.domain.errors import ConfigError, Problem
from gateway.domain.nearest import nearest
from gateway.section import SourceCommands
from gateway.settings.profiles import LoadedProfile
from gateway.settings.validation_messages import located
from gateway.settings.yaml_document import Document

Forms = Mapping[tuple[str, str, str], Any]
"""(profile, command, adapter) -> form."""


@dataclass(frozen=True, slots=True)
class AllowedCommands:
    """`sources`: the configuration of each that allows commands, by name."""

    sources: Mapping[str, Any] = field(default_factory=dict)
    profiles: Mapping[str, LoadedProfile] = field(default_factory=dict)
    forms: Forms = field(default_factory=dict)

    def of(self, device: Device) -> dict[str, AllowedCommand]:
        """Commands that may be sent to a device, by name."""
        return {one.definition.name: one for one in self.candidates(device)}

    def candidates(self, device: Device) -> Iterator[AllowedCommand]:
        """All ways to send each command to a device; `check` refuses more than one."""
        profile = self.profiles.get(device.profile)
        for name, config in self.sources.items() if profile is not None and profile.commands else ():
            allowed: SourceCommands = config.commands
            if not _named(allowed, device.code) or not _form_of(config).serves(config, device):
                continue
            for command, definition in profile.commands.items() if profile is not None else ():
                form = self.forms.get((device.profile, command, config.type))
                if form is not None and _allows(allowed, device.profile, command):
                    yield AllowedCommand(definition, name, allowed.per_minute, form)

    def forms_of(self, source: str) -> tuple[Any, ...]:
        """Forms of the commands that a source may send, in order."""
        config = self.sources.get(source)
        if config is None:
            return ()
        return tuple(
            form
            for (profile, command, adapter), form in self.forms.items()
            if adapter == config.type and _allows(config.commands, profile, command)
        )


def _named(allowed: SourceCommands, code: str) -> bool:
    return not allowed.devices or any(fnmatchcase(code, pattern) for pattern in allowed.devices)


def _allows(allowed: SourceCommands, profile: str, command: str) -> bool:
    return command in allowed.allow or f"{profile}/{command}" in allowed.allow


def _form_of(config: Any) -> Any:
    return SOURCES[config.type].command_form


def load_commands(
    profiles: Mapping[str, LoadedProfile], sources: Mapping[str, Any]
) -> tuple[AllowedCommands, list[Problem]]:
    """Sections of commands, each read by its adapter, and the sources whose configuration allows commands."""
    forms: dict[tuple[str, str, str], Any] = {}
    problems: list[Problem] = []
    for name, one in profiles.items():
        for command, sections in one.sending.items():
            for adapter, section in sections.items():
                owned, form = SOURCES[adapter].profile_map, SOURCES[adapter].command_form
                assert form is not None
                own = one.sections.get(owned.section) if owned is not None else None
                try:
                    forms[name, command, adapter] = form.load(section, one.commands[command], one.profile, own)
                except ConfigError as error:
                    problems += _placed(error, one, f"commands.{command}.{adapter}")
    allowing = {name: one for name, one in sources.items() if getattr(one, "commands", None) is not None}
    return AllowedCommands(allowing, profiles, forms), problems


def _placed(error: ConfigError, profile: LoadedProfile, place: str) -> Iterator[Problem]:
    document = profile.document or Document(profile.file)
    for problem in error.problems:
        path = f"{place}.{problem.path}" if problem.path else place
        yield located(Problem(profile.file, path, problem.key, problem.fields), document)


def check_allowed(document: Document, allowed: AllowedCommands, devices: Mapping[str, Device]) -> Iterator[Problem]:
    """Names that no profile has, commands that a source cannot send, commands of a device that two sources allow."""
    for name, config in allowed.sources.items():
        yield from _check_source(document, name, config, allowed)
        for index, pattern in enumerate(config.commands.devices):
            if not any(fnmatchcase(code, pattern) for code in devices):
                place = ("sources", name, "commands", "devices", index)
                yield document.problem(place, "config.command.no_device", value=pattern)
    twice: set[tuple[str, str, str]] = set()
    for device in devices.values():
        first: dict[str, str] = {}
        for one in allowed.candidates(device):
            command = one.definition.name
            other = first.setdefault(command, one.source)
            if other != one.source and (other, one.source, command) not in twice:
                twice.add((other, one.source, command))
                fields = {"value": command, "first": other, "device": device.code}
                yield document.problem(("sources", one.source, "commands"), "config.command.twice", **fields)


def _check_source(document: Document, name: str, config: Any, allowed: AllowedCommands) -> Iterator[Problem]:
    every = {f"{profile}/{command}" for profile, one in allowed.profiles.items() for command in one.commands}
    known = every | {one.partition("/")[2] for one in every}
    for index, entry in enumerate(config.commands.allow):
        place = ("sources", name, "commands", "allow", index)
        if entry not in known:
            fields = {"value": entry, "near": nearest(entry, sorted(known)), "known": ", ".join(sorted(known)) or "-"}
            yield document.problem(place, "config.command.unknown", **fields)
            continue
        fitting = [one for one in sorted(every) if entry in (one, one.partition("/")[2])]
        keys = [(*one.split("/"), config.type) for one in fitting]
        forms = [(key, allowed.forms[key]) for key in keys if key in allowed.forms]
        if not forms:
            yield document.problem(place, "config.command.no_form", value=entry, adapter=config.type)
        for key, form in forms:
            if (why := _form_of(config).check(config, form)) is not None:
                yield document.problem(place, "config.command.cannot", value=f"{key[0]}/{key[1]}", why=why)
