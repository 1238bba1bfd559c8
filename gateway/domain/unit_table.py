"""The units people may write: symbol, other spellings, dimension, and how to reach the canonical unit.

canonical = value * factor + offset. The first unit of a dimension with factor 1 and offset 0 is its canonical unit, in
which values are stored: it never changes. Time is counted in hours, so that rates come out as people write them (m3/h,
km/h) and power * time is energy. Gas at reference conditions (Nm3, Sm3) is another quantity than gas as it flows (m3):
one becomes the other only by pressure and temperature.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UnitRow:
    """One unit. `dimension`: base dimensions joined by `*` and `/`; `spellings`: other accepted spellings."""

    symbol: str
    dimension: str
    factor: float = 1.0
    offset: float = 0.0
    spellings: tuple[str, ...] = ()


def _row(symbol: str, dimension: str, factor: float = 1.0, spellings: str = "", *, offset: float = 0.0) -> UnitRow:
    return UnitRow(symbol, dimension, factor, offset, tuple(spellings.split()))


ENERGY = "power*time"
ROWS: tuple[UnitRow, ...] = (
    _row("degC", "temperature", 1, "℃ °C C Cel 摄氏度"),
    _row("degF", "temperature", 5 / 9, "℉ °F 华氏度", offset=-160 / 9),
    _row("K", "temperature", 1, offset=-273.15),
    _row("V", "voltage", 1, "伏 伏特"), _row("mV", "voltage", 1e-3, "毫伏"), _row("kV", "voltage", 1e3, "千伏"),
    _row("A", "current", 1, "安 安培"), _row("mA", "current", 1e-3, "毫安"), _row("uA", "current", 1e-6, "μA 微安"),
    _row("kA", "current", 1e3, "千安"),
    _row("ohm", "resistance", 1, "Ω 欧 欧姆"), _row("mohm", "resistance", 1e-3, "mΩ 毫欧"),
    _row("kohm", "resistance", 1e3, "kΩ 千欧"), _row("Mohm", "resistance", 1e6, "MΩ 兆欧"),
    _row("Ah", "current*time", 1, "A*h A.h 安时"), _row("mAh", "current*time", 1e-3, "mA*h 毫安时"),
    _row("kW", "power", 1, "千瓦"), _row("W", "power", 1e-3, "瓦"), _row("mW", "power", 1e-6),
    _row("MW", "power", 1e3, "兆瓦"), _row("GW", "power", 1e6, "吉瓦"),
    _row("kVA", "apparent_power", 1, "千伏安"), _row("VA", "apparent_power", 1e-3),
    _row("MVA", "apparent_power", 1e3, "兆伏安"),
    _row("kvar", "reactive_power", 1, "千乏"), _row("var", "reactive_power", 1e-3, "乏"),
    _row("Mvar", "reactive_power", 1e3, "兆乏"),
    _row("kvarh", "reactive_power*time", 1, "kvar*h 千乏时"), _row("varh", "reactive_power*time", 1e-3, "var*h"),
    _row("kWh", ENERGY, 1, "kW.h kW*h 千瓦时"), _row("Wh", ENERGY, 1e-3, "W*h 瓦时"),
    _row("MWh", ENERGY, 1e3, "MW*h 兆瓦时"), _row("GWh", ENERGY, 1e6, "GW*h 吉瓦时"),
    _row("J", ENERGY, 1 / 3.6e6, "焦耳"), _row("kJ", ENERGY, 1 / 3600, "千焦"), _row("MJ", ENERGY, 1 / 3.6, "兆焦"),
    _row("GJ", ENERGY, 1e3 / 3.6, "吉焦"), _row("kcal", ENERGY, 1.163e-3, "大卡 千卡"),
    _row("kPa", "pressure", 1, "千帕"), _row("Pa", "pressure", 1e-3, "帕"), _row("hPa", "pressure", 0.1, "百帕"),
    _row("MPa", "pressure", 1e3, "兆帕"), _row("bar", "pressure", 100, "巴"), _row("mbar", "pressure", 0.1, "毫巴"),
    _row("psi", "pressure", 6.894757293168), _row("atm", "pressure", 101.325, "标准大气压"),
    _row("mmH2O", "pressure", 9.80665e-3, "mmWC 毫米水柱"), _row("mH2O", "pressure", 9.80665, "米水柱"),
    _row("inH2O", "pressure", 0.2490889, "inWC"), _row("mmHg", "pressure", 0.133322387415, "毫米汞柱"),
    _row("kgf/cm2", "pressure", 98.0665, "kgf/cm^2"),
    _row("m3", "volume", 1, "立方米 立方 方 m^3"), _row("L", "volume", 1e-3, "l 升"),
    _row("mL", "volume", 1e-6, "ml 毫升 cm3"), _row("dm3", "volume", 1e-3), _row("ft3", "volume", 0.028316846592),
    _row("Nm3", "normal_volume", 1, "Nm^3 标方 标准立方米 标立方"), _row("Sm3", "standard_volume", 1, "Sm^3"),
    _row("km", "length", 1, "公里 千米"), _row("m", "length", 1e-3, "米"), _row("cm", "length", 1e-5, "厘米"),
    _row("mm", "length", 1e-6, "毫米"), _row("mi", "length", 1.609344, "英里"), _row("ft", "length", 3.048e-4, "英尺"),
    _row("m2", "area", 1, "平方米 m^2"), _row("cm2", "area", 1e-4, "平方厘米"), _row("km2", "area", 1e6, "平方公里"),
    _row("mph", "length/time", 1.609344),
    _row("h", "time", 1, "hour hours 小时"), _row("min", "time", 1 / 60, "minute 分钟"),
    _row("s", "time", 1 / 3600, "sec 秒"), _row("ms", "time", 1 / 3.6e6, "毫秒"),
    _row("day", "time", 24, "d days 天 日"), _row("week", "time", 168, "周"),
    _row("Hz", "frequency", 1, "赫兹 赫"), _row("kHz", "frequency", 1e3, "千赫"), _row("MHz", "frequency", 1e6, "兆赫"),
    _row("rpm", "rotation", 1, "r/min 转/分 转/分钟"),
    _row("pct", "ratio", 1, "%"), _row("permille", "ratio", 0.1, "‰"),
    _row("%RH", "humidity", 1, "RH %rh"), _row("LEL", "lel", 1, "%LEL"),
    _row("ppm", "concentration", 1), _row("ppb", "concentration", 1e-3), _row("%vol", "concentration", 1e4, "%VOL"),
    _row("deg", "angle", 1, "°"), _row("rad", "angle", 57.29577951308232, "弧度"),
    _row("CNY", "money", 1, "元 RMB 人民币"), _row("万元", "money", 1e4),
    _row("kg", "mass", 1, "公斤 千克"), _row("g", "mass", 1e-3, "克"), _row("mg", "mass", 1e-6, "毫克"),
    _row("t", "mass", 1e3, "吨"),
    _row("Nm", "torque", 1, "N*m N.m 牛米"),
    _row("dBm", "signal", 1), _row("dB", "sound", 1, "dBA 分贝"),
    _row("lux", "illuminance", 1, "lx 勒克斯"), _row("klux", "illuminance", 1e3, "klx"),
    _row("pH", "acidity", 1),
)  # fmt: skip
COUNTS = ("次", "个", "台", "pcs")
"""Dimensionless count units."""
