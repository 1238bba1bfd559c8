"""Abnormal readings, corrections, exchanges of meters."""

TEXTS: dict[str, tuple[str, str]] = {
    "readings.no_gateway": (
        "no gateway answers at {url}: start it with fieldgate run", "{url} 没有网关应答：请先用 fieldgate run 启动网关",
    ),
    "readings.no_data": ("no data", "无数据"),
    "readings.none_abnormal": ("No reading was marked as abnormal.", "没有异常读数。"),
    "readings.count": (
        "{device}  {point}  {reason}: {count}, the newest {last}", "{device}  {point}  {reason}：{count} 条，最近一条 {last}",
    ),
    "readings.recent": ("The newest:", "最近的异常读数："),
    "readings.mark": ("{at}  {device}  {point}  {value}  {reason}", "{at}  {device}  {point}  {value}  {reason}"),
    "readings.reason.below_min": ("below the smallest believable value", "低于下限"),
    "readings.reason.above_max": ("above the largest believable value", "高于上限"),
    "readings.reason.too_fast": ("changed too fast", "变化过快"),
    "readings.reason.step": ("too large a step", "阶跃过大"),
    "readings.reason.stuck": ("one value for too long", "长时间不变"),
    "readings.reason.fell": ("the counter fell", "累计量回退"),
    "readings.reason.spike": ("a spike", "尖峰"),
    "readings.corrected": (
        "{count} readings corrected, rules judge {judged} of them again; correction {id}",
        "已更正 {count} 条读数，其中 {judged} 条由规则重新判断；更正编号 {id}",
    ),
    "readings.would": (
        "{count} readings would change, rules would judge {judged} of them again", "将更正 {count} 条读数，其中 {judged} 条将由规则重新判断",
    ),
    "readings.no_corrections": ("No reading was corrected.", "没有更正过的读数。"),
    "readings.correction": (
        "{id}  {at}  {device}  {point}: {what}, {readings} readings, by {actor}: {reason}",
        "{id}  {at}  {device}  {point}：{what}，{readings} 条读数，{actor}：{reason}",
    ),
    "readings.kind.value": ("set to {value}", "改为 {value}"),
    "readings.kind.bad": ("no data", "无数据"),
    "readings.kind.scale": ("times {factor}, plus {offset}", "乘 {factor} 加 {offset}"),
    "readings.undone": ("; taken back {at} by {actor}", "；{actor} 于 {at} 撤销"),
    "readings.taken_back": ("Correction {id} is taken back: {count} readings", "已撤销更正 {id}：{count} 条读数"),
    "meter.recorded": (
        "Meter of {point} of {device} exchanged at {at}: old meter {old}, new meter {new}, factor {factor}; exchange {id}",
        "已登记 {device} 的 {point} 换表，{at}：旧表止码 {old}，新表起码 {new}，系数 {factor}；换表编号 {id}",
    ),
    "meter.would": (
        "Would be recorded: meter of {point} of {device} exchanged at {at}: old meter {old}, new meter {new}, factor {factor}",
        "将登记 {device} 的 {point} 换表，{at}：旧表止码 {old}，新表起码 {new}，系数 {factor}",
    ),
    "meter.counted": (
        "last reading of the old meter: {last} ({at}); counted after it: {counted}", "旧表最后读数 {last}（{at}）；其后补计 {counted}",
    ),
    "meter.scaled": ("{count} readings of the new meter get the factor", "新表已有 {count} 条读数乘以系数"),
    "meter.none": ("No exchange of a meter is recorded.", "没有换表记录。"),
    "meter.line": (
        "{id}  {at}  {device}  {point}: old meter {old}, new meter {new}, factor {factor}, by {actor}",
        "{id}  {at}  {device}  {point}：旧表止码 {old}，新表起码 {new}，系数 {factor}，{actor}",
    ),
    "meter.taken_back": ("Exchange {id} is taken back: {device}  {point}  {at}", "已撤销换表 {id}：{device}  {point}  {at}"),
    "meter.row": ("row {line}: {why}", "第 {line} 行：{why}"),
    "meter.imported": ("{count} exchanges recorded, {refused} refused", "已登记换表 {count} 条，拒绝 {refused} 条"),
    "meter.checked": ("{count} exchanges in order, {refused} not", "换表记录 {count} 条正确，{refused} 条有误"),
    "meter.file": ("{file} cannot be read: {error}", "无法读取 {file}：{error}"),
    "meter.columns": (
        "{file}: wrong or missing columns: {wrong}; the columns are {known}", "{file} 的列有误或缺失：{wrong}；可用的列：{known}",
    ),
}  # fmt: skip
