"""Maintenance plans: dates, cycles, rounds; `plans/*.yaml`, `fieldgate plans`."""

TEXTS: dict[str, tuple[str, str]] = {
    "plans.why": ("planned for {due}: {why}", "计划日期 {due}：{why}"),
    "plans.merged": ("planned for {days} as well: done with this order", "{days} 的计划也随本工单完成"),
    "plans.start": (
        "{written!r} is no first day; write from: 2026-01-05, or from: attr installed_on (an attribute of the devices)",
        "{written!r} 不是起始日期；请写 from: 2026-01-05，或 from: attr installed_on（设备属性名）",
    ),
    "plans.repeat_or_rule": (
        "a plan has dates of its own or a rule; write exactly one of repeat: and rule:",
        "计划要么自带日期，要么由规则触发；`repeat` 与 `rule` 只写其中一项",
    ),
    "plans.no_order": (
        "a plan with dates needs an order; write order: {{type: maintenance}}",
        "带日期的计划需要工单；请写 order: {{type: maintenance}}",
    ),
    "plans.rule_decides": (
        "devices, time and order of this plan come from its rule; remove for, lead and order here",
        "此计划的设备、时间和工单由规则决定；请删除这里的 for、lead 和 order",
    ),
    "plans.twice": ("there is a plan {name} already, in {file}; write another name", "计划 {name} 已存在于 {file}；请换名称"),
    "plans.rule_twice": (
        "rule {value} has the plan {other} already; a rule belongs to one plan",
        "规则 {value} 已属于计划 {other}；一条规则只能属于一个计划",
    ),
    "plans.unknown": ("there is no {value}; known: {known}", "没有 {value}；可用：{known}"),
    "plans.unknown_near": ("there is no {value}; did you mean {near}?", "没有 {value}；是否想写 {near}？"),
    "plans.rrule": (
        "{value!r} is no rule of dates; write for example FREQ=WEEKLY;BYDAY=MO,TH or FREQ=MONTHLY;INTERVAL=3",
        "{value!r} 不是日期规则；例如 FREQ=WEEKLY;BYDAY=MO,TH 或 FREQ=MONTHLY;INTERVAL=3",
    ),
    "plans.rrule.freq": (
        "{value!r} does not say how often; write FREQ=DAILY, WEEKLY, MONTHLY or YEARLY, as in FREQ=MONTHLY;INTERVAL=3",
        "{value!r} 没有写明周期；请写 FREQ=DAILY、WEEKLY、MONTHLY 或 YEARLY，例如 FREQ=MONTHLY;INTERVAL=3",
    ),
    "plans.rrule.completed": (
        "{value!r}: dates from the day of the work have only FREQ and INTERVAL; write both alone, or basis: scheduled",
        "{value!r}：按完成日推算时只能写 FREQ 和 INTERVAL；请删除其余部分，或写 basis: scheduled",
    ),
    "plans.rrule.short_month": (
        "{value!r} from a day after the 28th leaves out short months; write FREQ=MONTHLY;BYMONTHDAY=-1 for the last day",
        "{value!r} 从 28 日以后起算，会跳过小月；若为月末，请写 FREQ=MONTHLY;BYMONTHDAY=-1",
    ),
    "plans.rrule.none": ("{value!r} has no date; write a later UNTIL, or remove it", "{value!r} 没有任何日期；请把 UNTIL 写晚一些或删除"),
    "plans.cli.none": ("there are no plans: write plans/*.yaml (docs/plans.md)", "没有计划：请在 plans/*.yaml 中编写（见 docs/plans.md）"),
    "plans.cli.of_dates": (
        "{id}: {title}. {things} covered, {open} open, {overdue} overdue, next {due}",
        "{id}：{title}。覆盖 {things}，未完成 {open}，已逾期 {overdue}，下一次 {due}",
    ),
    "plans.cli.of_rule": (
        "{id}: {title}. counted by rule {rule}; {open} open, {overdue} overdue",
        "{id}：{title}。由规则 {rule} 计数；未完成 {open}，已逾期 {overdue}",
    ),
    "plans.cli.no_date": ("none", "无"),
    "plans.cli.undated": (
        "{count} have no next date: their order is open, or they lack the attribute of the first day",
        "{count} 个没有下一次日期：工单未完成，或缺少起始日期属性",
    ),
    "plans.cli.moved": ("{due} (postponed from {was})", "{due}（原为 {was}，已推迟）"),
    "plans.cli.no_start": ("no first day", "缺少起始日期"),
    "plans.cli.after_order": ("after the open order", "待未完成工单完成后确定"),
    "plans.cli.coverage": (
        "{of}: {share} done. {due} planned: {done} done, {open} open ({overdue} overdue), {missed} missed; {skipped} skipped",
        "{of}：完成率 {share}。计划 {due}：完成 {done}，未完成 {open}（其中逾期 {overdue}），错过 {missed}；跳过 {skipped}",
    ),
    "plans.cli.nothing": ("no planned date was reached in this time", "此期间没有到期的计划"),
}
