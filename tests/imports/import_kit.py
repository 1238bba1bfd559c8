"""A small project in a folder: two gas meters, a valve, a charger; rules over months."""

from datetime import datetime, timedelta
from pathlib import Path

from click.testing import CliRunner, Result

from gateway.cli import main

GATEWAY = """\
name: gw
timezone: Asia/Shanghai
language: en
data_dir: data
registry: {devices: devices.csv}
api: {port: %d}
health: {port: 0}
desk: {order_types: {verify_meter: {}}}
"""
GAS = """\
kind: gas_meter
points:
  volume_total: {unit: m3, kind: counter, every: 1h, counter: {reset: swap, resolution: 0.001}}
  pressure: {unit: kPa, missing: [999]}
  valve: {kind: state, values: [open, closed]}
"""
CHARGER = """\
kind: charger
components: 2
points:
  gun_temp: {unit: degC, each: true, every: 10s}
"""
RULES = """\
format: 1
rules:
- id: gas.zero
  title: {en: Three months without consumption, zh: 连续三个月零用气}
  why: nobody burns nothing for three months
  watch: {kind: gas_meter}
  let: {used: {increase: volume_total, per: month, coverage: 0.9}}
  when: {streak: {of: "used <= 0.001 m3", length: 3, unknown: breaks}}
  then: {order: {type: verify_meter, level: minor}}
"""
MAP = """\
device: {column: 表号}
time: {column: 时间, format: "%Y-%m-%d %H:%M:%S", zone: Asia/Shanghai}
points: {volume_total: {column: 用量, unit: m3}}
"""


def project(folder: Path, *, rules: str = RULES, gas: str = GAS, port: int = 0, devices: str = "") -> Path:
    """Write it; returns the main file."""
    files = {
        "gateway.yaml": GATEWAY % port,
        "profiles/gas.yaml": gas,
        "profiles/dc.yaml": CHARGER,
        "rules/r.yaml": rules,
        "devices.csv": devices or "code,profile\nGM-1,gas\nGM-2,gas\nC-1,dc\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder / "gateway.yaml"


def hourly(until: datetime, months: int = 1, code: str = "GM-1") -> str:
    """Hourly totals since 2026-01-01: consumption in the first `months` months, then none."""
    at, total, rows = datetime(2026, 1, 1), 100.0, []  # noqa: DTZ001 - local time of the file
    while at < until:
        total += 0.01 if at.month <= months else 0.0
        rows.append(f"{code},{at:%Y-%m-%d %H:%M:%S},{total:.3f}")
        at += timedelta(hours=1)
    return "表号,时间,用量\n" + "\n".join(rows) + "\n"


def write(folder: Path, csv: str | bytes, mapping: str = MAP, name: str = "h.csv") -> tuple[Path, Path]:
    """The file and its map."""
    file, map_file = folder / name, folder / "map.yaml"
    file.write_bytes(csv if isinstance(csv, bytes) else csv.encode())
    map_file.write_text(mapping, "utf-8")
    return file, map_file


def run(config: Path, file: Path, map_file: Path, *more: str) -> Result:
    """`fieldgate import` without a running gateway."""
    arguments = ["import", str(file), "--map", str(map_file), "-c", str(config), *more]
    return CliRunner().invoke(main, arguments, catch_exceptions=False)
