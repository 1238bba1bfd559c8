"""`fieldgate import`."""

TEXTS: dict[str, tuple[str, str]] = {
    "import.unwritable": ("{path} cannot be written: {error}", "无法写入 {path}：{error}"),
    # the map
    "import.map.column_or_value": (
        "write either `column: NAME` or `value: TEXT`, one of them",
        "请写 `column: 列名` 或 `value: 值`，二者取一",
    ),
    "import.map.zone_useless": (
        "times in {written} count from 1970 UTC; remove `zone`",
        "{written} 时间从 1970 UTC 起算；请删除 `zone`",
    ),
    "import.map.zone_missing": (
        "times as {written!r} name no zone; write for example `zone: Asia/Shanghai`",
        "{written!r} 不含时区；例如写 `zone: Asia/Shanghai`",
    ),
    "import.map.time_format": (
        '{written!r} is no time format; write iso, s, ms, or for example "%Y-%m-%d %H:%M:%S"',
        '{written!r} 不是时间格式；请写 iso、s、ms，或例如 "%Y-%m-%d %H:%M:%S"',
    ),
    "import.map.wide_or_long": (
        "write either `points:` (a column per point) or `point:` and `value:` (a row per reading)",
        "请写 `points:`（每个测点一列），或 `point:` 与 `value:`（每行一条读数）",
    ),
    "import.map.long_needs_value": (
        "`point:` and `value:` belong together: write both",
        "`point:` 与 `value:` 须同时填写",
    ),
    "import.map.only_long": (
        "`component:` beside `points:` means nothing; write `component: 1` inside the point",
        "使用 `points:` 时不写 `component:`；请在测点内写 `component: 1`",
    ),
    "import.map.time_column": (
        "write `column: NAME`, or `columns: [DATE, TIME]` when date and time stand apart, one of them",
        "请写 `column: 列名`；若日期和时间分列，请写 `columns: [日期, 时间]`；二者取一",
    ),
    "import.map.no_header": (
        "with `header: false` columns are numbers from 1; write for example `column: 3` instead of {written!r}",
        "`header: false` 时列用从 1 起的序号表示；请写例如 `column: 3`，而不是 {written!r}",
    ),
    "import.map.decimal_delimiter": (
        "a comma cannot be both decimal sign and delimiter; write `delimiter: ;`",
        "逗号不能既作小数点又作分隔符；请写 `delimiter: ;`",
    ),
    "import.map.point": (
        "no device of the file has a point {name!r}; known: {known}",
        "文件中的设备没有测点 {name!r}；可用：{known}",
    ),
    "import.map.point_near": (
        "no device of the file has a point {name!r}; did you mean {near!r}?",
        "文件中的设备没有测点 {name!r}；是否想写 {near!r}？",
    ),
    "import.map.dimension": (
        "{written!r} does not measure what {name} does ({unit})",
        "{written!r} 与测点 {name} 的量纲（{unit}）不符",
    ),
    "import.map.state_number": (
        "{name} is a state point: it has texts, no unit, scale, offset or decimal; remove them",
        "{name} 是状态测点：只有文本，没有 unit、scale、offset、decimal；请删除",
    ),
    "import.map.state_text": (
        "{value!r} is no state of this point; write one of: {known}",
        "{value!r} 不是该测点的状态；可用：{known}",
    ),
    "import.map.not_state": (
        "{name} is a number; `map` is for state points only",
        "{name} 是数值测点；`map` 只用于状态测点",
    ),
    # the file
    "import.file.empty": ("the file is empty", "文件为空"),
    "import.file.no_rows": ("the file has a header and no rows", "文件只有表头，没有数据行"),
    "import.file.utf16": ("the file is UTF-16; save it as CSV UTF-8", "文件是 UTF-16 编码；请另存为 CSV UTF-8"),
    "import.column.missing": (
        "the file has no column {name!r}; its columns: {header}",
        "文件没有列 {name!r}；现有列：{header}",
    ),
    "import.column.near": (
        "the file has no column {name!r}; did you mean {near!r}?",
        "文件没有列 {name!r}；是否想写 {near!r}？",
    ),
    "import.column.number": (
        "the file has {count} columns, there is no column {name}",
        "文件只有 {count} 列，没有第 {name} 列",
    ),
    "import.column.twice": (
        "the file has several columns {name!r}; rename all but one",
        "文件有多列名为 {name!r}；请只保留一列",
    ),
    # a row
    "import.row.row": ("row {row}:", "第 {row} 行："),
    "import.row.reject": ("{place} {text}", "{place}{text}"),
    "import.row.cell": ("row {row}, column {column}:", "第 {row} 行，{column} 列："),
    "import.row.no_device": ("no device code", "缺少设备编号"),
    "import.row.device": (
        "unknown device {value!r}; add it to the device list, or correct the code",
        "未知设备 {value!r}；请加入设备清单或更正编号",
    ),
    "import.row.scientific": (
        "{value!r} is a number a spreadsheet has shortened; export the column as text",
        "{value!r} 是被表格软件缩写的长数字；请将该列设为文本后重新导出",
    ),
    "import.row.point": (
        "the device (profile {profile}) has no point {value!r}",
        "该设备（型号 {profile}）没有测点 {value!r}",
    ),
    "import.row.component": (
        "{value!r} is no component; write a whole number from 1",
        "{value!r} 不是部件号；请写从 1 起的整数",
    ),
    "import.row.time": ("{value!r} is no time of the form {form}", "{value!r} 不符合时间格式 {form}"),
    "import.row.time_number": ("{value!r} is no number of {form} since 1970", "{value!r} 不是自 1970 年起的 {form} 数"),
    "import.row.time_gap": (
        "{value!r} does not exist: the clock was put forward over it",
        "{value!r} 不存在：当时时钟向前拨过了这一时刻",
    ),
    "import.row.no_zone": (
        "{value!r} names no zone; write `zone:` in the map",
        "{value!r} 不含时区；请在映射文件中写 `zone:`",
    ),
    "import.row.future": ("{value!r} lies in the future", "{value!r} 是将来的时间"),
    "import.row.retention": (
        "{value!r} is older than what is kept (`series.retention`)",
        "{value!r} 早于数据保存期（`series.retention`）",
    ),
    "import.row.number": ("{value!r} is not a number", "{value!r} 不是数字"),
    "import.row.comma": (
        '{value!r} is not a number; if the comma is a decimal sign, write `decimal: ","` in the map',
        '{value!r} 不是数字；若逗号是小数点，请在映射文件中写 `decimal: ","`',
    ),
    "import.row.unit": (
        "{value!r} is in {written}, the point is in {unit}",
        "{value!r} 的单位是 {written}，而测点的单位是 {unit}",
    ),
    "import.row.state": (
        "{value!r} is no state of this point ({known}); translate it with `map:` in the map",
        "{value!r} 不是该测点的状态（{known}）；请在映射文件中用 `map:` 转换",
    ),
    "import.row.quality": (
        "{value!r} is no quality; write good, uncertain or bad, or translate it with `map:` under `quality:`",
        "{value!r} 不是质量；请写 good、uncertain 或 bad，或在 `quality:` 下用 `map:` 转换",
    ),
    "import.row.too_many": (
        "{count} cells under {columns} columns: a delimiter too many",
        "{columns} 列表头下有 {count} 个单元格：多了分隔符",
    ),
    "import.row.too_long": ("longer than 1 MiB", "超过 1 MiB"),
    "import.row.nul": ("a NUL byte: this part of the file is damaged", "含 NUL 字节：文件此处已损坏"),
    "import.row.encoding": ("not in the encoding of the rest of the file", "编码与文件其余部分不一致"),
    "import.row.quoting": ("broken quoting up to row {last}: {reason}", "直到第 {last} 行引号错误：{reason}"),
    # points
    "import.point.no_components": (
        "{name} belongs to the device as a whole; remove `component`",
        "{name} 属于整台设备；请删除 `component`",
    ),
    "import.point.component": (
        "{name} exists per component; write `component:` from 1 to {most}",
        "{name} 按部件区分；请写 `component:`，1 至 {most}",
    ),
    # the report
    "import.progress": ("readings", "读数"),
    "import.strict": (
        "nothing was imported: {count} row(s) are wrong (--strict)",
        "未导入任何数据：{count} 行有误（--strict）",
    ),
    "import.nothing": ("nothing was imported: no row is right", "未导入任何数据：没有正确的行"),
    "import.rejected": ("{count} row(s) rejected", "拒绝 {count} 行"),
    "import.rejected_in": ("{count} row(s) rejected, see {path}", "拒绝 {count} 行，见 {path}"),
    "import.more": ("... and {count} more", "…… 另有 {count} 行"),
    "import.checked": (
        "checked, nothing sent: {rows} rows, {readings} readings of {devices} devices are in order, {rejected} rows are not",
        "仅检查，未发送：{rows} 行、{readings} 条读数、{devices} 台设备无误，{rejected} 行有误",
    ),
    "import.done": (
        "{file}: {rows} rows of {devices} devices in, {rejected} rejected; readings: {imported} new ({replaced} of another value before), {duplicates} there already, {late} older than what the rules had judged, {expired} older than the retention, {refused} refused; alarms raised {alarms}, orders made {orders}",
        "{file}：导入 {rows} 行、{devices} 台设备，拒绝 {rejected} 行；读数：新增 {imported}（其中 {replaced} 条替换了原值），已存在 {duplicates}，早于规则已判定时间 {late}，超出保存期 {expired}，拒收 {refused}；触发告警 {alarms}，生成工单 {orders}",
    ),
    "import.no_gateway": (
        "no gateway answers at {url}; give -c to import without one",
        "{url} 没有网关应答；若要在网关停止时导入，请给出 -c",
    ),
    "import.held": (
        "no gateway answers at {url}; if one holds the data, give its address with --api",
        "{url} 没有网关应答；如果数据正被网关使用，请用 --api 给出其地址",
    ),
    "import.handed_over": (
        "a gateway starts and takes over the data; the import continues through it",
        "网关正在启动，数据交由网关使用；导入将通过网关继续",
    ),
    "import.gave_way": (
        "a gateway started and took over the data, but the import could not reach it; run the same command again: what was imported is kept",
        "网关已启动并接管数据，但导入无法连接到该网关；请重新执行同一命令：已导入的数据会保留",
    ),
}
