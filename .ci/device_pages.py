"""`docs/devices.md` and `docs/devices.zh.md`: every device profile with its document, connection, points and tests.

python .ci/device_pages.py
python .ci/device_pages.py --check     # exit status 1 when a page is older than the profiles
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
PROFILES = ROOT / "config" / "profiles"
SAMPLES = ROOT / "config" / "sources"
VALUES = ROOT / "tests" / "devices" / "values"
ORIGINS = ("real", "document", "computed")
PAGES = {"en": ROOT / "docs" / "devices.md", "zh": ROOT / "docs" / "devices.zh.md"}
TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Devices",
        "other": "[中文](devices.zh.md)",
        "intro": """{count} real devices that Fieldgate has a profile for. The profiles are in `config/profiles`, one
folder a kind; Modbus devices have their register map in the profile, the others a source with routes to copy in
`config/sources`, under the same name. `fieldgate init DIR --profile ID` writes a project with one of them. A
point of one name means the same in all profiles, so that the rules of `config/rules` work for all.

Each profile names the document it was written from, and `tests/devices/values` has values of each point, with
their source: **real** were read from a device and published, **document** are examples of the manufacturer or
project, **computed** were encoded by the document and seen at no device. A profile with computed values alone
wants a look at the first device. Whoever has values of a real one: they are welcome there. The page is made by
`python .ci/device_pages.py`.""",
        "head": "| profile | device | document | connection | values | points |",
        "chargers": "Chargers", "gas": "Gas meters, correctors, detectors", "meters": "Energy meters",
        "sensors": "Plugs, relays, sensors", "vehicles": "Vehicles and trackers",
        "real": "real", "document": "document", "computed": "computed",
        "gauge": "", "counter": "counter", "state": "state", "each": "of every connector",
    },
    "zh": {
        "title": "设备清单",
        "other": "[English](devices.md)",
        "intro": """共 {count} 种真实设备已有型号。型号在 `config/profiles`，每类一个目录；
Modbus 设备的寄存器表写在型号里，其余设备在 `config/sources` 有同名的数据源样例（含路由），可直接复制。
`fieldgate init DIR --profile ID` 用其中一种生成项目。同名测点在所有型号中含义相同，
因此 `config/rules` 的规则对全部设备有效。

每个型号注明所依据的文档；`tests/devices/values` 有每个测点的数值及出处：**实测**：取自真实设备并已公开；
**文档**：厂家或项目文档的示例；**推算**：按文档编码，未在设备上验证。只有推算值的型号，
接入第一台设备时请核对。欢迎补充真实设备的数值。本页由 `python .ci/device_pages.py` 生成。""",
        "head": "| 型号 | 设备 | 文档 | 连接 | 数值 | 测点 |",
        "chargers": "充电桩", "gas": "燃气表、体积修正仪、气体探测器", "meters": "电能表",
        "sensors": "插座、继电器、传感器", "vehicles": "车辆与定位终端",
        "real": "实测", "document": "文档", "computed": "推算",
        "gauge": "", "counter": "累计量", "state": "状态", "each": "每枪",
    },
}  # fmt: skip


def _yaml(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text("utf-8"))


def page(lang: str) -> str:
    """The whole page in one language."""
    text = TEXTS[lang]
    files = sorted(PROFILES.glob("*/*.yaml"))
    lines = [f"# {text['title']}", "", text["other"], "", text["intro"].format(count=len(files))]
    for folder in ("chargers", "meters", "gas", "sensors", "vehicles"):
        rows = [_row(path, lang) for path in files if path.parent.name == folder]
        if rows:
            title = f"{text[folder]}：{len(rows)}" if lang == "zh" else f"{text[folder]} ({len(rows)})"
            lines += ["", f"## {title}", "", text["head"], "|---" * 6 + "|", *rows]
    return "\n".join(lines) + "\n"


def _row(path: Path, lang: str) -> str:
    profile, text = _yaml(path), TEXTS[lang]
    origins = {case["origin"] for case in _yaml(VALUES / path.name)["cases"]}
    values = "、" if lang == "zh" else ", "
    cells = (
        f"[`{profile['id']}`](../{path.relative_to(ROOT)})",
        _quoted(f"{profile['vendor']} {profile['model']}", lang),
        _quoted(profile["source"], lang),
        _connection(profile),
        values.join(text[one] for one in ORIGINS if one in origins),
        values.join(_point(name, one, lang) for name, one in profile["points"].items()),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _quoted(text: str, lang: str) -> str:
    """Names and titles are not translated."""
    return f"`{text}`" if lang == "zh" else text


def _connection(profile: Mapping[str, Any]) -> str:
    if "modbus" in profile:
        maps = profile["modbus"]
        tables = {maps.get("table", "holding")} | {one["table"] for one in maps["points"].values() if "table" in one}
        return f"Modbus `{'` `'.join(sorted(tables))}`"
    (source,) = _yaml(SAMPLES / f"{profile['id']}.yaml").values()
    filters = dict.fromkeys(route["filter"] for route in source["routes"])
    link = f"[{source['type'].upper()}](../config/sources/{profile['id']}.yaml)"
    return " ".join([link, *(f"`{one}`" for one in filters)])


def _point(name: str, point: Mapping[str, Any], lang: str) -> str:
    text = TEXTS[lang]
    unit = _quoted(str(point["unit"]), lang) if "unit" in point else ""
    notes = [one for one in (unit, text[point.get("kind", "gauge")]) if one]
    if point.get("each"):
        notes.append(text["each"])
    if lang == "zh":
        return f"`{name}` {point['title']['zh']}" + (f"（{'，'.join(notes)}）" if notes else "")
    return f"`{name}`" + (f" ({', '.join(notes)})" if notes else "")


def _main(arguments: list[str]) -> int:
    pages = {path: page(lang) for lang, path in PAGES.items()}
    old = [path for path, text in pages.items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in arguments:
        print(*(f"{path} is older than the profiles: python .ci/device_pages.py" for path in old), sep="\n")
        return 1 if old else 0
    for path in old:
        path.write_text(pages[path], "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
