"""Tests inside rule files: mistakes in a case, and failures."""

TEXTS: dict[str, tuple[str, str]] = {
    "casetest.key": ("unknown key {key}; write one of {known}", "未知的键 {key}；请写 {known} 之一"),
    "casetest.rule": (
        "there is no rule {rule} in this file or in its use; there are {known}",
        "本文件及其 use 中没有规则 {rule}；已有 {known}",
    ),
    "casetest.use": (
        "cannot read {path}: {reason}; write a path relative to this file",
        "无法读取 {path}：{reason}；请写相对本文件的路径",
    ),
    "casetest.file": (
        "no such file; write a .yaml file or a folder of them",
        "文件不存在；请写 .yaml 文件或其所在目录",
    ),
    "casetest.unreadable": ("cannot be read: {reason}; write it as UTF-8 text", "无法读取：{reason}；应为 UTF-8 文本"),
    "casetest.series": (
        "{value} is not a series; write 84 86*14 80+0.5*10 _*3 bad or 'text'",
        "{value} 不是序列；请写 `84 86*14 80+0.5*10 _*3 bad` 或 `'text'`",
    ),
    "casetest.number": (
        "{value} is not a value of {point}; write a number in {unit}, bad, or _ for none",
        "{value} 不是 {point} 的值；请写以 {unit} 为单位的数、`bad`，或 `_`（表示没有）",
    ),
    "casetest.state": (
        "{value} is not a value of {point}; write a text such as '{example}', bad, or _ for none",
        "{value} 不是 {point} 的值；请写文字如 '{example}'、`bad`，或 `_`（表示没有）",
    ),
    "casetest.point": ("{kind} has no point {name}; it has {known}", "{kind} 没有测点 {name}；已有 {known}"),
    "casetest.device": ("there is no device {name} in this case; there are {known}", "本用例没有设备 {name}；已有 {known}"),
    "casetest.component": (
        "{name} has components 1 to {count}; write {name}#1, or components: 2 at the device",
        "{name} 的部件为 1 至 {count}；请写 {name}#1，或在设备处写 components: 2",
    ),
    "casetest.bracket": (
        'the component comes before the point: instead of {name} write "{write}"',
        "部件应写在测点之前：{name} 请写成 \"{write}\"",
    ),
    "casetest.whole": (
        "{name} is a point of the whole {kind}, not of a component; write {name} alone, or each: true at the point",
        "{name} 是整个 {kind} 的测点，不属于部件；应只写 {name}，或在测点处写 each: true",
    ),
    "casetest.no_value": (
        'no value; after a space # begins a comment, so write "#2.status": fault',
        "没有值；空格后的 # 会变成注释，请写 \"#2.status\": fault",
    ),
    "casetest.site": (
        "no site {name}; add it under sites: {{{name}: {{timezone: Asia/Shanghai}}}}",
        "没有场站 {name}；应在 sites 下加上：{{{name}: {{timezone: Asia/Shanghai}}}}",
    ),
    "casetest.customer": (
        "no customer {name}; add it under customers: {{{name}: {{attrs: {{class: household}}}}}}",
        "没有客户 {name}；应在 customers 下加上：{{{name}: {{attrs: {{class: household}}}}}}",
    ),
    "casetest.kind": ("no profile of kind {name}; write one of {known}", "没有设备类型 {name} 的型号；请写 {known} 之一"),
    "casetest.profile": (
        "no profile {name} of kind {kind}; write one of {known}",
        "设备类型 {kind} 没有型号 {name}；请写 {known} 之一",
    ),
    "casetest.cycle": (
        "{value}: a reading is for rules with every only; for a rule with due write cycle: true",
        "{value}：只有 every 规则的周期带读数，due 规则请写 cycle: true",
    ),
    "casetest.done": (
        "done is the time at which the work of a cycle was done, and this event is {what}; remove it",
        "done 是完成保养的时刻，而此事件是 {what}；请删去",
    ),
    "casetest.time": (
        "{value} is not an offset from start; write 90s, 2m10s or 2026-05-01T00:00:00+08:00",
        "{value} 不是相对开始的时间；请写 90s、2m10s 或 2026-05-01T00:00:00+08:00",
    ),
    "casetest.start": (
        "{value} is not a date and time; write 2026-05-01T00:00:00+08:00",
        "{value} 不是时刻；请写 2026-05-01T00:00:00+08:00",
    ),
    "casetest.every": (
        "the series of {point} needs every: 10s, because its profile gives no interval",
        "{point} 的序列需要 every: 10s，其型号没有给出上报间隔",
    ),
    "casetest.shape": ("{value} does not fit here; write {write}", "{value} 不能写在这里；请写 {write}"),
    "casetest.missing": ("{key} is missing; write {write}", "缺少 {key}；请写 {write}"),
    "casetest.is": (
        "{value} is not a transition; write raised, level_up, level_down, cleared, withdrawn or merged",
        "{value} 不是变化；请写 raised、level_up、level_down、cleared、withdrawn 或 merged",
    ),
    "casetest.level": (
        "{value} is not a level; write notice, minor, major or critical",
        "{value} 不是级别；请写 notice、minor、major 或 critical",
    ),
    "casetest.life": (
        "{value} is not a state of a device; write planned, in_service or retired",
        "{value} 不是设备状态；请写 planned、in_service 或 retired",
    ),
    "casetest.many": ("more than {limit} readings; write a shorter series", "读数超过 {limit} 条；应缩短序列"),
    "casetest.ok": ("ok    {rule}: {say}", "通过  {rule}：{say}"),
    "casetest.failed": ("FAIL  {rule}: {say}  ({file}:{line})", "失败  {rule}：{say}（{file}:{line}）"),
    "casetest.same": ("    = {item}", "    = {item}"),
    "casetest.expected": ("    - expected  {item}", "    - 应有  {item}"),
    "casetest.got": ("    + got       {item}", "    + 实有  {item}"),
    "casetest.differs": (
        "    - expected  {item}\n    + got       {got}   <- {keys}",
        "    - 应有  {item}\n    + 实有  {got}   <- {keys}",
    ),
    "casetest.none": ("    = no transition", "    = 没有变化"),
    "casetest.replay": (
        "    live and the replay from a snapshot differ: live {live}, replay {replay}",
        "    实时与快照回放不一致：实时 {live}，回放 {replay}",
    ),
    "casetest.sum": ("{passed} passed, {failed} failed", "通过 {passed} 个，失败 {failed} 个"),
    "casetest.empty": (
        "no test in {paths}; write test: [{{say: …, series: {{…}}, expect: []}}] in a rule",
        "{paths} 中没有用例；应在规则中写 test: [{{say: …, series: {{…}}, expect: []}}]",
    ),
}
