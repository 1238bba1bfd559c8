"""What a payload is before its values are looked for: text, CSV, line protocol, bytes, samples with a time step."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, TypeAdapter, field_validator, model_validator

from gateway.section import Duration, Section, wrong
from protocols.mapping.config_problem import submodel
from protocols.mapping.path import parse_path
from protocols.mapping.point_config import JsonPath
from protocols.mapping.struct_layout import parse_field_type

LONGEST_FRAME = 4096
"""Bytes of a binary payload that fields may lie in."""


class FieldLayout(Section):
    """One field of a binary payload: `at` bytes from the start, from the end when negative. `order`: of its bytes."""

    at: int = Field(ge=-LONGEST_FRAME, lt=LONGEST_FRAME)
    type: str
    order: Literal["big", "little"] | None = None

    @field_validator("type")
    @classmethod
    def _type(cls, value: str) -> str:
        parse_field_type(value)
        return value


class BinaryLayout(Section):
    """Bytes as fields, by their names; `order`: of those without one. `length`: no other length is accepted."""

    order: Literal["big", "little"] = "big"
    length: int | None = Field(default=None, ge=1, le=LONGEST_FRAME)
    fields: dict[str, FieldLayout] = Field(min_length=1)


class UnpackConfig(Section):
    """A text in the message that holds more: JSON, or bytes as base64 or hex. What was unpacked takes its place.

    `holds`: the bytes are `fields` or the text of a JSON document.
    """

    path: JsonPath
    encoding: Literal["json", "base64", "hex"]
    holds: Literal["fields", "json"] = "fields"
    order: Literal["big", "little"] = "big"
    length: int | None = Field(default=None, ge=1, le=LONGEST_FRAME)
    fields: dict[str, FieldLayout] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fields(self) -> Self:
        if self.is_json == bool(self.fields):
            raise wrong("route.unpack_fields", got=self.encoding)
        if self.is_json and (self.length is not None or "order" in self.model_fields_set):
            raise wrong("route.unpack_json")
        if not parse_path(self.path).steps or parse_path(self.path).root:
            raise wrong("route.unpack_path", got=self.path)
        return self

    @property
    def is_json(self) -> bool:
        """What is unpacked is a JSON document."""
        return "json" in (self.encoding, self.holds)


class CsvPayload(Section):
    """Lines of columns. `columns` names them; without it the first line does."""

    format: Literal["csv"]
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    columns: tuple[str, ...] = ()

    @field_validator("columns")
    @classmethod
    def _columns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if twice := {name for name in value if value.count(name) > 1}:
            raise wrong("route.csv_columns", got=", ".join(sorted(twice)))
        return value


class BinaryPayload(BinaryLayout):
    """The payload itself is bytes, or their hex or base64."""

    format: Literal["binary"]
    encoding: Literal["raw", "base64", "hex"] = "raw"


class PlainPayload(Section):
    """A payload that needs no more words: `influx` is InfluxDB's line protocol, `form` is `a=1&b=2` of a URL or a form,
    `none` is not looked at."""

    format: Literal["json", "influx", "form", "none"]


PayloadConfig = PlainPayload | CsvPayload | BinaryPayload
_FORMATS: dict[str, type[PayloadConfig]] = {
    "json": PlainPayload,
    "influx": PlainPayload,
    "form": PlainPayload,
    "none": PlainPayload,
    "csv": CsvPayload,
    "binary": BinaryPayload,
}


def payload_model(value: object) -> object:
    """`csv` or `{format: csv, …}` as its model."""
    given: dict[object, object] = dict(value) if isinstance(value, dict) else {"format": value}
    model = _FORMATS.get(str(given.get("format")))
    if model is None:
        raise wrong("route.payload", got=given.get("format"), known=", ".join(_FORMATS))
    return value if isinstance(value, Section) else submodel(model, given)


class StepAt(Section):
    """The time step stands in the message."""

    path: JsonPath
    unit: Literal["ms", "s", "min", "h"] = "s"


def _step(value: object) -> object:
    return submodel(StepAt, value) if isinstance(value, dict) else _DURATION.validate_python(value)


_DURATION = TypeAdapter(Duration)


class SamplesConfig(Section):
    """Lists of samples with a time step; `values`: name -> where its list stands. All lists are of one length.

    The route's `time` is that of the `first` or the `last` sample; `newest_first`: the lists begin with the newest.
    Points take their values by the names.
    """

    values: dict[str, JsonPath] = Field(min_length=1)
    step: Annotated[int | StepAt, BeforeValidator(_step)]
    time: Literal["first", "last"] = "first"
    newest_first: bool = False

    @field_validator("step")
    @classmethod
    def _positive(cls, value: int | StepAt) -> int | StepAt:
        if value == 0:
            raise wrong("route.samples_step")
        return value
