"""Tables of vendor fault codes: code as the device sends it -> canonical name, level, skill, advice."""

from msgspec import Struct

from gateway.domain.alarm import Level


class CodeEntry(Struct, frozen=True):
    """One code. `level` None: this code is no fault (such as `ok`). `advice` by language: en, zh."""

    name: str
    level: Level | None = None
    skill: str = ""
    advice: dict[str, str] = {}


class CodeTable(Struct, frozen=True):
    """`entries` by vendor code; "*" is the entry of all other codes. `source` names the document of the table.
    `titles`: name -> language -> display name."""

    name: str
    entries: dict[str, CodeEntry]
    source: str = ""
    titles: dict[str, dict[str, str]] = {}
