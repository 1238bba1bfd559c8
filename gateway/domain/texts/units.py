"""Units: the message about an unknown unit, and the names of units."""

_WRONG = {
    "near": ("no unit {unit}; write {write}", "没有单位 {unit}；请写 {write}"),
    "degree": (
        "{unit} means kWh for electricity and degrees elsewhere; write one of {write}",
        "{unit} 可指千瓦时，也可指温度或角度；请写 {write} 之一",
    ),
    "unknown": (
        "no unit {unit}; write one that `fieldgate units` lists, or a product or quotient of them such as m3/h",
        "没有单位 {unit}；请写 `fieldgate units` 所列的单位，或其乘积、商，如 m3/h",
    ),
}
_DIMENSIONS = {
    "temperature": ("temperature", "温度"), "voltage": ("voltage", "电压"), "current": ("current", "电流"),
    "resistance": ("resistance", "电阻"), "current*time": ("charge", "电量（电荷）"), "power": ("power", "功率"),
    "apparent_power": ("apparent power", "视在功率"), "reactive_power": ("reactive power", "无功功率"),
    "reactive_power*time": ("reactive energy", "无功电量"), "power*time": ("energy", "能量"),
    "pressure": ("pressure", "压力"), "volume": ("volume", "体积"),
    "normal_volume": (
        "volume of gas at normal conditions (0 °C, 101.325 kPa; never compared with m3)",
        "标准状态气体体积（不能与 m3 比较）",
    ),
    "standard_volume": (
        "volume of gas at standard conditions (15 or 20 °C, as the meter says)", "标准参比条件气体体积（15 或 20 °C）",
    ),
    "length": ("length", "长度"), "area": ("area", "面积"), "length/time": ("speed", "速度"), "time": ("time", "时间"),
    "frequency": ("frequency", "频率"), "rotation": ("rotational speed", "转速"), "ratio": ("ratio", "比例"),
    "humidity": ("relative humidity", "相对湿度"), "lel": ("share of the lower explosive limit", "爆炸下限百分比"),
    "concentration": ("concentration by volume", "体积浓度"), "angle": ("angle", "角度"), "money": ("money", "金额"),
    "mass": ("mass", "质量"), "torque": ("torque", "扭矩"), "signal": ("signal strength", "信号强度"),
    "sound": ("sound level", "声级"), "illuminance": ("illuminance", "照度"), "acidity": ("acidity", "酸碱度"),
}  # fmt: skip
_NAMES = {
    "degC": ("degree Celsius", "摄氏度"), "degF": ("degree Fahrenheit", "华氏度"), "K": ("kelvin", "开尔文"),
    "V": ("volt", "伏"), "mV": ("millivolt", "毫伏"), "kV": ("kilovolt", "千伏"), "A": ("ampere", "安"),
    "mA": ("milliampere", "毫安"), "uA": ("microampere", "微安"), "kA": ("kiloampere", "千安"), "ohm": ("ohm", "欧姆"),
    "mohm": ("milliohm", "毫欧"), "kohm": ("kiloohm", "千欧"), "Mohm": ("megaohm", "兆欧"), "Ah": ("ampere hour", "安时"),
    "mAh": ("milliampere hour", "毫安时"), "kW": ("kilowatt", "千瓦"), "W": ("watt", "瓦"), "mW": ("milliwatt", "毫瓦"),
    "MW": ("megawatt", "兆瓦"), "GW": ("gigawatt", "吉瓦"), "kVA": ("kilovolt-ampere", "千伏安"),
    "VA": ("volt-ampere", "伏安"), "MVA": ("megavolt-ampere", "兆伏安"), "kvar": ("kilovar", "千乏"), "var": ("var", "乏"),
    "Mvar": ("megavar", "兆乏"), "kvarh": ("kilovar hour", "千乏时"), "varh": ("var hour", "乏时"),
    "kWh": ("kilowatt hour", "千瓦时"), "Wh": ("watt hour", "瓦时"), "MWh": ("megawatt hour", "兆瓦时"),
    "GWh": ("gigawatt hour", "吉瓦时"), "J": ("joule", "焦耳"), "kJ": ("kilojoule", "千焦"), "MJ": ("megajoule", "兆焦"),
    "GJ": ("gigajoule", "吉焦"), "kcal": ("kilocalorie", "千卡"), "kPa": ("kilopascal", "千帕"), "Pa": ("pascal", "帕"),
    "hPa": ("hectopascal", "百帕"), "MPa": ("megapascal", "兆帕"), "bar": ("bar", "巴"), "mbar": ("millibar", "毫巴"),
    "psi": ("pound per square inch", "磅每平方英寸"), "atm": ("standard atmosphere", "标准大气压"),
    "mmH2O": ("millimetre of water", "毫米水柱"), "mH2O": ("metre of water", "米水柱"),
    "inH2O": ("inch of water", "英寸水柱"), "mmHg": ("millimetre of mercury", "毫米汞柱"),
    "kgf/cm2": ("kilogram-force per square centimetre", "千克力每平方厘米"), "m3": ("cubic metre", "立方米"),
    "L": ("litre", "升"), "mL": ("millilitre", "毫升"), "dm3": ("cubic decimetre", "立方分米"),
    "ft3": ("cubic foot", "立方英尺"), "Nm3": ("normal cubic metre", "标准立方米"),
    "Sm3": ("standard cubic metre", "参比立方米"), "km": ("kilometre", "千米"), "m": ("metre", "米"),
    "cm": ("centimetre", "厘米"), "mm": ("millimetre", "毫米"), "mi": ("mile", "英里"), "ft": ("foot", "英尺"),
    "m2": ("square metre", "平方米"), "cm2": ("square centimetre", "平方厘米"), "km2": ("square kilometre", "平方千米"),
    "mph": ("mile per hour", "英里每小时"), "h": ("hour", "小时"), "min": ("minute", "分钟"), "s": ("second", "秒"),
    "ms": ("millisecond", "毫秒"), "day": ("day of 24 hours", "天（24 小时）"), "week": ("week of 7 days", "周（7 天）"),
    "Hz": ("hertz", "赫兹"), "kHz": ("kilohertz", "千赫"), "MHz": ("megahertz", "兆赫"),
    "rpm": ("revolution per minute", "转每分"), "pct": ("per cent", "百分之一"), "permille": ("per mille", "千分之一"),
    "%RH": ("per cent relative humidity", "相对湿度百分比"), "LEL": ("per cent of the lower explosive limit", "爆炸下限百分比"),
    "ppm": ("part per million", "百万分之一"), "ppb": ("part per billion", "十亿分之一"),
    "%vol": ("per cent by volume", "体积百分比"), "deg": ("degree of angle", "角度"), "rad": ("radian", "弧度"),
    "CNY": ("yuan", "元"), "万元": ("ten thousand yuan", "万元"), "kg": ("kilogram", "千克"), "g": ("gram", "克"),
    "mg": ("milligram", "毫克"), "t": ("tonne", "吨"), "Nm": ("newton metre", "牛顿米"),
    "dBm": ("decibel milliwatt", "分贝毫瓦"), "dB": ("decibel", "分贝"), "lux": ("lux", "勒克斯"),
    "klux": ("kilolux", "千勒克斯"), "pH": ("pH", "pH 值"),
}  # fmt: skip

TEXTS: dict[str, tuple[str, str]] = {
    **{f"unit.{key}": pair for key, pair in _WRONG.items()},
    **{
        f"rules.expr.unit_{key}": (f"at character {{at}}: {english}", f"第 {{at}} 个字符：{chinese}")
        for key, (english, chinese) in _WRONG.items()
    },
    **{f"unit.of.{dimension}": pair for dimension, pair in _DIMENSIONS.items()},
    **{f"unit.name.{symbol}": pair for symbol, pair in _NAMES.items()},
    "unit.list.head": (
        "Units by what they measure; values are stored in the first of each group.",
        "按物理量列出的单位；数值以每组第一个单位存储。",
    ),
    "unit.list.group": ("{name}, stored in {unit}", "{name}，以 {unit} 存储"),
    "unit.list.factor": ("1 {symbol} = {factor} {unit}", "1 {symbol} = {factor} {unit}"),
    "unit.list.shifted": ("{unit} = {symbol} × {factor} + {offset}", "{unit} = {symbol} × {factor} + {offset}"),
    "unit.list.spelled": ("also {spellings}", "也可写 {spellings}"),
    "unit.list.made": ("{unit}, stored in {stored}: 1 {unit} = {factor} {stored}", "{unit}，以 {stored} 存储：1 {unit} = {factor} {stored}"),
    "unit.list.compound": (
        "Products and quotients are units too: m3/h, kW*h, kg/m3, L/min, kWh/km, kWh/100km, W/m2, m/s2.",
        "单位的乘积和商也是单位：m3/h、kW*h、kg/m3、L/min、kWh/km、kWh/100km、W/m2、m/s2。",
    ),
    "unit.list.bridges": (
        "A ratio may be compared with per cent, V*A with kW or kVA, Hz with rpm and with events per time.",
        "比值可与百分数比较，V*A 可与 kW 或 kVA 比较，Hz 可与 rpm 及每段时间的次数比较。",
    ),
}
