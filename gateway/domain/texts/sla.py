"""SLA: clocks, milestones, why something is due then; `fieldgate sla`."""

TEXTS: dict[str, tuple[str, str]] = {
    "word.clock.respond": ("response", "响应"),
    "word.clock.arrive": ("arrival", "到场"),
    "word.clock.resolve": ("resolution", "解决"),
    "word.clockstate.running": ("running", "计时中"),
    "word.clockstate.paused": ("paused", "已暂停"),
    "word.clockstate.met": ("met", "按时完成"),
    "word.clockstate.late": ("late", "超时完成"),
    "word.clockstate.ended": ("ended with the order", "随工单终止"),
    "sla.span": (
        "{written!r} is no span of hours; write 08:30-12:00, or 22:00-06:00 over midnight",
        "{written!r} 不是时段；请写 08:30-12:00，跨夜写 22:00-06:00",
    ),
    "sla.target": (
        "{written!r} is no working time; write 30m, 4h or 5 workdays",
        "{written!r} 不是时限；请写 30m、4h 或 5 个工作日",
    ),
    "sla.at": (
        "{written!r} is no milestone; write 80%, 4h or 2 workdays",
        "{written!r} 不是时限节点；请写 80%、4h 或 2 个工作日",
    ),
    "sla.always": (
        "always is every hour of every day and cannot be written; take another name",
        "always 固定表示全天候，不能另行定义；请换名称",
    ),
    "sla.no_hours": (
        "hours {name} have no interval; write workday: [08:30-12:00, 13:30-18:00]",
        "工作时段 {name} 没有任何区间；请写 workday: [08:30-12:00, 13:30-18:00]",
    ),
    "sla.hours": ("there are no hours {value} ({known}); write hours: {near}", "没有工作时段 {value}（现有 {known}）；请写 hours: {near}"),
    "sla.type": ("there is no order type {value}; known: {known}", "没有工单类型 {value}；可用：{known}"),
    "sla.no_clock": (
        "the policy has no target for {clock}; write {write}, or of: another clock",
        "该策略没有 {clock} 时限；请写 {write}，或在 of 中指定其他计时",
    ),
    "sla.twice": ("{clock} has the milestone {value} already; write another time", "{clock} 已有节点 {value}；请写其他时间"),
    "sla.no_workday": (
        "{value}: hours `{hours}` have no workday, so a workday has no length; write hours: 40h",
        "{value}：工作时段 `{hours}` 没有工作日，无法换算；请写小时数，如 40h",
    ),
    "sla.days": (
        "{value} would be {counted} h of working time, but a day of hours `{hours}` has {day}; write {write}, or {counted}h",
        "{value} 相当于 {counted} 小时工作时间，而工作时段 `{hours}` 每天只有 {day}；请写 {write} 或 {counted}h",
    ),
    "sla.bare": (
        "no clock runs for {names}: write what is promised, as in sla: {{repair_4h: {{respond: 30m, resolve: 4h}}}}",
        "{names} 没有时限，不会计时：请写明时限，如 sla: {{repair_4h: {{respond: 30m, resolve: 4h}}}}",
    ),
    "sla.simulated": (
        "policy {policy}, made at {start} ({zone}); if nobody ends it:",
        "策略 {policy}，建单时间 {start}（{zone}）；若一直未完成：",
    ),
    "sla.hold_word": ("on hold", "挂起"),
    "sla.target_word": ("target", "时限"),
    "sla.never": ("never           ", "永不到期        "),
    "sla.tells": ("; notice to {audience}", "；通知 {audience}"),
    "sla.unknown": ("there is no policy {value} with targets; there are: {known}", "没有带时限的策略 {value}；现有：{known}"),
    "sla.time": ("{value} is no time; write \"2026-02-13 16:00\"", "{value} 不是时间；请写 \"2026-02-13 16:00\""),
    "sla.holds": (
        "holds must follow each other, and the start; write each as FROM UNTIL",
        "挂起时段须依次排列，且不早于建单；每段请写 FROM UNTIL",
    ),
    "sla.none": ("order {no} has no clocks: no policy takes it", "工单 {no} 没有计时：没有适用的策略"),
    "sla.clock": ("{line}: {state}", "{line}：{state}"),
    "sla.fired": ("milestone {name}: reached at {due}, told at {at}", "节点 {name}：到达 {due}，上报 {at}"),
    "sla.note.due": (
        "{clock} is overdue: the target of {target} was reached at {at}",
        "{clock}超时：{at} 已达到时限 {target}",
    ),
    "sla.note.milestone": (
        "{clock}: {spent} of {target} used up at {at} (milestone {name})",
        "{clock}：{at} 已用 {spent}，时限 {target}（节点 {name}）",
    ),
    "sla.why.target": (
        "{clock}: {target} of working time since {start} (policy {policy}, hours `{hours}`, {zone})",
        "{clock}：自 {start} 起工作时间 {target}（策略 {policy}，工作时段 `{hours}`，{zone}）",
    ),
    "sla.why.target_always": (
        "{clock}: {target} since {start}, every hour counts (policy {policy})",
        "{clock}：自 {start} 起 {target}，全天候计时（策略 {policy}）",
    ),
    "sla.why.gone": (
        "{clock}: {target} by policy {policy}, which is no longer in the configuration",
        "{clock}：时限 {target}，策略 {policy} 已不在配置中",
    ),
    "sla.why.counted": ("{since} – {until}: {spent} counted", "{since} – {until}：计入 {spent}"),
    "sla.why.counted_then": (
        "{since} – {until}: {spent} counted, by the hours in force then",
        "{since} – {until}：按当时的工作时段计入 {spent}",
    ),
    "sla.why.nothing": ("{since} – {until}: outside the hours, nothing counted", "{since} – {until}：非工作时段，不计时"),
    "sla.why.ahead": ("{since} – {until}: {spent} to come", "{since} – {until}：将计入 {spent}"),
    "sla.why.more": (
        "{since} – {until}: {spent} in {n} more intervals",
        "{since} – {until}：另有 {n} 段，共 {spent}",
    ),
    "sla.why.paused": ("{since} – {until}: paused: {reason}", "{since} – {until}：暂停，原因：{reason}"),
    "sla.why.done": ("{since} – {until}: the work was done, until it was reopened", "{since} – {until}：已完成，后重开"),
    "sla.why.paused_now": ("since {since} paused: {reason}", "自 {since} 起暂停，原因：{reason}"),
    "sla.why.holiday": ("{first}: a holiday (calendar `{calendar}`)", "{first}：节假日（日历 `{calendar}`）"),
    "sla.why.holidays": (
        "{first} – {last}: holidays (calendar `{calendar}`)",
        "{first} – {last}：节假日（日历 `{calendar}`）",
    ),
    "sla.why.worked": (
        "{day}: a weekend day that is worked (calendar `{calendar}`)",
        "{day}：调休上班日（日历 `{calendar}`）",
    ),
    "sla.why.year": (
        "calendar `{calendar}` has no {year}: Monday to Friday count as workdays there, no day as a holiday",
        "日历 `{calendar}` 没有 {year} 年：该年周一至周五按工作日计算，没有节假日",
    ),
    "sla.why.provisional": (
        "calendar `{calendar}` has {year} without the official notice: only the days of the law are off",
        "日历 `{calendar}` 的 {year} 年尚无官方通知：仅法定节假日休息",
    ),
    "sla.why.due": (
        "{spent} of {target} counted, {left} left: due at {due}",
        "时限 {target}，已计 {spent}，还剩 {left}：应于 {due} 前完成",
    ),
    "sla.why.overdue": (
        "{spent} of {target} counted: was due at {due}",
        "时限 {target}，已计 {spent}：应于 {due} 前完成，现已超时",
    ),
    "sla.why.never": (
        "{spent} of {target} counted; there is not enough working time in the next three years, so it is never due",
        "时限 {target}，已计 {spent}；未来三年内没有足够的工作时段，永不到期",
    ),
    "sla.why.stands": (
        "{spent} of {target} counted, {left} left when it goes on",
        "时限 {target}，已计 {spent}，恢复计时后还剩 {left}",
    ),
    "sla.why.ended": ("{spent} of {target} counted; ended with the order at {at}", "时限 {target}，已计 {spent}；{at} 随工单终止"),
    "sla.why.met": ("{spent} of {target} counted; met in time at {at}", "时限 {target}，已计 {spent}；{at} 按时完成"),
    "sla.why.late": (
        "{spent} of {target} counted; was due at {due}, met at {at}, too late",
        "时限 {target}，已计 {spent}；应于 {due} 前完成，实际 {at}，已超时",
    ),
}
