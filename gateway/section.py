"""Building blocks of configuration models: every folder owns its `config.py`, settings joins them."""

import re
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError

from gateway.domain.duration import parse_duration
from gateway.domain.text import localize


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class AdapterSection(Protocol):
    """The configuration of an adapter: a `Section` of its own that has these keys."""

    @property
    def type(self) -> str:
        """Name of the adapter; each adapter narrows it to its own."""


@runtime_checkable
class ListeningSection(Protocol):
    """The configuration of a source that others connect to."""

    @property
    def address(self) -> tuple[str, int]:
        """(host, port); port 0 = any free one."""


def _duration(value: Any) -> int:
    try:
        return parse_duration(value if isinstance(value, str) else "")
    except ValueError:
        text = "{written} is not a duration; write 500ms, 30s, 15m, 4h or 7d"
        raise PydanticCustomError("duration", text, {"written": repr(value)}) from None


_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(B|kB|KiB|MB|MiB|GB|GiB|TB|TiB)")
_FACTOR = {
    "B": 1, "kB": 10**3, "KiB": 2**10, "MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30, "TB": 10**12, "TiB": 2**40,
}  # fmt: skip


def _size(value: Any) -> int:
    if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        return int(float(match[1]) * _FACTOR[match[2]])
    text = "{written} is not a size; write 64KiB, 200MiB or 2GiB"
    raise PydanticCustomError("bytes", text, {"written": repr(value)})


Duration = Annotated[int, BeforeValidator(_duration)]
"""Written `30s`, `2m10s`, `7d`; held as µs. Defaults in code are plain µs integers."""

Bytes = Annotated[int, BeforeValidator(_size)]
"""Written `64KiB`, `2GiB`; held as bytes. Defaults in code are plain integers."""


class SourceCommands(Section):
    """`commands` of a source: what may be sent to its devices. Left out: nothing."""

    allow: tuple[
        Annotated[str, Field(pattern=r"^([A-Za-z0-9_.@-]+/)?[A-Za-z][A-Za-z0-9_]*$", max_length=200)], ...
    ] = ()
    """`set_limit`: this command of every profile; `PROFILE/set_limit`: of this one."""
    devices: tuple[Annotated[str, Field(min_length=1, max_length=120)], ...] = ()
    """Codes of devices, `*` for any characters; left out: all that the source reaches."""
    per_minute: int = Field(default=6, ge=1, le=600)
    """Commands to one device, at most."""


class EndpointSection(AdapterSection, Protocol):
    """The configuration of a receiver."""

    @property
    def url(self) -> str:
        """Address of the receiver, without secrets."""


class StoreSection(Section):
    """Settings common to all stores of readings."""

    name: Annotated[str, Field(pattern="^([A-Za-z0-9][A-Za-z0-9_-]{0,59})?$")] = ""
    """In logs and metrics; left out: its type."""


class SeriesSection(AdapterSection, Protocol):
    """The configuration of a store of readings."""

    @property
    def name(self) -> str:
        """Its own name, "" = that of its type."""

    @property
    def retention(self) -> int:
        """µs, how long readings are kept."""


def read_secret(inline: SecretStr | None, file: Path | None) -> str:
    """The secret given inline (settings already replaced `${ENV}`) or in a file (one trailing newline is dropped).

    Raises ValueError when both or neither are given, OSError when the file cannot be read.
    """
    if (inline is None) == (file is None):
        raise ValueError("give the secret inline as ${ENV_NAME} or as *_file, exactly one of them")
    return inline.get_secret_value() if inline is not None else Path(file or "").read_text("utf-8").removesuffix("\n")


def wrong(key: str, **fields: object) -> PydanticCustomError:
    """The text `key` of the catalogue as a validation error: `type` is the key and `ctx` its fields, so that the
    problem can be printed in another language. Braces in the finished text are not read as fields."""
    return PydanticCustomError(key, "{text}", {**fields, "text": localize(key, **fields)})
