"""`sources.NAME` with `type: drop_folder`: the folder, its files, and how their lines become readings."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from gateway.domain.duration import HOUR, MS, SECOND
from gateway.section import Duration, wrong
from protocols.mapping.config import RoutesSection

LINES = ("csv", "influx", "json")
"""Payloads that a file of lines can hold."""


class DropFolderConfig(RoutesSection):
    """A folder that is looked at every so often. `keep`: how long files stay in `done/`, 0 = for ever; `block`: lines
    that make one message."""

    type: Literal["drop_folder"]
    folder: Path
    files: str = Field(default="*.csv", min_length=1)
    encoding: Literal["utf-8", "gb18030"] = "utf-8"
    every: Duration = 5 * SECOND
    settle: Duration = 2 * SECOND
    block: int = Field(default=1000, ge=1, le=10_000)
    keep: Duration = 0

    @field_validator("folder")
    @classmethod
    def _folder(cls, value: Path) -> Path:
        if not value.is_absolute():
            raise wrong("drop.folder", got=str(value))
        return value

    @field_validator("files")
    @classmethod
    def _files(cls, value: str) -> str:
        if "/" in value:
            raise wrong("drop.files", got=value)
        return value

    @field_validator("every")
    @classmethod
    def _every(cls, value: int) -> int:
        if not 10 * MS <= value <= HOUR:
            raise wrong("mqtt.range", got=f"{value // MS}ms", low="10ms", high="1h")
        return value

    @model_validator(mode="after")
    def _read_again(self) -> Self:
        """A file may be read twice: readings must be the same ones then, so their time comes from the file."""
        for number, route in enumerate(self.routes, 1):
            if route.payload.format not in LINES:
                raise wrong("drop.payload", got=route.payload.format, route=number, known=", ".join(LINES))
            if route.time is None or route.time.absent != "reject":
                raise wrong("drop.time", route=number)
        return self
