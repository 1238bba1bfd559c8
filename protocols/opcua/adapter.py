"""What the gateway needs of this folder (`gateway.adapter_ports.SourceAdapter`). Parts and the library, which is an
extra (`pip install fieldgate[opcua]`), are loaded when needed."""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from gateway.adapter_ports import CheckedProject, ConfigFindings, ProfileMap, SourceAdapter, SourceServices
from gateway.domain.device import Device, Profile
from gateway.domain.duration import format_duration
from gateway.domain.error_reasons import reason
from gateway.domain.errors import ConfigError, Problem, SourceRejected
from gateway.domain.finding import DoctorFinding
from gateway.domain.language_values import Phrase
from gateway.domain.nearest import nearest
from gateway.probe_ports import SourcePlan
from protocols.opcua.config import OpcUaConfig
from protocols.opcua.stats import METRICS

if TYPE_CHECKING:
    from protocols.opcua.profile import OpcUaMap
    from protocols.opcua.source import OpcUaSource

LIBRARY = "asyncua"


def _build(name: str, config: OpcUaConfig, services: SourceServices) -> "OpcUaSource":
    if find_spec(LIBRARY) is None:
        raise SourceRejected.of("opcua.library")
    from protocols.opcua.source import OpcUaSource

    password = _password(name, config, services.file)
    return OpcUaSource(name, config, services.directory, services.maps, services.clock, services.devices, password)


def _adjust(
    source: "OpcUaSource",
    config: OpcUaConfig,
    before: SourceServices,  # noqa: ARG001 - the port
    services: SourceServices,
) -> Callable[[], bool]:
    return partial(source.use, config, services.maps, _password(source.name, config, services.file))


def _password(name: str, config: OpcUaConfig, file: str) -> str | None:
    try:
        return config.secret()
    except OSError as error:
        fields = {"error": reason(error)}
        raise ConfigError([Problem(file, f"sources.{name}.password_file", "app.secret", fields)]) from None


def _check(sources: Mapping[str, OpcUaConfig], file: str) -> ConfigFindings:
    """The library, connections that others can read or change, and files of secured ones."""
    found = ConfigFindings()
    for name, source in sources.items():
        place = f"sources.{name}"
        if find_spec(LIBRARY) is None:
            found.problems.append(Problem(file, f"{place}.type", "opcua.library"))
        elif source.secure is not None:
            from protocols.opcua.secure_check import flaws

            found.problems += (
                Problem(file, f"{place}.secure.{key}", text, fields) for key, text, fields in flaws(source.secure)
            )
        if source.secure is None and not source.local:
            key = "opcua.plain_password" if source.user is not None else "opcua.plain"
            found.warnings.append(Problem(file, f"{place}.endpoint", key))
    return found


def _check_with(sources: Mapping[str, OpcUaConfig], project: CheckedProject) -> ConfigFindings:
    found = ConfigFindings()
    for name, source in sources.items():
        for index, entry in enumerate(source.devices):
            place = f"sources.{name}.devices[{index}]"
            device = project.devices.get(entry.device)
            if device is None:
                near = nearest(entry.device, list(project.devices))
                key = "config.source.device_near" if near else "config.source.device"
                fields: dict[str, object] = {"value": entry.device, "near": near}
                found.problems.append(Problem(project.file, f"{place}.device", key, fields))
            else:
                problems = _unfit(device, entry.root, project)
                found.problems += (Problem(project.file, f"{place}.{key}", text, more) for key, text, more in problems)
    from_registry = {name for name, source in sources.items() if source.devices_from}
    for code, device in project.devices.items():
        found.problems += _of_registry(code, device, from_registry, project)
    return found


def _of_registry(code: str, device: Device, names: Collection[str], project: CheckedProject) -> Iterator[Problem]:
    """Devices whose source and root stand in the list: the columns opcua_source and opcua_root."""
    source, root = device.attrs.get("opcua_source"), device.attrs.get("opcua_root")
    if source is None and root is None:
        return
    if source not in names:
        fields: dict[str, object] = {"value": str(source or ""), "known": ", ".join(sorted(names))}
        yield project.cell(code, "opcua_source", "opcua.source", fields)
        return
    for key, text, more in _unfit(device, str(root or ""), project):
        yield project.cell(code, "profile" if key == "device" else "opcua_root", text, more)


def _unfit(device: Device, root: str, project: CheckedProject) -> Iterator[tuple[str, str, dict[str, object]]]:
    """(key, text, fields) of what keeps a device from being watched."""
    from protocols.opcua.profile import NODE, OpcUaMap

    if device.profile not in project.profiles:
        return
    if device.profile not in project.mapped:
        file = project.profile_files[device.profile]
        fields: dict[str, object] = {"value": device.code, "profile": device.profile, "file": file}
        yield "device", "config.source.no_nodes", fields
        return
    try:
        nodes = OpcUaMap.model_validate(project.mapped[device.profile])
    except ValidationError:  # found already, where the profile is read
        return
    if any(node.needs_root for node in nodes.points.values()) and not root:
        yield "root", "opcua.no_root", {"device": device.code}
        return
    texts = (node.node_of(root, device.code, component) for node in nodes.points.values() for component in (1,))
    wrong = next((text for text in texts if not NODE.fullmatch(text)), None)
    if wrong is not None:
        yield "root", "opcua.node", {"got": wrong}


def _load_map(section: Mapping[str, Any], profile: Profile, file: str, declared: Mapping[str, str]) -> "OpcUaMap":
    from protocols.opcua.profile import load

    return load(section, profile, file, declared)


def _texts(found: "OpcUaMap", point: str) -> set[str]:
    node = found.points.get(point)
    return set() if node is None or node.map is None else set(node.map.values())


async def _examine(name: str, config: OpcUaConfig, *, running: bool) -> list[DoctorFinding]:  # noqa: ARG001 - the port
    from protocols.opcua.doctor import server

    return await server(name, config)


def _plan(name: str, config: OpcUaConfig, services: SourceServices) -> SourcePlan:  # noqa: ARG001 - the port
    fields = {"endpoint": config.endpoint, "publishing": format_duration(config.publishing)}
    return SourcePlan((), (Phrase("plan.opcua", fields),))


ADAPTER = SourceAdapter(
    name="opcua",
    config=OpcUaConfig,
    build=_build,
    adjust=_adjust,
    check=_check,
    check_with=_check_with,
    profile_map=ProfileMap("opcua", _load_map, _texts),
    metrics=METRICS,
    examine=_examine,
    plan=_plan,
)
