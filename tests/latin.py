"""What is left in Latin letters of a Chinese text."""

import re
from collections.abc import Set as AbstractSet

HAN = re.compile(r"[\u3400-\u9fff]")
WORD = re.compile(r"[A-Za-z][A-Za-z]+")
CODE = re.compile(
    r"`[^`]*`|'[^']*'|\[[a-z|]+\]|\[默认：[^\]]*\]|<[^>]*>|--?[a-z][\w-]*|[\w/<>*-]*[/._][\w/.*-]+|\{\{.*?\}\}+|\{[^{}]*\}|\b[0-9a-f]{64}\b|\d+[a-z]+"
)
NAMES = {
    "Fieldgate",
    "Modbus",
    "mosquitto",
    "webhook",
    "Ctrl",
    "Excel",
    "Mosquitto",
    "kill",
    "id",
    "DuckDB",
    "Parquet",
    "PostgreSQL",
    "TimescaleDB",
    "modbus",
    "opcua",
    "openevse",
    "ovms",
    "teslamate",
    "Schema",
    "draft",
    "Python",
    "NumPy",
    "Home",
    "Assistant",
    "Zigbee",
    "Tasmota",
    "Shelly",
    "Homie",
    "SunSpec",
}
UNITS = {"degC", "kWh", "kPa", "km", "min", "kB", "kW", "GiB", "MiB", "ms"}


def left(text: str, called: AbstractSet[str] = frozenset()) -> list[str]:
    """Latin words that are no code, name, unit or metavariable; `called` may stand, too."""
    words = WORD.findall(CODE.sub(" ", text))
    return [word for word in words if not word.isupper() and word not in NAMES | UNITS | called]
