"""A small installation in Chinese, and what may stand in Latin letters in what its commands say."""

import re
from functools import cache
from pathlib import Path
from typing import Any

from backtest.installation_kit import SECRET
from latin import WORD, left

from gateway.domain.unit_table import ROWS
from gateway.settings.model import Settings
from gateway.store.columns import metadata

FILES = {
    "gateway.yaml": """\
name: gw
timezone: Asia/Shanghai
language: zh
data_dir: data
registry: {devices: devices.csv, sites: sites.csv, customers: customers.csv}
api: {port: PORT}
health: {port: 0}
log: {level: info, format: text}
desk: {order_types: {repair: {}}}
sources:
  broker:
    type: mqtt
    url: mqtt://127.0.0.1:BROKER
    client_id: gw
    commands: {allow: [reset]}
    routes:
    - filter: "c/{device}"
      device: "{device}"
      time: {path: ts, unit: ms}
      points: {gun_temp: {path: temp}, status: {path: s}}
  hall:
    type: modbus
    links: {l1: {tcp: "127.0.0.1:9"}}
    devices_from: registry
endpoints:
  oa: {type: webhook, url: "http://127.0.0.1:9/hooks", secret: SECRET, allow: [127.0.0.0/8], events: ["*"]}
""".replace("SECRET", SECRET),
    "profiles/dc.yaml": """\
id: dc
kind: charger
components: 2
points:
  gun_temp: {unit: degC, every: 1m, plausible: {min: -40, max: 200}}
  status: {kind: state, values: [idle, charging, fault]}
  energy: {unit: kWh, kind: counter}
commands:
  reset:
    title: {en: Reset, zh: 重启}
    approval: supervisor
    parameters: {delay: {title: {en: Delay, zh: 延时}, unit: s, min: 0, max: 60, default: 5}}
    mqtt: {topic: "c/{device}/reset", payload: "{delay}"}
""",
    "profiles/meter.yaml": """\
id: meter
kind: gas_meter
points: {battery: {unit: V, every: 10s}}
modbus: {table: holding, points: {battery: {at: 16, type: u16, unit: mV}}}
""",
    "rules/hot.yaml": """\
format: 1
rules:
- id: hot
  title: {en: Connector over temperature, zh: 枪头过温}
  why: {en: a hot connector burns, zh: 枪头过热会起火}
  watch: {kind: charger}
  when: "gun_temp >= attr('temp_trip', 85 degC)"
  hold: 2m
  clear: "gun_temp < 75 degC"
  then: {order: {type: repair, fault: E07, level: major}}
  test:
  - say: 过温两分钟
    every: 1m
    series: {gun_temp: "60 90*5 60*3"}
    until: 9m
    expect: [{at: 3m, is: raised}, {at: 6m, is: cleared}]
""",
    "plans/care.yaml": """\
care:
  title: {en: Quarterly service, zh: 季度保养}
  for: {kinds: [charger]}
  repeat: {rrule: FREQ=MONTHLY;INTERVAL=3, from: 2026-01-05}
  order: {type: repair}
""",
    "sites.csv": "code,name,timezone\nS1,城北站,Asia/Shanghai\n",
    "customers.csv": "code,name,phone\nC2,李,13800000002\n",
    "devices.csv": (
        "code,name,profile,site,customer,temp_trip,modbus_link,modbus_unit\n"
        "CH-1,一号桩,dc,S1,C2,,,\nCH-2,二号桩,dc,S1,,90 degC,,\nGM-1,锅炉房,meter,S1,,,l1,17\n"
    ),
    "map.yaml": """\
device: {column: sn}
time: {column: at, format: "%Y-%m-%d %H:%M:%S", zone: Asia/Shanghai}
points: {gun_temp: {column: temp, unit: degC}, status: {column: status}}
""",
}  # fmt: skip


MESSAGE = '{"ts": 1767225600000, "temp": 95, "s": "odd", "x": 1}'

_CODES = re.compile(r"\b[0-9a-f]{12}\b|\b[a-z]+(?:-[a-z]+)+\b")
"""Revisions of rules, and names of findings such as no-hysteresis."""
ALWAYS = {
    "conf", "mosquitto_sub", "systemd", "Webhooks", "DuckDB", "SQLite", "Excel", "Schema", "draft",
    "viewer", "chmod", "mode", "admin",
    "fieldgate", "true", "false", "persistence", "chrony", "cd", "KiB", "unread", "unmatched",
    "https", "http", "gauge", "degX", "Mars", "bacnet", "account", "compressor", "never", "overlap", "inhibit", "same",
    "code", "settle", "bad", "start", "end", "factor", "reason", "offset",
}  # fmt: skip
"""Programs and their settings, formats, roles, reasons as the API names them."""


def write(folder: Path, changes: dict[str, str] | None = None, port: int = 0, broker: int = 9) -> Path:
    """The installation in `folder`; of `changes` {file: text} replaces or adds. Returns the main file."""
    for name, text in {**FILES, **(changes or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("PORT", str(port)).replace("BROKER", str(broker)), "utf-8")
    return folder / "gateway.yaml"


def _keys(schema: Any) -> set[str]:
    """Of a JSON Schema: names of properties and fixed values."""
    if isinstance(schema, list):
        return set().union(*map(_keys, schema)) if schema else set()
    if not isinstance(schema, dict):
        return set()
    found = set(schema.get("properties", {})) | {one for one in schema.get("enum", ()) if isinstance(one, str)}
    return found.union(*map(_keys, schema.values()))


@cache
def names() -> frozenset[str]:
    """Of the installation, of keys of the configuration, of units. English titles are none."""
    own = re.sub(r"\ben: [^,}]*", "", "\n".join((*FILES, *FILES.values(), MESSAGE)))
    units = {spelling for row in ROWS for spelling in (row.symbol, *row.spellings)}
    words = {word for text in (own, *_keys(Settings.model_json_schema()), *units) for word in WORD.findall(text)}
    return frozenset(words | ALWAYS)


def untranslated(text: str, *more: str) -> list[str]:
    """Latin words of `text` that are no names."""
    return left(_CODES.sub(" ", text), names() | set(metadata.tables) | set(more))


def spaced(line: str) -> bool:
    """Half-width brackets around Chinese, or a space beside full-width punctuation."""
    return bool(re.search(r"[(][^()]*[\u3400-\u9fff][^()]*[)]| [，；：）。]|[，；：（。] ", line))
