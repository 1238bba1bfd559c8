"""The `opcua:` section of a profile file: the node of each point.

opcua:
  points:
    power: {node: "{root}.Power", unit: kW}
    energy: {node: "{root}.Energy", scale: 0.1, deadband: 5}
    state: {node: "{root}.Connector{component}.State", map: {0: idle, 1: charging}}
    door: {node: "{root}.Status", bit: 3, map: {0: closed, 1: open}}
    phase_1: {node: "{root}.Currents", index: 0}
    level: {node: "{root}", path: "/2:Tank/2:Level"}     # a browse path from the node

`{root}` is the device's, `{device}` its code, `{component}` the number of the component.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from gateway.domain.device import Point, PointKind, PointSpec, Profile
from gateway.domain.errors import ConfigError, Problem
from gateway.domain.units import UnitError, parse_unit
from gateway.section import Duration, Section, wrong
from gateway.section_problems import problems

NODE = re.compile(
    r"(?:nsu=[^;]+;|ns=[0-9]{1,5};)?(?:i=[0-9]{1,10}|s=.+|g=[0-9A-Fa-f-]{36}|b=[A-Za-z0-9+/=]+)", re.DOTALL
)
"""A NodeId as text (OPC 10000-6, 5.3.1.10); `nsu=URI;` names the namespace by its URI."""
_PLACES = re.compile(r"\{([^{}]*)\}")
_KNOWN = ("root", "device", "component")
_STEP = re.compile(r"[/.](?:([0-9]{1,5}):)?((?:[^/.&]|&.)+)")
_Finite = Annotated[float, Field(allow_inf_nan=False)]


class NodeConfig(Section):
    """One point: its node, and what its value means. `unit` is the node's; none = the point's. `deadband`: changes of
    the raw value up to this are not sent. `stale_after`: a value whose source time is older than that is uncertain."""

    node: str
    path: str = ""
    index: Annotated[int, Field(ge=0, le=65535)] | None = None
    bit: Annotated[int, Field(ge=0, le=63)] | None = None
    scale: _Finite = 1.0
    offset: _Finite = 0.0
    unit: str | None = None
    missing: tuple[float | str, ...] = ()
    map: Mapping[int | str, str] | None = None
    deadband: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    sampling: Duration | None = None
    stale_after: Duration = 0

    @field_validator("scale")
    @classmethod
    def _scale(cls, value: float) -> float:
        if value == 0:
            raise wrong("opcua.scale")
        return value

    @field_validator("map", mode="before")
    @classmethod
    def _keys(cls, value: Any) -> Any:
        """true and false are 1 and 0; numbers that a reader of YAML left as text become numbers again."""
        return {_key(key): text for key, text in value.items()} if isinstance(value, Mapping) else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        unknown = [one for one in _PLACES.findall(self.node) if one not in _KNOWN]
        if unknown:
            raise wrong("opcua.placeholder", got=unknown[0], known=", ".join(f"{{{one}}}" for one in _KNOWN))
        if not self.node.startswith("{root}") and not NODE.fullmatch(_PLACES.sub("0", self.node)):
            raise wrong("opcua.node", got=self.node)
        if self.path and "".join(match[0] for match in _STEP.finditer(self.path)) != self.path:
            raise wrong("opcua.path", got=self.path)
        return self

    def steps(self) -> tuple[tuple[str, int | None, str], ...]:
        """`path` as (reference, namespace or None = that of the node, browse name): OPC 10000-4, A.2."""
        return tuple(
            (match[0][0], None if match[1] is None else int(match[1]), re.sub(r"&(.)", r"\1", match[2]))
            for match in _STEP.finditer(self.path)
        )

    def node_of(self, root: str, device: str, component: int) -> str:
        """The text of the NodeId of a device's component."""
        fields = {"root": root, "device": device, "component": str(component)}
        return _PLACES.sub(lambda found: fields[found[1]], self.node)

    @property
    def needs_root(self) -> bool:
        """Its node cannot be named without the device's root."""
        return "{root}" in self.node


def _key(key: Any) -> Any:
    if isinstance(key, bool):
        return int(key)
    if isinstance(key, str) and re.fullmatch(r"-?(?:0x[0-9A-Fa-f]+|[0-9]+)", key):
        return int(key, 0)
    return key


class OpcUaMap(Section):
    """The section. See the head of this file."""

    points: Annotated[Mapping[str, NodeConfig], Field(min_length=1)]


def load(
    section: Mapping[str, Any], profile: Profile, file: str, declared: Mapping[str, str] | None = None
) -> OpcUaMap:
    """The parsed section, checked against the profile. A node without `missing` or `unit` takes that of its point;
    `declared` are the units of points as the file writes them. Raises ConfigError with everything wrong at once."""
    try:
        found = OpcUaMap.model_validate(section)
    except ValidationError as error:
        raise ConfigError(problems(error, OpcUaMap, file, "opcua")) from error
    wrong_ones: list[Problem] = []
    points: dict[str, NodeConfig] = {}
    known = ", ".join(sorted(point.name for point in profile.points))
    for name, node in found.points.items():
        spec = profile.point(name)
        if spec is None:
            wrong_ones.append(
                Problem(file, f"opcua.points.{name}", "opcua.unknown_point", {"name": name, "known": known})
            )
            continue
        wrong_ones += [Problem(file, f"opcua.points.{name}", key, fields) for key, fields in misfits(node, spec)]
        inherited: dict[str, object] = {}
        if not node.missing:
            inherited["missing"] = spec.missing
        if node.unit is None and spec.kind is not PointKind.STATE and declared and name in declared:
            inherited["unit"] = declared[name]
        points[name] = node.model_copy(update=inherited)
    if wrong_ones:
        raise ConfigError(wrong_ones)
    return OpcUaMap.model_construct(points=points)


def misfits(node: NodeConfig, point: Point | PointSpec) -> Iterator[tuple[str, dict[str, object]]]:
    """What keeps a node from being this point: (text, fields)."""
    name = point.name
    if point.kind is PointKind.STATE:
        if {"unit", "scale", "offset", "deadband"} & node.model_fields_set:
            yield "opcua.state_scale", {"name": name}
    elif node.map is not None:
        yield "opcua.not_state", {"name": name, "what": "map"}
    elif node.unit:
        try:
            sent = parse_unit(node.unit)
        except UnitError as error:
            yield error.key, {**error.fields}
        else:
            if sent.dimension != parse_unit(point.unit).dimension:
                yield "opcua.unit_other", {"unit": node.unit, "point": point.unit or "1"}
    each = getattr(point, "each", getattr(point, "component", 0) > 0)
    if each and "{component}" not in node.node:
        yield "opcua.component", {"name": name}
