"""B8: which texts a configuration names, so that they stand in their tables from the start."""

from pathlib import Path

from gateway.clock import SystemClock
from gateway.registry import DeclaredInventory, Registry
from gateway.settings import load_project
from gateway.store import Database, SqlRegistryStore

GATEWAY = """\
name: gw
timezone: Asia/Shanghai
data_dir: var
registry: {devices: devices.csv}
desk: {order_types: {repair: {}}}
sources:
  broker:
    type: mqtt
    url: mqtt://127.0.0.1
    client_id: gw
    routes:
    - {filter: "s/{device}", device: "{device}", points: {valve: {path: v, map: {0: shut, 1: open}}, p: {path: p}}}
  line:
    type: modbus
    links: {l: {tcp: 127.0.0.1:502}}
    devices: [{device: M1, link: l, unit: 1}]
"""
METER = """\
kind: gas_meter
points:
  valve: {kind: state, values: [open]}
  fault: {kind: state}
  mode: {kind: state, values: [auto]}
  p: {unit: kPa}
modbus:
  points:
    mode: {at: 1, map: {1: auto, 2: manual}}
"""
CODES = """\
source: a list
entries:
  F1: {name: leak, level: critical}
  F0: {name: ok, level: none}
  "*": {name: other, level: minor}
"""
RULES = """\
format: 1
rules:
- id: codes
  title: {en: Code, zh: 代码}
  watch: {kind: gas_meter}
  let: {code: {code_of: fault, table: codes}}
  when: "code.level >= 'major'"
  then: {order: {type: repair}}
- id: compared
  title: {en: Compared, zh: 比较}
  watch: {kind: gas_meter}
  let: {n: {times: "valve == 'tampered'", over: 24h}}
  when: {any: ["fault in ['fire', 'flood']", "n >= 3"]}
  unless: "mode != 'service'"
  then: {order: {type: repair}}
- id: many
  title: {en: Many, zh: 多}
  watch: {kind: gas_meter, group: site}
  members: {of: "valve == 'jammed'", at_least: 2}
  then: {order: {type: repair}}
"""


def project(folder: Path, rules: str = RULES) -> DeclaredInventory:
    files = {
        "gateway.yaml": GATEWAY,
        "profiles/meter.yaml": METER,
        "rules/r.yaml": rules,
        "codes/codes.yaml": CODES,
        "devices.csv": "code,profile\nM1,meter\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return load_project(folder / "gateway.yaml", {}).declared


def test_rules_code_tables_routes_and_register_maps_name_texts(tmp_path: Path) -> None:
    assert project(tmp_path).texts == {
        ("meter", "valve"): ("jammed", "shut", "tampered"),
        ("meter", "fault"): ("F0", "F1", "fire", "flood"),
        ("meter", "mode"): ("manual", "service"),
    }


def test_a_rule_that_is_added_has_its_texts_whatever_was_refused_before(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "var" / "registry.sqlite")
    database.upgrade()
    registry = Registry(SqlRegistryStore(database, SystemClock(), "t"), "t", SystemClock())
    registry.apply(project(tmp_path))
    fault = registry.points("meter")["fault", 0].id
    assert registry.state_code(fault, "fire", 1) == 2
    assert [registry.state_code(fault, f"made up {n}", 1) for n in range(70)][-6:] == [None] * 6
    assert registry.state_code(fault, "made up 69", 1) is None
    registry.apply(project(tmp_path, RULES.replace("'flood'", "'flood', 'made up 69'")))
    assert registry.state_code(fault, "made up 69", 1) == 68
    assert registry.state_code(fault, "fire", 1) == 2
    database.close()
